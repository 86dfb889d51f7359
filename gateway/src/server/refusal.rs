//! Why a connection is not served.

use crate::{limits::TurnedAway, metrics::Connection, proxy::NoOrigin};

/// Why a connection is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this gateway is stopping, connect again")]
    Draining,
    #[error(transparent)]
    Limit(TurnedAway),
    #[error(transparent)]
    Origin(NoOrigin),
}

impl Refusal {
    pub(super) fn outcome(&self) -> Connection {
        match self {
            Self::Draining => Connection::Draining,
            Self::Limit(TurnedAway::TooManyHalfOpen) => Connection::TooManyHalfOpen,
            Self::Limit(TurnedAway::TooManyFromAddress) => Connection::TooManyFromAddress,
            Self::Limit(TurnedAway::Banned) => Connection::Banned,
            Self::Origin(NoOrigin::Closed) => Connection::Probe,
            Self::Origin(NoOrigin::Untrusted | NoOrigin::Missing) => Connection::NoProxyHeader,
            Self::Origin(
                NoOrigin::Version1
                | NoOrigin::Malformed(_)
                | NoOrigin::TooSlow
                | NoOrigin::Broken(_),
            ) => Connection::BadProxyHeader,
        }
    }
}
