//! One client from its arrival to its end, whatever it speaks.

use std::{sync::Arc, time::Duration};

use gateway_config::Protocol;
use tokio::net::TcpStream;

use crate::{
    drain::{ClientGuard, DrainState, Phase},
    endpoint::Endpoint,
    limits::AddressPlace,
    metrics::Connection,
    peer::Peer,
    sftp,
};

/// After the end of the drain, sessions have so long to say goodbye and to give up on storage that hangs: more than both
/// take, so that each says itself how it ended.
const GRACE: Duration = Duration::from_secs(15);

/// A client that is served, and the places that it holds.
pub(super) struct Client {
    pub(super) peer: Peer,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) protocol: Protocol,
    pub(super) place: Option<AddressPlace>,
    pub(super) guard: ClientGuard,
}

impl Client {
    /// Serves it until it leaves, or until the drain is over.
    pub(super) async fn serve(self, stream: TcpStream) {
        let Self {
            peer,
            endpoint,
            protocol,
            place,
            guard,
        } = self;
        let drain = endpoint.drain.clone();
        let metrics = endpoint.metrics.clone();
        let served = match protocol {
            Protocol::Sftp => sftp::serve(stream, peer.clone(), endpoint),
        };
        tokio::select! {
            () = served => {}
            () = past_the_end(drain) => tracing::info!("session cut off at the end of the drain"),
        }
        let outcome = if peer.was_heard() {
            Connection::Served
        } else {
            Connection::Probe
        };
        metrics.connection(protocol, outcome);
        drop((peer, place, guard));
    }
}

/// Waits until the drain is over and the sessions had time to leave by themselves.
async fn past_the_end(mut drain: DrainState) {
    let mut phase = drain.phase();
    while phase != Phase::Over {
        phase = drain.changed().await;
    }
    tokio::time::sleep(GRACE).await;
}
