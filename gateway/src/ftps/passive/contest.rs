//! Which connection to a reserved port is the session's data connection: pure, without sockets or clocks.
//!
//! Times count from the reservation. [`Event`]s in, [`Action`]s out; [`Contest::wake`] says when time itself matters.
//!
//! A stranger must neither be served nor interrupt. So a connection that does not fit is closed, and the client hears of
//! it ([`Action::GiveUp`]) only if it was probably its own (`hopes.rs`). The first to fit wins.

use std::time::Duration;

use ftp::{DataFailure, DataProtection};
use gateway_config::Binding;

use super::{
    admission::{Admission, CANDIDATES_MAX, admit},
    binding::{Refusal, Standing, Verdict, judge},
    candidate::{Candidate, CandidateId, Stage, Wanted},
    hopes::{Failures, hopeless},
};
use crate::{ftps::tls::Handshake, proxy::Origin};

/// How long a connection that has proved nothing must be without rivals, and how long a weak proof waits for a better.
const RIVALS_TIME: Duration = Duration::from_millis(250);

/// What holds for one reservation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Where the control connection comes from.
    pub(super) origin: Origin,
    /// How the data connection proves that it belongs to the session.
    pub(super) binding: Binding,
    /// How long the port is reserved.
    pub(super) deadline: Duration,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody has connected.
    Arrived(CandidateId, Origin),
    /// Its first byte is there.
    Heard(CandidateId),
    /// It has ended without a byte.
    Ended(CandidateId),
    /// It is broken.
    Lost(CandidateId),
    /// Its TLS handshake is over.
    Handshaken(CandidateId, Handshake),
    /// Its TLS handshake failed, for this reason.
    HandshakeFailed(CandidateId, String),
    /// The transfer command has come.
    Asked(Wanted),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Close this connection.
    Close(CandidateId),
    /// Begin its TLS handshake.
    Handshake(CandidateId),
    /// It is the data connection; close the others. The contest is over.
    Take(CandidateId, Bond),
    /// There is none; close all. The contest is over.
    GiveUp(DataFailure),
}

/// What ties a data connection to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bond {
    /// What the binding demands.
    Proven,
    /// That nobody else was there.
    Unproven,
}

/// The contest for one reservation.
#[derive(Debug)]
pub(super) struct Contest {
    terms: Terms,
    /// With the time at which it was asked for.
    wanted: Option<(Wanted, Duration)>,
    /// In the order of their arrival.
    candidates: Vec<Candidate>,
    /// Connections of which it is not yet known where they come from. Each may become a candidate, or nothing.
    coming: usize,
    /// The last time at which there was more than one, those that come included.
    crowded: Duration,
    /// Handshakes that proved nothing. After the second one nobody knows whose is whose.
    unproven: u32,
    failures: Failures,
    now: Duration,
}

/// A connection that has shown something.
#[derive(Clone, Copy, Debug)]
struct Judged {
    id: CandidateId,
    standing: Standing,
    verdict: Verdict,
    since: Duration,
}

impl Contest {
    /// A port has been reserved.
    pub(super) const fn new(terms: Terms) -> Self {
        Self {
            terms,
            wanted: None,
            candidates: Vec::new(),
            coming: 0,
            crowded: Duration::ZERO,
            unproven: 0,
            failures: Failures::none(),
            now: Duration::ZERO,
        }
    }

    /// So many connections are coming. To be said before every event, since nobody is alone while another one comes.
    pub(super) fn expect(&mut self, now: Duration, coming: usize) {
        self.now = now;
        // Until now it was as it was before.
        self.note_crowd();
        self.coming = coming;
        self.note_crowd();
    }

