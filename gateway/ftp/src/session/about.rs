//! `FEAT`, `HELP`, `SITE HELP`, `STAT`: what the server can and how the session stands.

use alloc::{format, string::String, vec, vec::Vec};

use super::{
    Mode, Session,
    state::{Account, Login, Progress, Protection, State, Task},
};
use crate::{Action, Command, DataProtection, Reply, Representation};

/// How many verbs stand on a line of `HELP`.
const VERBS_A_LINE: usize = 8;

impl Session {
    /// `FEAT` (RFC 2389): what this listener offers, whatever the moment.
    pub(super) fn features(&mut self) {
        let facts = self
            .account()
            .map(|account| account.facts)
            .unwrap_or_default();
        let mut features = vec![];
        if !self.settings.implicit {
            features.push(String::from("AUTH TLS"));
        }
        if self.settings.passive == Mode::Allow {
            features.push(String::from("EPSV"));
        }
        features.extend(["MDTM", "MFMT"].map(String::from));
        features.push(format!("MLST {}", facts.feature()));
        features.extend(["PBSZ", "PROT", "REST STREAM", "SIZE", "TVFS", "UTF8"].map(String::from));
        self.reply(Reply::with_lines(
            211,
            "Features:",
            features.into_iter().map(String::into_bytes),
            "End",
        ));
    }

    pub(super) fn help(&mut self, topic: Option<&str>) {
        let Some(verb) = topic else {
            let verbs: Vec<_> = Command::verbs().collect();
            let lines = verbs
                .chunks(VERBS_A_LINE)
                .map(|verbs| verbs.join(" ").into_bytes());
            return self.reply(Reply::with_lines(
                214,
                "These commands are known:",
                lines,
                "HELP and one of them says more",
            ));
        };
        match Command::syntax(verb) {
            Some(syntax) => self.say(214, syntax),
            None => self.say(501, "There is no such command"),
        }
    }

    pub(super) fn site_help(&mut self) {
        let syntax = Command::syntax("SITE").unwrap_or_default();
        self.say(214, syntax);
    }

    /// `STAT` without a path. While a transfer runs, the gateway is asked first how far it is.
    pub(super) fn status(&mut self) {
        match &mut self.state {
            State::LoggedIn(_, Task::Transferring(_, progress)) => {
                *progress = Progress::Asked;
                self.ask(Action::ReportProgress);
            }
            _ => self.status_report(None),
        }
    }

    pub(super) fn status_report(&mut self, moved: Option<u64>) {
        let mut lines = vec![];
        match &self.state {
            State::LoggedIn(account, _) => lines.extend(account.status()),
            State::Login(Login::Named(_)) => lines.push("The password is awaited".into()),
            _ => lines.push("Nobody is logged in".into()),
        }
        lines.push(self.protection.status().into());
        match moved {
            Some(bytes) => lines.push(format!("The transfer has moved {bytes} bytes")),
            None => lines.push("No transfer runs".into()),
        }
        self.reply(Reply::with_lines(
            211,
            "Status:",
            lines.into_iter().map(String::into_bytes),
            "End",
        ));
    }
}

impl Account {
    fn status(&self) -> [String; 2] {
        let representation = match self.representation {
            Representation::Ascii => "TYPE A",
            Representation::Image => "TYPE I",
        };
        [
            format!("Logged in as {}", self.user),
            format!("{representation}, MODE S, STRU F"),
        ]
    }
}

impl Protection {
    const fn status(self) -> &'static str {
        match self {
            Self::Clear => "Commands and data in clear",
            Self::Encrypted | Self::Sized(DataProtection::Clear) => {
                "Commands over TLS, data in clear"
            }
            Self::Sized(DataProtection::Private) => "Commands and data over TLS",
        }
    }
}
