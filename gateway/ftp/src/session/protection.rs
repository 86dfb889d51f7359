//! `AUTH`, `PBSZ`, `PROT`, `CCC`: what is encrypted (RFC 2228, RFC 4217).

use super::{
    Session, Settings,
    settings::Encryption,
    state::{Login, Protection, State},
};
use crate::{Action, DataPolicy, DataProtection};

impl Protection {
    /// Implicit FTPS begins as if `AUTH TLS`, `PBSZ 0` and `PROT P` had been sent.
    pub(super) const fn at_first(settings: &Settings) -> Self {
        if settings.implicit {
            Self::Sized(DataProtection::Private)
        } else {
            Self::Clear
        }
    }
}

impl Session {
    /// `AUTH`. What was pipelined behind it came in clear, perhaps from somebody in between, and is thrown away.
    pub(super) fn auth(&mut self, protection: Protection) {
        if self.protection != Protection::Clear {
            return self.say(503, "TLS is already there");
        }
        if let State::LoggedIn(..) = self.state {
            // RFC 2228 §3: whoever was logged in has to log in again.
            self.ask(Action::Logout);
        }
        self.waiting.0.clear();
        self.state = State::Securing(protection);
        self.say(234, "Start TLS now");
        self.ask(Action::StartTls);
    }

    pub(super) fn tls_started(&mut self) {
        if let State::Securing(protection) = self.state {
            self.protection = protection;
            self.state = State::Login(Login::Nobody);
        }
    }

    /// `PBSZ`. TLS has no use for the size that was named (RFC 4217 §9).
    pub(super) fn protection_buffer_size(&mut self) {
        match self.protection {
            Protection::Clear => return self.say(503, "Send AUTH TLS first"),
            Protection::Encrypted => self.protection = Protection::Sized(DataProtection::Clear),
            Protection::Sized(_) => {}
        }
        self.say(200, "PBSZ=0");
    }

    /// `PROT C` and `PROT P`.
    pub(super) fn protect(&mut self, data: DataProtection) {
        match (self.protection, data) {
            (Protection::Clear, _) => self.say(503, "Send AUTH TLS and PBSZ 0 first"),
            (Protection::Encrypted, _) => self.say(503, "Send PBSZ 0 first"),
            (Protection::Sized(_), DataProtection::Clear) if self.data_must_be_private() => {
                self.say(534, "Data is encrypted here: use PROT P");
            }
            (Protection::Sized(_), DataProtection::Clear) => {
                self.protection = Protection::Sized(data);
                self.say(200, "Data is sent in clear");
            }
            (Protection::Sized(_), DataProtection::Private) => {
                self.protection = Protection::Sized(data);
                self.say(200, "Data is encrypted");
            }
        }
    }

    /// `CCC`. Where TLS ends inside a stream cannot be told safely, and what follows would be anybody's word.
    pub(super) fn clear_control(&mut self) {
        self.say(534, "The control connection stays as it is");
    }

    pub(super) const fn data_protection(&self) -> DataProtection {
        match self.protection {
            Protection::Clear | Protection::Encrypted => DataProtection::Clear,
            Protection::Sized(data) => data,
        }
    }

    /// Whether the listener, or the user who is logged in, demands it.
    pub(super) const fn data_must_be_private(&self) -> bool {
        match (self.settings.encryption, &self.state) {
            (Encryption::Required, _) => true,
            (_, State::LoggedIn(account, _)) => match account.data {
                DataPolicy::Private => true,
                DataPolicy::AsListener => false,
            },
            (Encryption::ControlRequired | Encryption::Optional, _) => false,
        }
    }
}
