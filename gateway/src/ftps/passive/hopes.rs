//! When a session hears that its data connection will not come: pure.
//!
//! A stranger must not interrupt, so a connection that did not fit counts only if it was probably the client's own: it
//! does not come from elsewhere, and for [`BETTER_ONE_TIME`] there was no better one.

use std::time::Duration;

use ftp::{DataFailure, DataProtection};
use gateway_config::ClientAddress;

use super::{
    binding::{Proof, Refusal, Standing, Verdict, judge},
    candidate::Wanted,
    contest::Terms,
};

/// How long after a connection that did not fit a better one may still come. Clients connect before or with the transfer
/// command, so theirs is there a round trip after it, or three seconds later when its first two SYNs are lost (RFC 6298,
/// 2.1 and 5.5). Longer is too long for a client that cannot resume: many give up before they read why.
const BETTER_ONE_TIME: Duration = Duration::from_secs(4);

/// What became of connections that were not it.
#[derive(Debug)]
pub(super) struct Failures {
    /// Of several the one counts that is most likely the client's own, and of these the last.
    likeliest: Option<Failed>,
}

/// A connection that was not it.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) standing: Standing,
    at: Duration,
    pub(super) failure: DataFailure,
}

impl Failures {
    /// Nothing has failed.
    pub(super) const fn none() -> Self {
        Self { likeliest: None }
    }

    /// A connection of this standing was not it.
    pub(super) fn note(&mut self, now: Duration, standing: Standing, failure: DataFailure) {
        let is_likelier = self
            .likeliest
            .as_ref()
            .is_none_or(|failed| standing >= failed.standing);
        if is_likelier {
            self.likeliest = Some(Failed {
                standing,
                at: now,
                failure,
            });
        }
    }

    /// What most likely happened to the client's own connection, as far as is known.
    pub(super) fn likeliest(&self) -> Option<&DataFailure> {
        self.likeliest.as_ref().map(|failed| &failed.failure)
    }

    /// When a better connection should have come.
    pub(super) fn settle_at(&self) -> Option<Duration> {
        let failed = self.likeliest.as_ref()?;
        Some(failed.at + BETTER_ONE_TIME)
    }

    /// What was probably the client's own connection, once a better one should have come.
    pub(super) fn settled(&self, now: Duration) -> Option<&Failed> {
        let failed = self.likeliest.as_ref()?;
        let is_their_own = failed.standing != Standing::Other;
        (is_their_own && now >= failed.at + BETTER_ONE_TIME).then_some(failed)
    }
}

/// Why no connection whatsoever could fit.
pub(super) fn hopeless(terms: &Terms, wanted: Wanted) -> Option<Refusal> {
    let standings: &[_] = match terms.origin.visibility {
        ClientAddress::Real => &[Standing::Other, Standing::Unknown, Standing::Same],
        ClientAddress::Hidden => &[Standing::Unknown],
    };
    let proofs: &[_] = match wanted.protection {
        DataProtection::Clear => &[Proof::Clear],
        DataProtection::Private => &[Proof::Full, Proof::Resumed],
    };
    let mut reason = None;
    for proof in proofs {
        for standing in standings {
            match judge(terms.binding, *proof, *standing) {
                Verdict::Refused(refusal) => reason = Some(refusal),
                Verdict::Wins | Verdict::Yields | Verdict::Alone => return None,
            }
        }
    }
    reason
}
