//! What becomes due by itself: deadlines, silence, and the end of the gateway. Decided without looking at a clock.

use std::time::{Duration, Instant};

use super::state::Activity;
use crate::drain::{Arrivals, Phase};

/// How long a client is silent before a drain that serves arrivals ends it.
const QUIET_TIME: Duration = Duration::from_secs(5);

/// How often a draining connection is asked whether it has finished.
const DRAIN_LOOK: Duration = Duration::from_millis(100);

/// The least time between two looks at silence.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

pub(super) const STOPPING: &str = "the gateway is stopping";
const DEAF: &str = "the client does not read what it is sent";

/// The times that matter to one connection.
#[derive(Debug)]
pub(super) struct Clock {
    login: Duration,
    idle: Duration,
    /// When somebody must be logged in; of meaning while nobody is.
    login_deadline: Instant,
    /// Silence from before this does not count: something was done for the client until then.
    silent_from: Instant,
    /// Whether the session was told that the gateway is stopping.
    told_stopping: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    Yes,
}

/// What is known of a connection at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) phase: Phase,
    pub(super) activity: Activity,
    /// When a byte last moved on the control connection.
    pub(super) last_byte: Instant,
    /// When a client that takes nothing of what it is sent has to be cut; None: nothing waits for it.
    pub(super) deaf_at: Option<Instant>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing, and nothing will be before this time unless something happens.
    Later(Instant),
    /// The connection ends without a word.
    Cut(&'static str),
    /// The session hears that the gateway is stopping.
    Stopping,
    /// The login has taken too long.
    LoginTimeout,
    /// The transfer has moved nothing for too long.
    Standstill,
    /// The client has been silent for too long.
    Idle,
}

impl Clock {
    /// It begins with the connection.
    pub(super) fn new(limits: &gateway_config::Limits, now: Instant) -> Self {
        let login = Duration::from_secs(limits.login_seconds);
        Self {
            login,
            idle: Duration::from_secs(limits.idle_seconds),
            login_deadline: now + login,
            silent_from: now,
            told_stopping: Told::No,
        }
    }

    /// Nobody is logged in any more.
    pub(super) fn restart_login(&mut self, now: Instant) {
        self.login_deadline = now + self.login;
    }

    /// When a login that is under way must be over, its TLS handshake included.
    pub(super) const fn login_deadline(&self) -> Instant {
        self.login_deadline
    }

    /// Silence counts from now: something has ended that was done for the client, or it was told of its silence.
    pub(super) fn restart_silence(&mut self, now: Instant) {
        self.silent_from = now;
    }

    /// The session was told that the gateway is stopping, which it is told once.
    pub(super) fn note_stopping(&mut self) {
        self.told_stopping = Told::Yes;
    }

    /// What is due at this moment.
    pub(super) fn due(&self, moment: &Moment) -> Due {
        let now = moment.now;
        if moment.deaf_at.is_some_and(|deadline| deadline <= now) {
            return Due::Cut(DEAF);
        }
        if moment.phase == Phase::Over {
            return Due::Cut(STOPPING);
        }
        if self.told_stopping == Told::No && self.must_stop(moment) {
            return Due::Stopping;
        }
        if self.login_ends(moment).is_some_and(|end| end <= now) {
            return Due::LoginTimeout;
        }
        if self.silence_ends(moment) > now {
            return Due::Later(self.next_look(moment));
        }
        match moment.activity {
            Activity::Transferring(_) => Due::Standstill,
            Activity::Arriving | Activity::Checking | Activity::Resting | Activity::Busy => {
                Due::Idle
            }
        }
    }

    fn must_stop(&self, moment: &Moment) -> bool {
        match moment.phase {
            Phase::Serving => false,
            // Who still arrives has not asked for anything yet; who has been served falls silent.
            Phase::Draining(Arrivals::Serve) => {
                moment.activity == Activity::Resting
                    && self.last_active(moment) + QUIET_TIME <= moment.now
            }
            Phase::Draining(Arrivals::Refuse) | Phase::Over => true,
        }
    }

    fn login_ends(&self, moment: &Moment) -> Option<Instant> {
        match moment.activity {
            Activity::Arriving | Activity::Checking => Some(self.login_deadline),
            Activity::Resting | Activity::Busy | Activity::Transferring(_) => None,
        }
    }

    fn last_active(&self, moment: &Moment) -> Instant {
        moment.last_byte.max(self.silent_from)
    }

    /// When silence has lasted too long, as far as can be said now.
    fn silence_ends(&self, moment: &Moment) -> Instant {
        let last = match moment.activity {
            Activity::Arriving | Activity::Resting => self.last_active(moment),
            // A transfer lives by its own bytes: who only says NOOP does not move it.
            Activity::Transferring(Some(last)) => last,
            Activity::Checking | Activity::Busy | Activity::Transferring(None) => moment.now,
        };
        last + self.idle
    }

