//! SFTP over SSH.
//!
//! ```text
//! serve → transport (SSH, alone names russh) → engine (requests → storage)
//! ```

mod engine;
mod transport;

pub use engine::{Cut, Engine, EngineLimits, ProtocolError, serve_streams};
pub use transport::{HostKeyError, Ssh, refuse, serve};
