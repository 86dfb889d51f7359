//! Sockets that clients connect to.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use gateway_config::Listener;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// After a failed accept: how long until the next.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A socket and the task that accepts from it; both end when this is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    /// As it is configured now.
    pub(super) listener: Arc<ArcSwap<Listener>>,
    /// Where it really listens.
    pub(super) address: SocketAddr,
    pub(super) task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why a listener cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("listener `{name}` cannot listen on {address}: {}", mend(source))]
pub struct BindError {
    /// The listener's name.
    pub name: String,
    /// Where it should listen.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there, or this gateway itself elsewhere; stop the program, or give the listener \
             another port; what this gateway has itself moves in two changes, first away and then here, or with a \
             restart"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; give the listener a higher port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; use one that it has, or 0.0.0.0 or [::] for all"
        }
        _ => "the system refuses",
    }
}

/// Listens. Must be called in a tokio runtime.
pub(super) fn bind(listener: &Listener) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = match listener.address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // Connections of a gateway that has just ended do not block its successor.
        socket.set_reuseaddr(true)?;
        socket.bind(listener.address)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|source| BindError {
        name: listener.name.clone(),
        address: listener.address,
        source,
    })
}

/// Takes the socket of the same address; of several (port 0) the one of the same name, if there is one.
pub(super) fn claim(unclaimed: &mut [Option<&Listening>], listener: &Listener) -> Option<usize> {
    let fits = |kept: Option<&Listening>, same_name: SameName| {
        kept.is_some_and(|kept| {
            let kept = kept.listener.load();
            kept.address == listener.address
                && (same_name == SameName::Ignored || kept.name == listener.name)
        })
    };
    let index = unclaimed
        .iter()
        .position(|kept| fits(*kept, SameName::Demanded))
        .or_else(|| {
            unclaimed
                .iter()
                .position(|kept| fits(*kept, SameName::Ignored))
        })?;
    *unclaimed.get_mut(index)? = None;
    Some(index)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SameName {
    Demanded,
    Ignored,
}

/// Accepts until the task is aborted. Errors end nothing: those of a connection are skipped, and where the system
/// has run out of something (file descriptors, memory) the next try waits a little.
pub(super) async fn accept_all(
    socket: TcpListener,
    mut welcome: impl FnMut(TcpStream, SocketAddr),
) {
    let mut pause = None;
    loop {
        match socket.accept().await {
            Ok((stream, address)) => {
                pause = None;
                welcome(stream, address);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if pause.is_none() {
                    tracing::error!(%error, "cannot accept connections, trying on");
                }
                let wait =
                    pause.map_or(FIRST_PAUSE, |last: Duration| (last * 2).min(LONGEST_PAUSE));
                tokio::time::sleep(wait).await;
                pause = Some(wait);
            }
        }
    }
}

/// accept(2) reports errors of a connection that has already failed.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
    )
}
