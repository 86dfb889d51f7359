//! SFTP over SSH.
//!
//! ```text
//! transport (SSH: serve, or refuse; alone names russh) → engine (requests → storage)
//! ```

mod engine;
mod transport;

pub use engine::{Cut, Engine, EngineLimits, ProtocolError, serve_streams};
pub use transport::{HostKeyError, Ssh, refuse, serve};
