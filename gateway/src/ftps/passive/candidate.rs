//! One connection to a reserved port, as far as is known of it: pure.

use std::time::Duration;

use ftp::{DataProtection, Direction};

use super::{
    admission::Rank,
    binding::{Proof, Standing},
};
use crate::ftps::tls::Handshake;

/// A connection to the port, whatever its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CandidateId(pub(super) u64);

/// The data connection that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// `PROT`.
    pub(super) protection: DataProtection,
    /// Which way the bytes go.
    pub(super) direction: Direction,
}

/// A connection that may be the one.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: CandidateId,
    pub(super) standing: Standing,
    pub(super) arrived: Duration,
    pub(super) stage: Stage,
}

/// How far it has come, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// Not a byte has come.
    Silent,
    /// It has ended without a byte.
    Ended,
    /// Something has come.
    Heard,
    /// Its TLS handshake runs.
    Handshaking(Duration),
    /// Its TLS handshake is over.
    Handshaken(Handshake, Duration),
}

impl Wanted {
    /// Whether who ends without a byte may be the client: such is the upload of an empty file in the clear. All others
    /// begin with a `ClientHello`, or wait for what is sent to them.
    pub(super) const fn may_be_empty(self) -> bool {
        matches!(
            (self.protection, self.direction),
            (DataProtection::Clear, Direction::Upload)
        )
    }
}

impl Candidate {
    /// What it has shown since the transfer command came, and since when.
    pub(super) fn proof(&self, wanted: Wanted, asked: Duration) -> Option<(Proof, Duration)> {
        let since = asked.max(self.arrived);
        match (wanted.protection, wanted.direction, self.stage) {
            (DataProtection::Private, _, Stage::Handshaken(Handshake::Resumed, since)) => {
                Some((Proof::Resumed, since))
            }
            (DataProtection::Private, _, Stage::Handshaken(Handshake::Full, since)) => {
                Some((Proof::Full, since))
            }
            (DataProtection::Private, _, _) => None,
            (DataProtection::Clear, Direction::Upload, Stage::Silent | Stage::Ended) => {
                Some((Proof::Mute, since))
            }
            (DataProtection::Clear, _, _) => Some((Proof::Clear, since)),
        }
    }

    /// How soon it must give way to others.
    pub(super) fn rank(&self, now: Duration) -> Rank {
        match self.stage {
            Stage::Ended => Rank::Ended,
            Stage::Silent | Stage::Heard => Rank::Waiting,
            Stage::Handshaking(since) | Stage::Handshaken(_, since) => {
                Rank::of_handshake(now.saturating_sub(since))
            }
        }
    }
}
