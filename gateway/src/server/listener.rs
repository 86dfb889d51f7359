//! Sockets that clients connect to.

use std::{io, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use gateway_config::Listener;
use tokio::{net::TcpStream, task::JoinHandle};

use crate::accept::Acceptor;

/// Connections that wait to be accepted.
const CLIENTS_WAITING_MAX: u32 = 1024;

/// A socket and the task that accepts from it; both end when this is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    /// As it is configured now.
    pub(super) listener: Arc<ArcSwap<Listener>>,
    /// Where it really listens.
    pub(super) address: SocketAddr,
    pub(super) task: JoinHandle<()>,
}

impl Listening {
    /// The listener's name, and where it really listens.
    pub(super) fn name_and_address(&self) -> (String, SocketAddr) {
        (self.listener.load().name.clone(), self.address)
    }
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
pub(super) fn bind(listener: &Listener) -> Result<Acceptor, BindError> {
    Acceptor::bind(listener.address, CLIENTS_WAITING_MAX).map_err(|source| BindError {
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

/// Accepts until the task is aborted.
pub(super) async fn accept_all(
    mut acceptor: Acceptor,
    mut welcome: impl FnMut(TcpStream, SocketAddr),
) {
    loop {
        let (stream, address) = acceptor.accept().await;
        welcome(stream, address);
    }
}
