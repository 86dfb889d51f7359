//! Where a connection really comes from: from where its socket says, or from where a balancer says in a PROXY header,
//! version 2.
//!
//! ```text
//! origins.rs (who is believed) → awaited.rs (reads a header) → header.rs (pure: bytes to a value)
//! ```
//!
//! Only who is trusted is believed. A header is read before anything else and to its last byte, never further: what
//! follows is SSH, TLS or FTP. Nothing here is written, and nothing waits without a limit.

mod awaited;
mod header;
mod origins;
mod seldom;

use std::{io, net::SocketAddr};

use gateway_config::ClientAddress;

use self::header::Malformed;
pub(crate) use self::{
    awaited::{Awaited, HEADER_TIME},
    origins::{Origins, Sight},
};

/// Where a connection comes from, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address; if that is hidden, the one of the socket.
    pub(crate) address: SocketAddr,
    /// Whether that is the client.
    pub(crate) visibility: ClientAddress,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody who may become a client.
    Client(Origin),
    /// The balancer itself, usually to see whether somebody serves here. Nothing is decided by its address.
    Balancer(Origin),
}

/// Why a connection is closed without having been served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoOrigin {
    /// It must come through a balancer and does not.
    #[error(
        "its address is not in proxyProtocol.trustedCIDRs and the mode is Required: add the balancer's addresses there"
    )]
    Untrusted,
    /// It closed before it said anything, as probes do.
    #[error("it closed without a byte")]
    Closed,
    /// A header that knows the client must come first, and something else did, or nothing.
    #[error(
        "no PROXY header with a client's address came and proxyProtocol.mode is Required: let the balancer send one, \
         version 2, or let trustedCIDRs name balancers only"
    )]
    Missing,
    /// The header's version is 1.
    #[error(
        "its PROXY header has version 1: let the balancer send version 2 (HAProxy: send-proxy-v2)"
    )]
    Version1,
    /// The header cannot be understood.
    #[error("its PROXY header is malformed: {0}")]
    Malformed(Malformed),
    /// The header did not come in time.
    #[error("its PROXY header took too long")]
    TooSlow,
    /// The connection broke inside the header.
    #[error("it broke inside its PROXY header: {0}")]
    Broken(io::Error),
}

impl Caller {
    /// Where it comes from.
    pub(crate) fn origin(self) -> Origin {
        match self {
            Self::Client(origin) | Self::Balancer(origin) => origin,
        }
    }
}

impl Origin {
    /// Nothing may be decided by this address.
    fn hidden(address: SocketAddr) -> Self {
        Self {
            address,
            visibility: ClientAddress::Hidden,
        }
    }
}
