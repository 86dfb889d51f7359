//! The socket of one passive port.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::TcpStream;

use crate::accept::{Acceptor, is_of_one_connection};

/// Connections that wait to be accepted.
const STRANGERS_WAITING_MAX: u32 = 128;

/// A port that is bound, and stays so until this is dropped.
#[derive(Debug)]
pub(super) struct Door(Acceptor);

impl Door {
    /// Binds the port; 0 lets the system choose one. Must be called in a tokio runtime.
    pub(super) fn open(listen: IpAddr, port: u16) -> io::Result<Self> {
        Acceptor::bind(SocketAddr::new(listen, port), STRANGERS_WAITING_MAX).map(Self)
    }

    /// The port that is really bound.
    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.0.address()?.port())
    }

    /// The next connection. No error ends it. Safe to drop.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        self.0.accept().await
    }

    /// Closes the connections that wait to be accepted, and counts them. So nobody can be taken for the client of a
    /// reservation who was there before it. (Tokio's own accept may not know of them yet.)
    pub(super) fn sweep(&self) -> u64 {
        let mut swept = 0;
        for _ in 0..STRANGERS_WAITING_MAX {
            match rustix::net::accept(self.0.socket()) {
                Ok(_stranger) => swept += 1,
                Err(error) if is_of_one_connection(&error.into()) => {}
                // Nobody waits any more, or nobody can be accepted now.
                Err(_) => break,
            }
        }
        swept
    }
}
