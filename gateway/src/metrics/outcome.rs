//! What events are counted by, and how their labels are written: sets that no stranger can enlarge.

use gateway_config::{AuthenticationMethod, Protocol};

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The client was served until it or the gateway left.
    Served,
    /// It ended before the client had said that it speaks the protocol: balancers see who listens, scanners try another.
    Probe,
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
    pub(super) const ALL: [Self; 6] = [
        Self::Served,
        Self::Probe,
        Self::TooManyHalfOpen,
        Self::TooManyFromAddress,
        Self::Banned,
        Self::Draining,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Probe => "probe",
            Self::TooManyHalfOpen => "too_many_half_open",
            Self::TooManyFromAddress => "too_many_from_address",
            Self::Banned => "banned",
            Self::Draining => "draining",
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

pub(super) fn protocol_label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Sftp => "sftp",
    }
}

pub(super) fn method_label(method: AuthenticationMethod) -> &'static str {
    match method {
        AuthenticationMethod::PublicKey => "publickey",
        AuthenticationMethod::Password => "password",
        AuthenticationMethod::KeyboardInteractive => "keyboard-interactive",
    }
}
