//! Whether a data connection belongs to a session: a table, without state.
//!
//! A TLS session that was resumed from *another* control connection has no row of its own. The store of each session is
//! its own (`SessionTls`), so that such an offer ends in a full handshake and is judged as one.
//!
//! To refuse the offer itself would hold nobody off, since whoever has a ticket of another session can come without it. It
//! would only turn honest clients away: those whose connections share one cache offer whatever ticket came last, which
//! is often one of a session beside their own (rclone with several connections until 2023, see its issue 7234, and other
//! programs in Go that do the same).

use ftp::DataFailure;
use gateway_config::{Binding, ClientAddress};

use crate::proxy::Origin;

/// What addresses say of a data connection, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It comes from another address than the control connection.
    Other,
    /// Nothing: one of the two addresses is hidden.
    Unknown,
    /// It comes from where the control connection comes from.
    Same,
}

impl Standing {
    /// Compares where two connections come from. Ports say nothing.
    pub(super) fn of(data: Origin, control: Origin) -> Self {
        match (data.visibility, control.visibility) {
            (ClientAddress::Real, ClientAddress::Real) => {
                // One side may have come through an IPv6 socket (::ffff:192.0.2.1).
                if data.address.ip().to_canonical() == control.address.ip().to_canonical() {
                    Self::Same
                } else {
                    Self::Other
                }
            }
            (ClientAddress::Hidden, _) | (_, ClientAddress::Hidden) => Self::Unknown,
        }
    }
}

/// What a data connection has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// A handshake that resumed the TLS session of the control connection.
    Resumed,
    /// A full TLS handshake.
    Full,
    /// No TLS (`PROT C`).
    Clear,
    /// No TLS, and of the upload that was asked for not a byte: so do the probes of balancers begin.
    Mute,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the data connection.
    Wins,
    /// It is, unless another one wins very soon.
    Yields,
    /// It is, if there is no other one.
    Alone,
    /// It is not.
    Refused(Refusal),
}

/// Why a data connection does not belong to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its TLS session is not that of the control connection.
    NotResumed,
    /// It is not encrypted, and nothing else can prove anything.
    NotEncrypted,
    /// It comes from somewhere else.
    OtherAddress,
    /// It should prove itself by its address, which is hidden.
    HiddenAddress,
    /// It has proved nothing, and there were others.
    NotAlone,
}

impl Refusal {
    /// What the client reads: why, and what to change.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::NotResumed => {
                "The data connection did not resume the TLS session of the control connection. Switch on TLS session \
                 reuse in your client; for clients that cannot, the server needs binding TLSPreferred"
            }
            Self::NotEncrypted => {
                "A data connection without TLS cannot prove here that it is yours. Use PROT P"
            }
            Self::OtherAddress => {
                "The data connection came from another address than the control connection. Use one route for both, or \
                 switch on TLS session reuse in your client"
            }
            Self::HiddenAddress => {
                "The data connection should prove itself by its address, but a balancer hides addresses from this \
                 server. The server needs binding TLSRequired, or a PROXY header from its balancer"
            }
            Self::NotAlone => {
                "The data connection did not resume the TLS session of the control connection, and others came to its \
                 port as well. Switch on TLS session reuse in your client"
            }
        }
    }
}

impl From<Refusal> for DataFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Unbound(refusal.text().to_owned())
    }
}

/// Judges a data connection.
pub(super) const fn judge(binding: Binding, proof: Proof, standing: Standing) -> Verdict {
    use Verdict::{Alone, Refused, Wins, Yields};
    match (binding, proof, standing) {
        (Binding::TlsRequired | Binding::TlsPreferred | Binding::None, Proof::Resumed, _)
        | (Binding::None, Proof::Full | Proof::Clear, _)
        | (Binding::TlsPreferred, Proof::Clear | Proof::Mute, Standing::Same)
        | (Binding::Address, _, Standing::Same) => Wins,

        (Binding::TlsPreferred, Proof::Full, Standing::Same) => Yields,

        (Binding::TlsPreferred, Proof::Full, Standing::Unknown)
        | (Binding::None, Proof::Mute, _) => Alone,

        (Binding::TlsRequired, Proof::Full, _) => Refused(Refusal::NotResumed),
        (Binding::TlsRequired, Proof::Clear | Proof::Mute, _)
        | (Binding::TlsPreferred, Proof::Clear | Proof::Mute, Standing::Unknown) => {
            Refused(Refusal::NotEncrypted)
        }
        (Binding::TlsPreferred | Binding::Address, _, Standing::Other) => {
            Refused(Refusal::OtherAddress)
        }
        (Binding::Address, _, Standing::Unknown) => Refused(Refusal::HiddenAddress),
    }
}
