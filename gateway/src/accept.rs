//! Accepting connections, whatever goes wrong.

use std::{io, net::SocketAddr, time::Duration};

use rustix::io::Errno;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, sleep_until},
};

/// How long until the next try when the system has run out of something.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause; each is twice the one before.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A socket that listens until this is dropped.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    exhaustion: Option<Exhaustion>,
}

/// The system has run out of file descriptors or memory.
#[derive(Clone, Copy, Debug)]
struct Exhaustion {
    pause: Duration,
    /// When to try again.
    until: Instant,
}

impl Acceptor {
    /// Listens there, with so many connections that may wait to be accepted; port 0 lets the system choose one. Must be
    /// called in a tokio runtime.
    pub(crate) fn bind(address: SocketAddr, backlog: u32) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // Connections of a gateway that has just ended do not block its successor.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self {
            listener: socket.listen(backlog)?,
            exhaustion: None,
        })
    }

    /// Where it really listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The socket itself.
    pub(crate) const fn socket(&self) -> &TcpListener {
        &self.listener
    }

    /// The next connection. Errors end nothing: those of a connection are skipped, and where the system has run out of
    /// something the next try waits a little. Safe to drop: a pause that has begun is not begun anew.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some(exhaustion) = self.exhaustion {
                sleep_until(exhaustion.until).await;
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.exhaustion = None;
                    return accepted;
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if self.exhaustion.is_none() {
                        tracing::error!(%error, "cannot accept connections, trying on");
                    }
                    self.exhaustion = Some(Exhaustion::after(self.exhaustion, Instant::now()));
                }
            }
        }
    }
}

impl Exhaustion {
    /// The next one, if the last try failed as well.
    fn after(last: Option<Self>, now: Instant) -> Self {
        let pause = last.map_or(FIRST_PAUSE, |last| (last.pause * 2).min(LONGEST_PAUSE));
        Self {
            pause,
            until: now + pause,
        }
    }
}

/// accept(2) reports errors of connections that have already failed, and of those that a firewall forbids. All others
/// are the system's (EMFILE, ENFILE, ENOMEM, ENOBUFS): the connection still waits, and the next try would fail as well.
pub(crate) fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::CONNREFUSED
                | Errno::CONNRESET
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
                | Errno::PERM
                | Errno::PROTO
                | Errno::TIMEDOUT
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_system_lacks_is_waited_for() {
        for (errno, expected) in [
            (Errno::CONNABORTED, true),
            (Errno::INTR, true),
            (Errno::PROTO, true),
            (Errno::PERM, true),
            (Errno::MFILE, false),
            (Errno::NFILE, false),
            (Errno::NOMEM, false),
            (Errno::NOBUFS, false),
        ] {
            assert_eq!(is_of_one_connection(&errno.into()), expected, "{errno}");
        }
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let now = Instant::now();
        let mut last = None;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let exhaustion = Exhaustion::after(last, now);
            pauses.push(exhaustion.pause.as_millis());
            last = Some(exhaustion);
        }

        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_dropped_goes_on() {
        let mut acceptor = Acceptor::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        acceptor.exhaustion = Some(Exhaustion {
            pause: LONGEST_PAUSE,
            until: Instant::now() + LONGEST_PAUSE,
        });
        let _client = std::net::TcpStream::connect(acceptor.address().unwrap()).unwrap();

        let mut tries = 0;
        while tokio::time::timeout(FIRST_PAUSE, acceptor.accept())
            .await
            .is_err()
        {
            tries += 1;
            assert!(tries <= 200, "it begins anew with every try");
        }
    }
}
