//! One client from its arrival to its end, whatever it speaks.

use std::time::Duration;

use gateway_config::{ClientAddress, Listener, Protocol};
use tokio::net::TcpStream;
use tracing::{Span, field};

use super::refusal::Refusal;
use crate::{
    drain::{ClientGuard, DrainState, Phase},
    endpoint::Served,
    ftps,
    limits::{AddressPlace, HalfOpen},
    metrics::Connection,
    peer::Peer,
    proxy::{Awaited, Caller, Origin},
    sftp,
};

/// After the end of the drain, sessions have so long to say goodbye and to give up on storage that hangs: more than both
/// take, so that each says itself how it ended.
const LEAVING_TIME: Duration = Duration::from_secs(15);

/// A connection that was accepted. It holds a place among the half-open ones from the beginning, whether it says who it
/// is or not.
pub(super) struct Arrival {
    pub(super) identity: Identity,
    pub(super) served: Served,
    pub(super) listener: Listener,
    pub(super) half_open: HalfOpen,
    pub(super) guard: ClientGuard,
}

/// Where an arrival comes from.
pub(super) enum Identity {
    Known(Origin, Option<AddressPlace>),
    Awaited(Awaited),
}

impl Arrival {
    /// The span of everything that happens on this connection; `via` is the balancer that a client came through.
    pub(super) fn span(&self) -> Span {
        tracing::error_span!(
            "endpoint",
            endpoint = self.served.now().label(),
            listener = self.listener.name,
            via = field::Empty,
        )
    }

    /// Waits until it is known where it comes from, never long. Limits and bans by address follow only then.
    pub(super) async fn identify(self, stream: &mut TcpStream) -> Result<Client, Refusal> {
        let Self {
            identity,
            served,
            listener,
            half_open,
            guard,
        } = self;
        let endpoint = served.now();
        let (caller, place) = match identity {
            Identity::Known(origin, place) => (Caller::Client(origin), place),
            Identity::Awaited(awaited) => {
                let caller = tokio::select! {
                    caller = awaited.identify(stream) => caller.map_err(Refusal::Origin)?,
                    () = endpoint.drain.until_arrivals_are_refused() => return Err(Refusal::Draining),
                };
                let Origin {
                    address,
                    visibility,
                } = caller.origin();
                if visibility == ClientAddress::Real
                    && let Ok(balancer) = stream.peer_addr()
                {
                    Span::current().record("via", field::display(balancer));
                }
                let place = endpoint.limits.identified(address.ip(), visibility);
                (caller, place.map_err(Refusal::Limit)?)
            }
        };
        let Origin {
            address,
            visibility,
        } = caller.origin();
        Ok(Client {
            peer: Peer::with_place(address, visibility, Some(half_open)),
            caller,
            served,
            listener,
            place,
            guard,
        })
    }
}

/// A client that is served, and the places that it holds.
pub(super) struct Client {
    peer: Peer,
    caller: Caller,
    served: Served,
    listener: Listener,
    place: Option<AddressPlace>,
    guard: ClientGuard,
}

impl Client {
    /// Serves it until it leaves, or until the drain is over. A balancer that looks whether somebody serves is greeted
    /// like everybody: some wait for that.
    pub(super) async fn serve(self, stream: TcpStream) {
        let Self {
            peer,
            caller,
            served,
            listener,
            place,
            guard,
        } = self;
        let drain = served.now().drain.clone();
        let metrics = served.now().metrics.clone();
        let serving = async {
            match listener.protocol {
                Protocol::Sftp => sftp::serve(stream, peer.clone(), served.now()).await,
                Protocol::FtpsExplicit | Protocol::FtpsImplicit => {
                    ftps::serve(stream, peer.clone(), served, &listener).await;
                }
            }
        };
        tokio::select! {
            () = serving => {}
            () = past_the_end(drain) => tracing::info!("session cut off at the end of the drain"),
        }
        let outcome = match caller {
            Caller::Balancer(_) => Connection::BalancerProbe,
            Caller::Client(_) if peer.was_heard() => Connection::Served,
            Caller::Client(_) => Connection::Probe,
        };
        metrics.connection(listener.protocol, outcome);
        drop((peer, place, guard));
    }
}

/// Waits until the drain is over and the sessions had time to leave by themselves.
async fn past_the_end(mut drain: DrainState) {
    let mut phase = drain.phase();
    while phase != Phase::Over {
        phase = drain.changed().await;
    }
    tokio::time::sleep(LEAVING_TIME).await;
}
