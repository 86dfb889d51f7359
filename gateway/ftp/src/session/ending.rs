//! How a session ends: by `QUIT` and by what the gateway decides.

use super::{
    Session,
    state::{Login, State, Task},
};
use crate::{Action, Reply};

const STOPPING: &str = "The server is stopping; come back in a moment";

/// Whether the session ends soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    NotInSight,
    /// When what is under way is over.
    AfterTask,
}

impl Session {
    /// The last reply.
    pub(super) fn close(&mut self, code: u16, text: &str) {
        self.ask(Action::Send(Reply::new(code, text)));
        self.close_silently();
    }

    /// The end where no reply can be read: in the middle of a handshake.
    pub(super) fn close_silently(&mut self) {
        self.ask(Action::Close);
        self.waiting.0.clear();
        self.state = State::Closed;
    }

    /// Silence of the client is no reason to end while the client waits for us.
    pub(super) fn idle(&mut self) {
        if let State::Login(Login::Nobody | Login::Named(_)) | State::LoggedIn(_, Task::Nothing) =
            self.state
        {
            self.close(421, "Silent for too long; goodbye");
        }
    }

    pub(super) fn login_timeout(&mut self) {
        match self.state {
            State::Login(_) => self.close(421, "The login took too long; goodbye"),
            State::Opening | State::Securing(_) => self.close_silently(),
            State::LoggedIn(..) | State::Closed => {}
        }
    }

    pub(super) fn stopping(&mut self) {
        match self.state {
            State::Login(_) => self.close(421, STOPPING),
            State::LoggedIn(..) => self.ending = Ending::AfterTask,
            State::Opening | State::Securing(_) => self.close_silently(),
            State::Closed => {}
        }
    }

    pub(super) fn account_ended(&mut self) {
        match self.state {
            State::Login(_) | State::LoggedIn(..) => {
                self.drop_what_runs();
                self.close(421, "This account has ended; goodbye");
            }
            State::Opening | State::Securing(_) => self.close_silently(),
            State::Closed => {}
        }
    }

    /// Called whenever something may have come to its end.
    pub(super) fn end_if_it_is_time(&mut self) {
        if let (Ending::AfterTask, State::LoggedIn(_, Task::Nothing)) = (self.ending, &self.state) {
            self.close(421, STOPPING);
        }
    }
}
