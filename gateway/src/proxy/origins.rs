//! Who is believed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use gateway_config::{ClientAddress, Endpoint, ProxyMode, ProxyProtocol};
use tokio::net::TcpStream;

use super::{Awaited, Caller, NoOrigin, Origin, awaited::Demand, seldom::Seldom};

/// Finds out where the connections of one gateway come from.
#[derive(Debug)]
pub(crate) struct Origins {
    rules: ArcSwap<Rules>,
    strangers: Seldom,
    headers: Seldom,
}

/// What is known of a connection before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything: no byte will be looked at.
    Known(Origin),
    /// A header may come, or must.
    Awaited(Awaited),
}

/// What an endpoint says about it.
#[derive(Debug)]
struct Rules {
    proxies: ProxyProtocol,
    client_address: ClientAddress,
    login_time: Duration,
}

impl Origins {
    /// By the rules of this endpoint.
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self {
            rules: ArcSwap::from_pointee(Rules::of(endpoint)),
            strangers: Seldom::default(),
            headers: Seldom::default(),
        }
    }

    /// From now on these rules count for new connections.
    pub(crate) fn change(&self, endpoint: &Endpoint) {
        self.rules.store(Arc::new(Rules::of(endpoint)));
    }

    /// Looks at the address of a connection's socket; waits for nothing.
    pub(crate) fn at_sight(&self, address: SocketAddr) -> Result<Sight, NoOrigin> {
        self.rules.load().at_sight(address)
    }

    /// Finds out about a connection, reading its header if it has one.
    pub(crate) async fn identify(
        &self,
        stream: &mut TcpStream,
        address: SocketAddr,
    ) -> Result<Caller, NoOrigin> {
        match self.at_sight(address)? {
            Sight::Known(origin) => Ok(Caller::Client(origin)),
            Sight::Awaited(awaited) => awaited.identify(stream).await,
        }
    }

    /// Logs why a connection was closed. Strangers cause this as often as they like, so it is said now and then, and
    /// always to who looks for it.
    pub(crate) fn complain(&self, address: SocketAddr, why: &NoOrigin) {
        let is_told = match why {
            NoOrigin::Closed => false,
            NoOrigin::Untrusted => self.strangers.admits(),
            NoOrigin::Missing
            | NoOrigin::Version1
            | NoOrigin::Malformed(_)
            | NoOrigin::TooSlow
            | NoOrigin::Broken(_) => self.headers.admits(),
        };
        if is_told {
            tracing::warn!(%address, reason = %why, "connection closed; this is said once a minute at most");
        } else {
            tracing::debug!(%address, reason = %why, "connection closed");
        }
    }
}

impl Rules {
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            proxies: endpoint.proxy_protocol.clone(),
            client_address: endpoint.client_address,
            login_time: Duration::from_secs(endpoint.limits.login_seconds),
        }
    }

    fn at_sight(&self, address: SocketAddr) -> Result<Sight, NoOrigin> {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let demand = match self.proxies.mode {
            ProxyMode::Disabled => {
                return Ok(Sight::Known(Origin {
                    address,
                    visibility: self.client_address,
                }));
            }
            ProxyMode::Optional if self.trusts(address) => Demand::Optional,
            ProxyMode::Optional => return Ok(Sight::Known(Origin::hidden(address))),
            ProxyMode::Required if self.trusts(address) => Demand::Required,
            ProxyMode::Required => return Err(NoOrigin::Untrusted),
        };
        Ok(Sight::Awaited(Awaited {
            address,
            demand,
            login_time: self.login_time,
        }))
    }

    fn trusts(&self, address: SocketAddr) -> bool {
        let trusted = &self.proxies.trusted_cidrs;
        trusted.iter().any(|range| range.contains(&address.ip()))
    }
}
