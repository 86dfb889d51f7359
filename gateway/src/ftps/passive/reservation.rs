//! A port that is reserved for one session, as the session sees it.

use std::{fmt, io, sync::Arc};

use ftp::{DataFailure, DataProtection, Direction, Opened};
use futures_util::future::BoxFuture;
use tokio::{
    net::TcpStream,
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::candidate::Wanted;
use crate::ftps::{
    socket::Socket,
    tls::{Handshake, SessionTls, TlsDataSocket},
};

/// A port that is reserved for one session, until its data connection is bound or this is dropped.
#[derive(Debug)]
#[must_use = "the port is free again when this is dropped"]
pub(crate) struct Reservation {
    pub(super) opened: Opened,
    pub(super) deadline: Instant,
    pub(super) bind_order: oneshot::Sender<BindOrder>,
}

/// A data connection that belongs to this session.
#[derive(Debug)]
pub(crate) enum DataStream {
    /// `PROT C`.
    Clear(Socket),
    /// `PROT P`.
    Tls(Box<TlsDataSocket>),
}

/// The handshake of a data connection.
pub(super) type Handshaker =
    dyn Fn(TcpStream) -> BoxFuture<'static, io::Result<(DataStream, Handshake)>> + Send + Sync;

/// What a session sends to the owner of its port when its transfer begins.
pub(super) struct BindOrder {
    pub(super) wanted: Wanted,
    /// None: no TLS.
    pub(super) handshaker: Option<Arc<Handshaker>>,
    /// Closed when the session does not want it any more.
    pub(super) answer: oneshot::Sender<Result<DataStream, DataFailure>>,
}

impl fmt::Debug for BindOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BindOrder")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Reservation {
    /// What the client is told.
    pub(crate) fn advertised(&self) -> Opened {
        self.opened
    }

    /// Returns when the reservation's time is over; safe to drop.
    pub(crate) async fn expired(&mut self) {
        sleep_until(self.deadline).await;
    }

    /// Waits for the data connection and binds it: over TLS with `tls` (`PROT P`), or clear without. The port is free
    /// again when this returns, or is dropped.
    pub(crate) async fn bind(
        self,
        tls: Option<SessionTls>,
        direction: Direction,
    ) -> Result<DataStream, DataFailure> {
        let handshaker = tls.map(|tls| -> Arc<Handshaker> {
            Arc::new(move |stream| {
                let tls = tls.clone();
                Box::pin(async move {
                    let (stream, handshake) =
                        tls.accept_data(Socket::new(stream), direction).await?;
                    Ok((DataStream::Tls(Box::new(stream)), handshake))
                })
            })
        });
        self.bind_by(handshaker, direction).await
    }

    pub(super) async fn bind_by(
        self,
        handshaker: Option<Arc<Handshaker>>,
        direction: Direction,
    ) -> Result<DataStream, DataFailure> {
        let protection = match handshaker {
            Some(_) => DataProtection::Private,
            None => DataProtection::Clear,
        };
        let (answer, answered) = oneshot::channel();
        let order = BindOrder {
            wanted: Wanted {
                protection,
                direction,
            },
            handshaker,
            answer,
        };
        // Whoever owns the port is only gone from the reservation when its time is over.
        if self.bind_order.send(order).is_err() {
            return Err(DataFailure::TimedOut);
        }
        answered.await.unwrap_or(Err(DataFailure::TimedOut))
    }
}
