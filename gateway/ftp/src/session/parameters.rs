//! `TYPE`, `REST`, `OPTS MLST`: how the next transfers are done.

use alloc::format;

use super::{Session, state::Prelude};
use crate::{Facts, Representation};

impl Session {
    /// `TYPE`.
    pub(super) fn represent(&mut self, representation: Representation) {
        if let Some(account) = self.account() {
            account.representation = representation;
        }
        self.say(
            200,
            match representation {
                Representation::Ascii => "Text: lines end with CR LF",
                Representation::Image => "Bytes as they are",
            },
        );
    }

    /// `REST`. In a text the byte to go on from is another one here than there.
    pub(super) fn restart(&mut self, offset: u64) {
        let Some(account) = self.account() else {
            return;
        };
        if offset > 0 && account.representation == Representation::Ascii {
            return self.say(501, "REST needs TYPE I first");
        }
        account.prelude = Prelude::Restart(offset);
        self.say(350, format!("The next transfer goes on at byte {offset}"));
    }

    /// `OPTS MLST`.
    pub(super) fn choose_facts(&mut self, facts: Facts) {
        if let Some(account) = self.account() {
            account.facts = facts;
        }
        let text = format!("MLST OPTS {facts}");
        self.say(200, text.trim_end());
    }
}
