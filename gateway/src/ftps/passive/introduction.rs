//! Where the connections to passive ports come from.

use std::{fmt, net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;
use gateway_config::ClientAddress;
use tokio::net::TcpStream;

use crate::proxy::Origin;

/// A connection, after whatever a balancer has to say about it.
#[derive(Debug)]
pub(crate) struct Introduced {
    /// What follows is the client's.
    pub(crate) stream: TcpStream,
    pub(crate) origin: Origin,
}

/// Finds out where a connection comes from, by reading a balancer's header where there should be one.
#[derive(Clone)]
pub struct Introduction(Arc<Introduce>);

type Introduce =
    dyn Fn(TcpStream, SocketAddr) -> BoxFuture<'static, Option<Introduced>> + Send + Sync;

impl Introduction {
    /// Nobody has anything to say: connections come from where they seem to come from.
    pub fn direct(visibility: ClientAddress) -> Self {
        Self::new(move |stream, address| async move {
            let origin = Origin {
                address,
                visibility,
            };
            Some(Introduced { stream, origin })
        })
    }

    /// `introduce` takes a connection and the other end as the system knows it, reads not a byte too much, and returns
    /// None when the connection is to be closed. It is dropped when it takes too long, or when the port is not
    /// reserved any more.
    pub(crate) fn new<F>(
        introduce: impl Fn(TcpStream, SocketAddr) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<Introduced>> + Send + 'static,
    {
        Self(Arc::new(move |stream, address| {
            Box::pin(introduce(stream, address))
        }))
    }

    pub(super) fn begin(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> BoxFuture<'static, Option<Introduced>> {
        (self.0)(stream, address)
    }
}

impl fmt::Debug for Introduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introduction").finish_non_exhaustive()
    }
}
