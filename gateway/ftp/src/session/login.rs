//! `USER`, `PASS`, `REIN`: who is there.

use alloc::string::String;
use core::mem;

use super::{
    Session,
    settings::Encryption,
    state::{Account, Login, Port, Prelude, Protection, Setup, State, Task},
};
use crate::{Action, Entered, Facts, LoginFailure, Reply, Representation, UserCheck};

/// The answer to every `USER` and `PASS` in clear that policy forbids, the same for users who exist and who do not.
const TLS_FIRST: &str = "Passwords do not travel in clear here: send AUTH TLS first";

impl Account {
    fn new(user: String, entered: Entered) -> Self {
        let Entered { directory, data } = entered;
        Self {
            user,
            directory,
            data,
            // RFC 959 §5.1: what a session begins with.
            representation: Representation::Ascii,
            facts: Facts::default(),
            port: Port::Absent,
            setup: Setup::Any,
            prelude: Prelude::None,
        }
    }
}

impl Session {
    /// `USER`. A password that must not travel in clear is refused here, before it is sent.
    pub(super) fn user(&mut self, name: String) {
        if let State::LoggedIn(..) = self.state {
            return self.say(503, "You are logged in already");
        }
        match self.protection {
            Protection::Clear if self.clear_login_is_forbidden() => self.say(530, TLS_FIRST),
            Protection::Clear => {
                self.state = State::Login(Login::Asking(name.clone()));
                self.ask(Action::CheckUser(name));
            }
            Protection::Encrypted | Protection::Sized(_) => self.ask_for_password(name),
        }
    }

    pub(super) fn user_checked(&mut self, check: UserCheck) {
        let State::Login(Login::Asking(name)) = &mut self.state else {
            return;
        };
        let name = mem::take(name);
        match check {
            UserCheck::Password => self.ask_for_password(name),
            UserCheck::TlsRequired => {
                self.state = State::Login(Login::Nobody);
                self.say(530, TLS_FIRST);
            }
        }
    }

    fn ask_for_password(&mut self, name: String) {
        self.state = State::Login(Login::Named(name));
        self.say(331, "Password, please");
    }

    /// `PASS`. Only a name that was allowed to go on leads to a check.
    pub(super) fn password(&mut self, password: String) {
        if let State::LoggedIn(..) = self.state {
            return self.say(503, "You are logged in already");
        }
        if let State::Login(Login::Named(name)) = &mut self.state {
            let user = mem::take(name);
            self.state = State::Login(Login::Checking(user.clone()));
            return self.ask(Action::CheckPassword { user, password });
        }
        if self.protection == Protection::Clear && self.clear_login_is_forbidden() {
            self.say(530, TLS_FIRST);
        } else {
            self.say(503, "Send USER first");
        }
    }

    pub(super) fn password_checked(&mut self, result: Result<Entered, LoginFailure>) {
        let State::Login(Login::Checking(user)) = &mut self.state else {
            return;
        };
        let user = mem::take(user);
        match result {
            Ok(entered) => {
                self.state = State::LoggedIn(Account::new(user, entered), Task::Nothing);
                self.say(230, "Logged in");
            }
            Err(failure) => self.login_failed(failure),
        }
    }

    fn login_failed(&mut self, failure: LoginFailure) {
        self.state = State::Login(Login::Nobody);
        match failure {
            LoginFailure::Credential => self.wrong_password(),
            LoginFailure::TooManySessions => self.close(421, "Too many sessions; goodbye"),
            LoginFailure::Banned => self.close(530, "Too many failed logins; come back later"),
            LoginFailure::Busy => self.close(421, "Too many logins at once; come back in a moment"),
            LoginFailure::Storage => self.close(421, "Your folder cannot be reached now"),
        }
    }

    fn wrong_password(&mut self) {
        self.wrong_passwords = self.wrong_passwords.saturating_add(1);
        if self.wrong_passwords >= self.settings.wrong_passwords_max {
            self.close(530, "Wrong name or password, too often; goodbye");
        } else {
            self.ask(Action::Send(Reply::new(530, "Wrong name or password")));
        }
    }

    /// `REIN`: back to the moment after the greeting. Inside TLS it would have to take TLS away (RFC 4217 §13), which is
    /// `CCC` by another name.
    pub(super) fn reinitialize(&mut self) {
        if self.protection != Protection::Clear {
            return self.say(502, "REIN is not offered inside TLS; connect again");
        }
        if let State::LoggedIn(..) = self.state {
            self.ask(Action::Logout);
        }
        self.state = State::Login(Login::Nobody);
        self.say(220, "Welcome back");
    }

    const fn clear_login_is_forbidden(&self) -> bool {
        match self.settings.encryption {
            Encryption::Required | Encryption::ControlRequired => true,
            Encryption::Optional => false,
        }
    }
}
