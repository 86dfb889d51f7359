//! `TYPE`, `MODE`, `STRU`, `ALLO`, `REST`, `OPTS MLST`: how the next transfers are done.

use alloc::format;

use super::{Session, state::Prelude};
use crate::{Command, Facts, Representation};

impl Session {
    /// Obeys a command about how files are sent; what is left are transfers.
    pub(super) fn obey_about_parameters(&mut self, command: Command, prelude: &Prelude) {
        match command {
            Command::Ascii => self.represent(Representation::Ascii, "Text: lines end with CR LF"),
            Command::Image => self.represent(Representation::Image, "Bytes as they are"),
            Command::StreamMode => self.say(200, "MODE S"),
            Command::FileStructure => self.say(200, "STRU F"),
            Command::Allocate => self.say(202, "Not needed here"),
            Command::Restart(offset) => self.restart(offset),
            Command::ChooseFacts(facts) => self.choose_facts(facts),
            command => self.obey_transfer(command, prelude),
        }
    }

    fn represent(&mut self, representation: Representation, text: &str) {
        if let Some(account) = self.account() {
            account.representation = representation;
        }
        self.say(200, text);
    }

    /// `REST`. In a text the byte to go on from is another one here than there.
    fn restart(&mut self, offset: u64) {
        let Some(account) = self.account() else {
            return;
        };
        if offset > 0 && account.representation == Representation::Ascii {
            return self.say(501, "REST needs TYPE I first");
        }
        account.prelude = Prelude::Restart(offset);
        self.say(350, format!("The next transfer goes on at byte {offset}"));
    }

    fn choose_facts(&mut self, facts: Facts) {
        if let Some(account) = self.account() {
            account.facts = facts;
        }
        let text = format!("MLST OPTS {facts}");
        self.say(200, text.trim_end());
    }
}
