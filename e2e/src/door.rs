//! Where an FTP client goes, as whom, and how it speaks.

use std::{fmt, net::SocketAddr, path::PathBuf};

use crate::place::Place;

/// An address to log in at over FTP, and all that a client needs for it.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where the server listens.
    pub address: SocketAddr,
    /// When TLS begins.
    pub start: Start,
    /// The version of TLS, this one and no other.
    pub version: Version,
    /// How the client asks for a data port.
    pub passive: Passive,
    /// The login name.
    pub user: String,
    /// The certificate of the authority that the client trusts, PEM.
    pub authority: PathBuf,
    /// A folder for what clients keep.
    pub home: PathBuf,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Never: everything travels in clear.
    Never,
    /// With `AUTH TLS` (RFC 4217).
    Explicit,
    /// At once.
    Implicit,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// How a client asks for a data port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passive {
    /// By a port alone (RFC 2428).
    Epsv,
    /// By an IPv4 address and a port (RFC 959).
    Pasv,
}

impl Door {
    /// The door at `address` for the user of `place`, by TLS 1.3 and EPSV.
    pub fn new(address: SocketAddr, start: Start, authority: PathBuf, place: &Place) -> Self {
        Self {
            address,
            start,
            version: Version::V1_3,
            passive: Passive::Epsv,
            user: place.user.clone(),
            authority,
            home: place.home.clone(),
        }
    }

    /// The same door by another version of TLS.
    #[must_use]
    pub fn by(&self, version: Version) -> Self {
        Self {
            version,
            ..self.clone()
        }
    }

    /// The same door by another kind of data port.
    #[must_use]
    pub fn asking(&self, passive: Passive) -> Self {
        Self {
            passive,
            ..self.clone()
        }
    }

    /// The same door for another user.
    #[must_use]
    pub fn as_user(&self, user: &str) -> Self {
        Self {
            user: user.to_owned(),
            ..self.clone()
        }
    }

    /// The same door by every version of TLS and every kind of data port.
    pub fn every_way(&self) -> Vec<Self> {
        let versions: &[Version] = match self.start {
            Start::Never => &[Version::V1_3],
            Start::Explicit | Start::Implicit => &[Version::V1_2, Version::V1_3],
        };
        let ways = versions.iter().flat_map(|version| {
            [Passive::Epsv, Passive::Pasv].map(|passive| self.by(*version).asking(passive))
        });
        ways.collect()
    }

    /// The address without the port.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// The port as text.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }
}

/// For messages, for example `Implicit V1_3 Epsv`.
impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            start,
            version,
            passive,
            ..
        } = self;
        write!(f, "{start:?} {version:?} {passive:?}")
    }
}