    /// Takes what happened and says what to do about it. Events of candidates that are gone change nothing.
    pub(super) fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.now = now;
        let mut actions = Vec::new();
        match event {
            Event::Arrived(id, origin) => self.arrive(id, origin, &mut actions),
            Event::Heard(id) => self.progress(id, Stage::Heard),
            Event::Ended(id) => self.progress(id, Stage::Ended),
            Event::Lost(id) => self.close(id, &mut actions),
            Event::Handshaken(id, handshake) => self.handshaken(id, handshake),
            Event::HandshakeFailed(id, why) => self.handshake_failed(id, why, &mut actions),
            Event::Asked(wanted) => self.wanted = Some((wanted, now)),
            Event::Tick => {}
        }
        if let Some((wanted, _)) = self.wanted {
            self.begin_handshakes(wanted, &mut actions);
            self.dismiss_probes(wanted, &mut actions);
            self.refuse_unfit(&mut actions);
        }
        if let Some((id, bond)) = self.winner() {
            actions.push(Action::Take(id, bond));
        } else if let Some(failure) = self.gives_up() {
            actions.push(Action::GiveUp(failure));
        }
        actions
    }

    /// When [`Event::Tick`] is due, if nothing else happens before.
    pub(super) fn wake(&self) -> Duration {
        let patience = self
            .judged()
            .flat_map(|judged| [judged.since, judged.since.max(self.crowded)])
            .map(|since| since + RIVALS_TIME);
        let settling = self.failures.settle_at();
        patience
            .chain(settling)
            .filter(|time| *time > self.now)
            .fold(self.terms.deadline, Duration::min)
    }

    fn arrive(&mut self, id: CandidateId, origin: Origin, actions: &mut Vec<Action>) {
        let standing = Standing::of(origin, self.terms.origin);
        if self.candidates.len() >= CANDIDATES_MAX {
            match admit(standing, &self.candidates, self.now) {
                Admission::InsteadOf(other) => self.close(other, actions),
                Admission::Refused => return actions.push(Action::Close(id)),
            }
        }
        self.candidates.push(Candidate {
            id,
            standing,
            arrived: self.now,
            stage: Stage::Silent,
        });
        self.note_crowd();
    }

    fn progress(&mut self, id: CandidateId, stage: Stage) {
        if let Some(candidate) = self.candidates.iter_mut().find(|other| other.id == id) {
            candidate.stage = stage;
        }
    }

    fn handshaken(&mut self, id: CandidateId, handshake: Handshake) {
        self.progress(id, Stage::Handshaken(handshake, self.now));
        let is_unproven = self
            .judged()
            .any(|judged| judged.id == id && judged.verdict == Verdict::Alone);
        if is_unproven {
            self.unproven = self.unproven.saturating_add(1);
            if self.is_contested() {
                self.fail(Standing::Unknown, Refusal::NotAlone.into());
            }
        }
    }

    fn handshake_failed(&mut self, id: CandidateId, why: String, actions: &mut Vec<Action>) {
        let candidate = self.candidates.iter().find(|other| other.id == id);
        if let Some(standing) = candidate.map(|candidate| candidate.standing) {
            self.fail(standing, DataFailure::Handshake(why));
            self.close(id, actions);
        }
    }

    /// Handshakes begin when the transfer command and the client's first byte are there.
    fn begin_handshakes(&mut self, wanted: Wanted, actions: &mut Vec<Action>) {
        if wanted.protection == DataProtection::Private {
            for candidate in &mut self.candidates {
                if matches!(candidate.stage, Stage::Heard) {
                    candidate.stage = Stage::Handshaking(self.now);
                    actions.push(Action::Handshake(candidate.id));
                }
            }
        }
    }

    fn dismiss_probes(&mut self, wanted: Wanted, actions: &mut Vec<Action>) {
        if wanted.may_be_empty() {
            return;
        }
        let ended: Vec<_> = self
            .candidates
            .iter()
            .filter(|candidate| matches!(candidate.stage, Stage::Ended))
            .map(|candidate| candidate.id)
            .collect();
        for id in ended {
            self.close(id, actions);
        }
    }

    fn refuse_unfit(&mut self, actions: &mut Vec<Action>) {
        let judged: Vec<_> = self.judged().collect();
        for judged in judged {
            if let Verdict::Refused(refusal) = judged.verdict {
                self.fail(judged.standing, refusal.into());
                self.close(judged.id, actions);
            }
        }
    }

    fn winner(&self) -> Option<(CandidateId, Bond)> {
        let is_alone = self.candidates.len() == 1 && self.coming == 0;
        let wins = |judged: &Judged| judged.verdict == Verdict::Wins;
        let need_not_yield = |judged: &Judged| {
            let is_late = self.now >= judged.since + RIVALS_TIME;
            judged.verdict == Verdict::Yields && (is_alone || is_late)
        };
        let was_alone = |judged: &Judged| {
            let is_quiet = self.now >= judged.since.max(self.crowded) + RIVALS_TIME;
            judged.verdict == Verdict::Alone && is_alone && is_quiet && !self.is_contested()
        };
        let winner = self
            .judged()
            .find(wins)
            .or_else(|| self.judged().find(need_not_yield))
            .or_else(|| self.judged().find(was_alone))?;
        let bond = if winner.verdict == Verdict::Alone && self.wants_tls() {
            Bond::Unproven
        } else {
            Bond::Proven
        };
        Some((winner.id, bond))
    }

    fn gives_up(&self) -> Option<DataFailure> {
        if let Some(refusal) = self.hopeless() {
            return Some(refusal.into());
        }
        if self.now >= self.terms.deadline {
            return Some(self.failure_at_last());
        }
        let failed = self.failures.settled(self.now)?;
        let may_be_better = |candidate: &Candidate| {
            candidate.standing >= failed.standing && self.may_win(candidate)
        };
        let is_last = self.coming == 0 && !self.candidates.iter().any(may_be_better);
        is_last.then(|| failed.failure.clone())
    }

    fn hopeless(&self) -> Option<Refusal> {
        let (wanted, _) = self.wanted?;
        hopeless(&self.terms, wanted)
    }

    fn failure_at_last(&self) -> DataFailure {
        let is_unsure = self.judged().any(|judged| judged.verdict == Verdict::Alone);
        match self.failures.likeliest() {
            Some(failure) => failure.clone(),
            None if is_unsure => Refusal::NotAlone.into(),
            None => DataFailure::TimedOut,
        }
    }

    /// What the table says of those who have shown something.
    fn judged(&self) -> impl Iterator<Item = Judged> {
        self.candidates.iter().filter_map(|candidate| {
            let (wanted, asked) = self.wanted?;
            let (proof, since) = candidate.proof(wanted, asked)?;
            Some(Judged {
                id: candidate.id,
                standing: candidate.standing,
                verdict: judge(self.terms.binding, proof, candidate.standing),
                since,
            })
        })
    }

    /// Who has proved nothing in a crowd will not prove it later.
    fn may_win(&self, candidate: &Candidate) -> bool {
        let is_unproven =
            |judged: Judged| judged.id == candidate.id && judged.verdict == Verdict::Alone;
        !(self.is_contested() && self.judged().any(is_unproven))
    }

    const fn is_contested(&self) -> bool {
        self.unproven > 1
    }

    fn fail(&mut self, standing: Standing, failure: DataFailure) {
        self.failures.note(self.now, standing, failure);
    }

    fn close(&mut self, id: CandidateId, actions: &mut Vec<Action>) {
        self.note_crowd();
        let before = self.candidates.len();
        self.candidates.retain(|candidate| candidate.id != id);
        if self.candidates.len() < before {
            actions.push(Action::Close(id));
        }
    }

    fn note_crowd(&mut self) {
        if self.candidates.len() + self.coming > 1 {
            self.crowded = self.now;
        }
    }

    fn wants_tls(&self) -> bool {
        self.wanted
            .is_some_and(|(wanted, _)| wanted.protection == DataProtection::Private)
    }
}
