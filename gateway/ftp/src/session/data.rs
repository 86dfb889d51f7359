//! `PASV`, `EPSV`, `PORT`, `EPRT`: where the data connection comes from (RFC 959, RFC 2428).

use alloc::{borrow::ToOwned, format, string::String};
use core::{fmt, net::Ipv4Addr};

use super::{
    Family, Mode, Session,
    state::{Passive, Port, Setup, Task},
};
use crate::{Action, Command, Opened, PassiveFailure};

impl Session {
    /// Obeys the commands that prepare a data connection. What policy forbids is refused at once, with the reason: a
    /// client that is told so only by its transfer has waited for nothing.
    pub(super) fn set_up_data(&mut self, command: &Command) {
        let is_extended = self
            .account()
            .is_some_and(|account| account.setup == Setup::Extended);
        match (command, &self.settings.passive) {
            (Command::Port | Command::ExtendedPort | Command::Passive, _) if is_extended => {
                self.say(503, "After EPSV ALL there is only EPSV");
            }
            (Command::Port | Command::ExtendedPort, _) => {
                self.say(534, self.settings.active_refusal.clone());
            }
            (_, Mode::Deny(reason)) => self.say(534, reason.to_owned()),
            (Command::ExtendedPassiveAll, Mode::Allow) => self.use_extended_only(),
            (Command::ExtendedPassive(Some(family)), Mode::Allow)
                if !self.settings.family.is(*family) =>
            {
                let text = format!("Not that network protocol: use {}", self.settings.family);
                self.say(522, text);
            }
            (Command::ExtendedPassive(_), Mode::Allow) => self.open_data_port(Passive::Extended),
            (_, Mode::Allow) => self.open_data_port(Passive::Plain),
        }
    }

    fn use_extended_only(&mut self) {
        if let Some(account) = self.account() {
            account.setup = Setup::Extended;
        }
        self.say(200, "Only EPSV from now on");
    }

    /// The port that was reserved before is given back by this.
    fn open_data_port(&mut self, passive: Passive) {
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
