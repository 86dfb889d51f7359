//! The socket of one passive port.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rustix::io::Errno;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::sleep,
};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;
/// After a failed accept, how long until the next: the system may have run out of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// A port that is bound, and stays so until this is dropped.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    health: Health,
}

#[derive(Debug, PartialEq, Eq)]
enum Health {
    Good,
    Failing,
}

impl Door {
    /// Binds the port; 0 lets the system choose one. Must be called in a tokio runtime.
    pub(super) fn open(listen: IpAddr, port: u16) -> io::Result<Self> {
        let socket = match listen {
            IpAddr::V4(_) => TcpSocket::new_v4(),
            IpAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // Connections of a gateway that has just ended do not block its successor.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(listen, port))?;
        Ok(Self {
            listener: socket.listen(BACKLOG)?,
            health: Health::Good,
        })
    }

    /// The port that is really bound.
    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// The next connection. No error ends it. Safe to drop.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if self.health == Health::Failing {
                sleep(PAUSE).await;
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.health = Health::Good;
                    return accepted;
                }
                Err(error) => {
                    if self.health == Health::Good {
                        tracing::error!(%error, "cannot accept data connections, trying on");
                    }
                    self.health = Health::Failing;
                }
            }
        }
    }

    /// Closes the connections that wait to be accepted, and counts them. So nobody can be taken for the client of a
    /// reservation who was there before it. (Tokio's own accept may not know of them yet.)
    pub(super) fn sweep(&self) -> u64 {
        let mut swept = 0;
        for _ in 0..BACKLOG {
            match rustix::net::accept(&self.listener) {
                Ok(_stranger) => swept += 1,
                Err(Errno::AGAIN) => break,
                Err(_of_one_connection) => {}
            }
        }
        swept
    }
}
