//! FTP inside TLS: one client from its first byte to its last.
//!
//! ```text
//! serve (one task a client) → connection (what happens next → ftp::Session → what to do)
//!     → due (pure: what time itself asks for)
//!     → perform (one function an action) → state (who is there, what is done for them)
//!         → login, files, prepare → transfer (→ writes), list
//! control (lines and replies) and data connections are sockets (socket.rs: counted) inside tls
//! passive hands out ports and data connections
//! ```
//!
//! The protocol itself is the pure crate `ftp`; nothing here decides what a reply says.

mod serve;

mod connection;
mod due;
mod perform;
mod span;
mod state;

mod control;
mod family;
mod login;

mod files;
mod prepare;
mod target;

mod ascii;
mod list;
mod pattern;
mod progress;
mod transfer;
mod writes;

mod failure;

mod passive;
mod socket;
mod tls;

pub(crate) use self::passive::Introduced;
pub use self::{
    passive::{Introduction, PassiveBindError, PassivePorts, PassiveUse},
    serve::{refuse, serve},
    tls::{Certificate, ServerTls, TlsError},
};
