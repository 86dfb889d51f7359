//! What events are counted by, and how their labels are written: sets that no stranger can enlarge.

use gateway_config::{AuthenticationMethod, Protocol};

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The client was served until it or the gateway left.
    Served,
    /// It ended before the client had said that it speaks the protocol: balancers see who listens, scanners try another.
    Probe,
    /// The balancer itself opened it and said so (`LOCAL`), to see who serves.
    BalancerProbe,
    /// It had to come through a trusted balancer, with a PROXY header, and did not.
    NoProxyHeader,
    /// Its PROXY header had version 1, was malformed, or did not come in time.
    BadProxyHeader,
    /// Dropped at random, or because the half-open connections were at their limit.
    TooManyHalfOpen,
    /// Its address had too many connections.
    TooManyFromAddress,
    /// Its address was banned.
    Banned,
    /// The gateway was stopping.
    Draining,
}

impl Connection {
    pub(super) const ALL: [Self; 9] = [
        Self::Served,
        Self::Probe,
        Self::BalancerProbe,
        Self::NoProxyHeader,
        Self::BadProxyHeader,
        Self::TooManyHalfOpen,
        Self::TooManyFromAddress,
        Self::Banned,
        Self::Draining,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Probe => "probe",
            Self::BalancerProbe => "balancer_probe",
            Self::NoProxyHeader => "no_proxy_header",
            Self::BadProxyHeader => "bad_proxy_header",
            Self::TooManyHalfOpen => "too_many_half_open",
            Self::TooManyFromAddress => "too_many_from_address",
            Self::Banned => "banned",
            Self::Draining => "draining",
        }
    }
}

/// What became of a connection to a passive port, as far as it tells something about the network or about strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataConnection {
    /// Nobody waited for it, or it closed without having sent a byte.
    Probe,
    /// The balancer itself opened it and said so (`LOCAL`), to see who serves.
    BalancerProbe,
    /// It had to come through a trusted balancer, with a PROXY header, and did not.
    NoProxyHeader,
    /// Its PROXY header had version 1, was malformed, or did not come in time.
    BadProxyHeader,
    /// It was not the one that a session waited for.
    Refused,
    /// It was served without a proof that it belongs to its session; see [`gateway_config::Binding::TlsPreferred`].
    Unbound,
}

impl DataConnection {
    pub(super) const ALL: [Self; 6] = [
        Self::Probe,
        Self::BalancerProbe,
        Self::NoProxyHeader,
        Self::BadProxyHeader,
        Self::Refused,
        Self::Unbound,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::BalancerProbe => "balancer_probe",
            Self::NoProxyHeader => "no_proxy_header",
            Self::BadProxyHeader => "bad_proxy_header",
            Self::Refused => "refused",
            Self::Unbound => "unbound",
        }
    }
}

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Somebody is logged in.
    Accepted,
    /// Wrong user or credential, or not now, or not from there.
    Refused,
    /// Right, but there were too many sessions.
    TooManySessions,
    /// The address was banned in the meantime.
    Banned,
    /// Too many passwords were waiting to be checked.
    Busy,
}

impl Login {
    pub(super) const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Refused,
        Self::TooManySessions,
        Self::Banned,
        Self::Busy,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::TooManySessions => "too_many_sessions",
            Self::Banned => "banned",
            Self::Busy => "busy",
        }
    }
}

/// Which way a file goes, seen by the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the client.
    Download,
    /// To the gateway.
    Upload,
}

impl Direction {
    pub(super) const ALL: [Self; 2] = [Self::Download, Self::Upload];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// The file was closed, and that succeeded.
    Completed,
    /// The session ended before.
    Broken,
    /// Storage refused or failed.
    Failed,
}

impl Transfer {
    pub(super) const ALL: [Self; 3] = [Self::Completed, Self::Broken, Self::Failed];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Broken => "broken",
            Self::Failed => "failed",
        }
    }
}

/// What became of a changed configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It is served now.
    Applied,
    /// It could not be served; the one before it goes on.
    Refused,
}

impl Reload {
    pub(super) const ALL: [Self; 2] = [Self::Applied, Self::Refused];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

pub(super) const PROTOCOLS: [Protocol; 3] = [
    Protocol::Sftp,
    Protocol::FtpsExplicit,
    Protocol::FtpsImplicit,
];

pub(super) fn protocol_label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Sftp => "sftp",
        Protocol::FtpsExplicit => "ftps-explicit",
        Protocol::FtpsImplicit => "ftps-implicit",
    }
}

pub(super) fn method_label(method: AuthenticationMethod) -> &'static str {
    match method {
        AuthenticationMethod::PublicKey => "publickey",
        AuthenticationMethod::Password => "password",
        AuthenticationMethod::KeyboardInteractive => "keyboard-interactive",
    }
}
