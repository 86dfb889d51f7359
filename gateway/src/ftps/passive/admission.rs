//! Which connections to a reserved port are candidates when more come than there are places for: pure.
//!
//! A stranger may flood the port. Where addresses are real, the client's own connection always finds a place, since it
//! replaces one from elsewhere, and none from elsewhere replaces it. Where they are hidden, the newest replaces the
//! oldest whose handshake has not begun: whoever floods must go on flooding, and a client that has begun its handshake
//! keeps its place for [`HANDSHAKE_UNDISTURBED`], which is time enough to prove itself.

use std::time::Duration;

use super::{
    binding::Standing,
    candidate::{Candidate, CandidateId},
};

/// Connections that are candidates for a port at the same time.
pub(super) const CANDIDATES_MAX: usize = 4;
/// How long a handshake is not disturbed.
const HANDSHAKE_UNDISTURBED: Duration = Duration::from_secs(2);

/// How soon a candidate must give way, the first one soonest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It has already gone.
    Ended,
    /// Its handshake has not begun. A first byte is worth nothing before that: most clients say nothing until the
    /// transfer command is answered, and strangers say what they like.
    Waiting,
    /// Its handshake has had its time.
    Slow,
    /// Its handshake has just begun: it gives way only to who stands better.
    Handshaking,
}

impl Rank {
    /// The rank of a candidate whose handshake has begun so long ago.
    pub(super) fn of_handshake(age: Duration) -> Self {
        if age < HANDSHAKE_UNDISTURBED {
            Self::Handshaking
        } else {
            Self::Slow
        }
    }
}

/// Whether a connection becomes a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// In the place of this one.
    InsteadOf(CandidateId),
    /// It does not.
    Refused,
}

/// Decides about a connection of this standing; `present` fill all places, in the order of their arrival.
pub(super) fn admit(standing: Standing, present: &[Candidate], now: Duration) -> Admission {
    // Of equals the first is found, who came first.
    let weakest = present
        .iter()
        .min_by_key(|candidate| (candidate.standing, candidate.rank(now)));
    match weakest {
        Some(weakest) if gives_way(weakest, standing, now) => Admission::InsteadOf(weakest.id),
        Some(_) | None => Admission::Refused,
    }
}

fn gives_way(weakest: &Candidate, standing: Standing, now: Duration) -> bool {
    let is_equal = weakest.standing == standing;
    weakest.standing < standing || (is_equal && weakest.rank(now) != Rank::Handshaking)
}
