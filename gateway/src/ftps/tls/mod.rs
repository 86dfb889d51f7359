//! TLS of one listener, and of one session on it.
//!
//! ```text
//! certificate (two files) → server (how a listener speaks TLS) → session (one control connection and its data
//! connections) → data (one of these: a socket, and records, which know no socket) → stream (how bytes end)
//! ```
//!
//! A data connection proves that it belongs to a session by resuming the session's TLS: every control connection has a
//! [`store`] of its own, so nothing else can be resumed there. Nothing here reads a file, knows FTP's commands or a
//! clock; deadlines are the caller's.

mod certificate;
mod data;
mod records;
mod server;
mod session;
mod store;
mod stream;
mod window;

pub use self::{
    certificate::{Certificate, TlsError},
    server::ServerTls,
};
pub(crate) use self::{
    data::TlsDataSocket,
    session::{Handshake, SessionTls},
    stream::{Received, TlsSocket, finish, receive},
};

#[cfg(test)]
mod tests;
