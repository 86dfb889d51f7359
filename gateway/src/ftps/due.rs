//! What becomes due by itself: deadlines, silence, and the end of the gateway.

use std::time::{Duration, Instant};

use ftp::Event;

use super::connection::{Connection, End, Kind};
use crate::drain::{Arrivals, Phase};

/// How long a client is silent before a drain that serves arrivals ends it.
const QUIET: Duration = Duration::from_secs(5);

/// How often a draining connection is asked whether it has finished.
const DRAIN_LOOK: Duration = Duration::from_millis(100);

/// The least time between two looks at silence.
const LOOK: Duration = Duration::from_millis(10);

pub(super) const STOPPING: &str = "the gateway is stopping";
const DEAF: &str = "the client does not read what it is sent";

/// The times that matter to one connection.
#[derive(Debug)]
pub(super) struct Clock {
    login: Duration,
    idle: Duration,
    /// When somebody must be logged in; None: somebody is, or was told that it is too late.
    login_deadline: Option<Instant>,
    /// When something last ended that ran for the client.
    ended: Instant,
    /// When the session was last told of silence, or of the end of the gateway.
    told_idle: Option<Instant>,
    told_stopping: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    Yes,
}

impl Clock {
    /// It begins with the connection.
    pub(super) fn new(limits: &gateway_config::Limits) -> Self {
        let login = Duration::from_secs(limits.login_seconds);
        let now = Instant::now();
        Self {
            login,
            idle: Duration::from_secs(limits.idle_seconds),
            login_deadline: Some(now + login),
            ended: now,
            told_idle: None,
            told_stopping: Told::No,
        }
    }

    /// Somebody is logged in.
    pub(super) fn stop_login(&mut self) {
        self.login_deadline = None;
    }

    /// Nobody is logged in any more.
    pub(super) fn start_login(&mut self) {
        self.login_deadline = Some(Instant::now() + self.login);
    }

    /// When a handshake that begins now must be over.
    pub(super) fn handshake_deadline(&self) -> Instant {
        self.login_deadline
            .unwrap_or_else(|| Instant::now() + self.login)
    }

    /// Something that ran has ended.
    pub(super) fn note_end(&mut self) {
        self.ended = Instant::now();
    }
}

impl Connection {
    /// What has become due by now.
    pub(super) fn due(&mut self) -> Result<Option<Event>, End> {
        let now = Instant::now();
        if self
            .control
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            return Err(End::Cut(DEAF));
        }
        if self.is_to_stop()? {
            self.clock.told_stopping = Told::Yes;
            return Ok(Some(Event::Stopping));
        }
        if self
            .clock
            .login_deadline
            .is_some_and(|deadline| deadline <= now)
        {
            self.clock.login_deadline = None;
            return Ok(Some(Event::LoginTimeout));
        }
        if self.silence_ends() > now {
            return Ok(None);
        }
        if let Some(running) = &self.running
            && let Kind::Transfer(progress) = &running.kind
        {
            let failure = progress.standstill();
            self.stop();
            return Ok(Some(Event::TransferEnded(Err(failure))));
        }
        self.clock.told_idle = Some(now);
        Ok(Some(Event::Idle))
    }

    /// Whether the session must hear that the gateway is stopping.
    fn is_to_stop(&self) -> Result<bool, End> {
        let stops = match self.drain.phase() {
            Phase::Serving => false,
            // Who still arrives has not asked for anything yet; who has been served falls silent.
            Phase::Draining(Arrivals::Serve) => {
                self.login.is_some()
                    && self.running.is_none()
                    && self.last_active() + QUIET <= Instant::now()
            }
            Phase::Draining(Arrivals::Refuse) => true,
            Phase::Over => return Err(End::Cut(STOPPING)),
        };
        Ok(stops && self.clock.told_stopping == Told::No)
    }

    fn last_active(&self) -> Instant {
        self.control.wire().last_active().max(self.clock.ended)
    }

    /// When silence has lasted too long, as far as can be said now.
    fn silence_ends(&self) -> Instant {
        let now = Instant::now();
        let last = match &self.running {
            // A transfer lives by its own bytes: who only says NOOP does not move it.
            Some(running) => match &running.kind {
                Kind::Transfer(progress) => progress.last_active().unwrap_or(now),
                Kind::Task | Kind::DataPort => now,
            },
            None => self
                .last_active()
                .max(self.clock.told_idle.unwrap_or(self.clock.ended)),
        };
        last + self.clock.idle
    }

    /// When to look again, whatever happens.
    pub(super) fn next_look(&self) -> Instant {
        let mut next = self.silence_ends();
        if let Some(deadline) = self.clock.login_deadline {
            next = next.min(deadline);
        }
        if let Some(deadline) = self.control.deadline() {
            next = next.min(deadline);
        }
        let now = Instant::now();
        if self.drain.phase() != Phase::Serving && self.clock.told_stopping == Told::No {
            next = next.min(now + DRAIN_LOOK);
        }
        next.max(now + LOOK)
    }
}