    fn next_look(&self, moment: &Moment) -> Instant {
        let drain_look = match moment.phase {
            Phase::Draining(_) if self.told_stopping == Told::No => Some(moment.now + DRAIN_LOOK),
            Phase::Serving | Phase::Draining(_) | Phase::Over => None,
        };
        [self.login_ends(moment), moment.deaf_at, drain_look]
            .into_iter()
            .flatten()
            .fold(self.silence_ends(moment), Instant::min)
            .max(moment.now + LOOK_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A clock with 30 s for the login and 300 s of silence, and the moment at which it began.
    fn begin() -> (Clock, Moment) {
        let now = Instant::now();
        let limits = gateway_config::Limits {
            sessions: 1,
            sessions_per_user: 1,
            connections_per_address: 1,
            half_open: 1,
            login_seconds: 30,
            idle_seconds: 300,
            login_failures: 1,
            ban_seconds: 1,
            memory_per_session_bytes: 1,
        };
        let moment = Moment {
            now,
            phase: Phase::Serving,
            activity: Activity::Resting,
            last_byte: now,
            deaf_at: None,
        };
        (Clock::new(&limits, now), moment)
    }

    fn after(seconds: u32, moment: Moment) -> Moment {
        Moment {
            now: moment.now + SECOND * seconds,
            ..moment
        }
    }

    #[test]
    fn nothing_is_due_before_its_time_and_the_next_look_is_at_that_time() {
        let (clock, moment) = begin();

        assert_eq!(
            clock.due(&moment),
            Due::Later(moment.now + SECOND * 300),
            "silence"
        );
        for (activity, deaf_at, expected) in [
            (Activity::Arriving, None, 30),
            (Activity::Checking, None, 30),
            (Activity::Resting, Some(7), 7),
            (Activity::Busy, None, 300),
            (Activity::Transferring(None), None, 300),
        ] {
            let deaf_at = deaf_at.map(|seconds| moment.now + SECOND * seconds);
            let due = clock.due(&Moment {
                activity,
                deaf_at,
                ..moment
            });

            assert_eq!(due, Due::Later(moment.now + SECOND * expected));
        }
    }

    #[test]
    fn who_is_silent_is_idle_unless_something_is_done_for_them() {
        let (clock, moment) = begin();
        let later = after(300, moment);

        assert_eq!(clock.due(&later), Due::Idle);
        for activity in [Activity::Busy, Activity::Transferring(None)] {
            let due = clock.due(&Moment { activity, ..later });

            assert_eq!(due, Due::Later(later.now + SECOND * 300));
        }
    }

    #[test]
    fn silence_counts_from_the_end_of_what_was_done() {
        let (mut clock, moment) = begin();
        let end = after(200, moment);

        clock.restart_silence(end.now);

        let due = clock.due(&after(300, moment));
        assert_eq!(due, Due::Later(end.now + SECOND * 300));
    }

    #[test]
    fn a_transfer_lives_by_its_own_bytes() {
        let (clock, moment) = begin();
        let began = Activity::Transferring(Some(moment.now));
        let later = after(300, moment);

        let talking = Moment {
            activity: began,
            last_byte: later.now,
            ..later
        };
        assert_eq!(clock.due(&talking), Due::Standstill);
        let moving = Moment {
            activity: Activity::Transferring(Some(later.now)),
            ..later
        };
        assert_eq!(clock.due(&moving), Due::Later(later.now + SECOND * 300));
    }

    #[test]
    fn only_who_is_not_logged_in_is_late() {
        let (clock, moment) = begin();
        let later = after(30, moment);

        for activity in [Activity::Arriving, Activity::Checking] {
            assert_eq!(clock.due(&Moment { activity, ..later }), Due::LoginTimeout);
        }
        assert_ne!(clock.due(&later), Due::LoginTimeout);
    }

    #[test]
    fn who_has_logged_out_has_the_whole_time_again() {
        let (mut clock, moment) = begin();
        let out = Moment {
            activity: Activity::Arriving,
            ..after(20, moment)
        };

        clock.restart_login(out.now);

        assert_eq!(
            clock.due(&after(29, out)),
            Due::Later(out.now + SECOND * 30)
        );
        assert_eq!(clock.due(&after(30, out)), Due::LoginTimeout);
    }

    #[test]
    fn a_drain_that_serves_tells_only_who_has_nothing_to_do_any_more() {
        let (clock, moment) = begin();
        let quiet = Moment {
            phase: Phase::Draining(Arrivals::Serve),
            ..after(5, moment)
        };

        assert_eq!(clock.due(&quiet), Due::Stopping);
        for other in [
            Moment {
                activity: Activity::Arriving,
                ..quiet
            },
            Moment {
                activity: Activity::Busy,
                ..quiet
            },
            Moment {
                last_byte: after(1, moment).now,
                ..quiet
            },
        ] {
            assert_eq!(clock.due(&other), Due::Later(quiet.now + DRAIN_LOOK));
        }
    }

    #[test]
    fn a_drain_that_refuses_is_told_once_and_its_end_cuts() {
        let (mut clock, moment) = begin();
        let draining = Moment {
            phase: Phase::Draining(Arrivals::Refuse),
            activity: Activity::Busy,
            ..moment
        };
        assert_eq!(clock.due(&draining), Due::Stopping);

        clock.note_stopping();

        assert_eq!(clock.due(&draining), Due::Later(moment.now + SECOND * 300));
        let over = Moment {
            phase: Phase::Over,
            ..draining
        };
        assert_eq!(clock.due(&over), Due::Cut(STOPPING));
    }

    #[test]
    fn who_takes_nothing_is_cut_whatever_else_is_due() {
        let (clock, moment) = begin();
        let deaf = Moment {
            phase: Phase::Draining(Arrivals::Refuse),
            deaf_at: Some(moment.now),
            ..moment
        };

        assert_eq!(clock.due(&deaf), Due::Cut(DEAF));
    }
}
