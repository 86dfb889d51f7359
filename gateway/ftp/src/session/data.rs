//! `PASV`, `EPSV`, `PORT`, `EPRT`: where the data connection comes from (RFC 959, RFC 2428).
//!
//! What policy forbids is refused at once, with the reason: a client that is told so only by its transfer has waited for
//! nothing.

use alloc::{format, string::String};
use core::{fmt, net::Ipv4Addr};

use super::{
    Family, Mode, Session,
    state::{Passive, Port, Prelude, Setup, Task},
};
use crate::{Action, Opened, PassiveFailure};

const EXTENDED_ONLY: &str = "After EPSV ALL there is only EPSV";

/// What `PASV` and `EPSV` are told that `ABOR` has overtaken.
pub(super) const NO_PORT_ABORTED: &str = "No data port: aborted";

impl Session {
    /// `PORT` and `EPRT`.
    pub(super) fn port(&mut self) {
        if self.uses_extended_only() {
            return self.say(503, EXTENDED_ONLY);
        }
        // Where passive connections are forbidden too, that is no way out.
        let reason = match &self.settings.passive {
            Mode::Allow => &self.settings.active_refusal,
            Mode::Deny(reason) => reason,
        };
        self.say(534, reason.clone());
    }

    /// `PASV`.
    pub(super) fn passive(&mut self, prelude: Prelude) {
        self.keep_restart(prelude);
        if self.uses_extended_only() {
            return self.say(503, EXTENDED_ONLY);
        }
        if let Mode::Deny(reason) = &self.settings.passive {
            return self.say(534, reason.clone());
        }
        self.open_data_port(Passive::Plain);
    }

    /// `EPSV`.
    pub(super) fn extended_passive(&mut self, asked: Option<u32>, prelude: Prelude) {
        self.keep_restart(prelude);
        if let Mode::Deny(reason) = &self.settings.passive {
            return self.say(534, reason.clone());
        }
        let family = self.settings.family;
        if asked.is_some_and(|number| !family.is(number)) {
            return self.say(522, format!("Not that network protocol: use {family}"));
        }
        self.open_data_port(Passive::Extended);
    }

    /// `EPSV ALL`.
    pub(super) fn extended_passive_all(&mut self) {
        if let Mode::Deny(reason) = &self.settings.passive {
            return self.say(534, reason.clone());
        }
        if let Some(account) = self.account() {
            account.setup = Setup::Extended;
        }
        self.say(200, "Only EPSV from now on");
    }

    fn uses_extended_only(&mut self) -> bool {
        self.account()
            .is_some_and(|account| account.setup == Setup::Extended)
    }

    /// `PASV` and `EPSV` belong to the transfer that `REST` is for.
    fn keep_restart(&mut self, prelude: Prelude) {
        if let (Prelude::Restart(_), Some(account)) = (&prelude, self.account()) {
            account.prelude = prelude;
        }
    }

    /// The port that was reserved before is given back by this. While `ABOR` waits, none takes its place.
    fn open_data_port(&mut self, passive: Passive) {
        if self.is_abort_waiting() {
            self.close_data_port();
            return self.say(425, NO_PORT_ABORTED);
        }
        self.set_port(Port::Absent);
        self.begin_task(Task::OpeningPort(passive));
        self.ask(Action::OpenDataPort);
    }

    pub(super) fn data_port_opened(&mut self, result: Result<Opened, PassiveFailure>) {
        let opening = self.finish_task(|task| matches!(task, Task::OpeningPort(_)));
        let Task::OpeningPort(passive) = opening else {
            return;
        };
        match (result, passive) {
            (Ok(Opened { address: _, port }), Passive::Extended) => {
                self.set_port(Port::Reserved);
                self.say(229, format!("Entering extended passive mode (|||{port}|)"));
            }
            (
                Ok(Opened {
                    address: Some(address),
                    port,
                }),
                Passive::Plain,
            ) => {
                self.set_port(Port::Reserved);
                self.say(227, entering_passive_mode(address, port));
            }
            (
                Ok(Opened {
                    address: None,
                    port: _,
                }),
                Passive::Plain,
            ) => {
                self.ask(Action::CloseDataPort);
                self.say(425, "The address to connect to is not known here: use EPSV");
            }
            (Err(PassiveFailure::NoneFree), _) => {
                self.say(425, "All data ports are in use; try again in a moment");
            }
        }
    }

    /// The next transfer is told; nothing can be said now.
    pub(super) fn data_port_expired(&mut self) {
        if let Some(account) = self.account()
            && account.port == Port::Reserved
        {
            account.port = Port::Expired;
        }
    }

    /// Gives the reserved port back, if there is one.
    pub(super) fn close_data_port(&mut self) {
        if let Some(account) = self.account()
            && core::mem::replace(&mut account.port, Port::Absent) == Port::Reserved
        {
            self.ask(Action::CloseDataPort);
        }
    }

    fn set_port(&mut self, port: Port) {
        if let Some(account) = self.account() {
            account.port = port;
        }
    }
}

impl Family {
    /// `EPSV` tells no address: the data connection takes the way of the control connection.
    const fn is(self, number: u32) -> bool {
        match self {
            Self::V4 => number == 1,
            Self::V6 => number == 2,
            Self::Unknown => matches!(number, 1 | 2),
        }
    }
}

/// As 522 lists them (RFC 2428 §2).
impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V4 => "(1)",
            Self::V6 => "(2)",
            Self::Unknown => "(1,2)",
        })
    }
}

/// RFC 959 §4.1.2: the address and the port, byte by byte.
fn entering_passive_mode(address: Ipv4Addr, port: u16) -> String {
    let [a, b, c, d] = address.octets();
    let [high, low] = port.to_be_bytes();
    format!("Entering passive mode ({a},{b},{c},{d},{high},{low})")
}
