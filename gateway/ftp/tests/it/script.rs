//! Replays a transcript: what goes in stays, what comes out is written anew.

use std::{fmt::Write as _, mem, path::Path};

use ftp::{Action, Encryption, Event, Family, Line, Lines, Mode, Session, Settings};

use crate::world::{answer, describe};

/// What a transcript is played with, and what has come of it.
struct Play {
    settings: Settings,
    session: Option<Session>,
    /// What the client sends becomes lines, as in a gateway.
    lines: Lines,
    /// Bytes of the lines that were shown on the data connection.
    shown: u64,
    text: String,
    /// Whether the client was told, by silence, to wait.
    is_paused: bool,
}

/// What the settings are unless a line with `=` says otherwise.
pub(crate) fn usual() -> Settings {
    Settings {
        encryption: Encryption::Required,
        implicit: false,
        active_refusal: "The server opens no connections: use EPSV or PASV".into(),
        passive: Mode::Allow,
        family: Family::V4,
        wrong_passwords_max: 3,
        refused_commands_max: 10,
    }
}

/// The whole conversation, with the replies and demands that the session has now.
pub(crate) fn replay(transcript: &str, file: &Path) -> String {
    let mut play = Play {
        settings: usual(),
        session: None,
        lines: Lines::default(),
        shown: 0,
        text: String::new(),
        is_paused: false,
    };
    for line in transcript.lines() {
        let input = matches!(line.get(..1), None | Some("#" | "=" | "C" | "D" | "<"));
        if !input {
            continue;
        }
        play.write(line);
        let event = match line.split_at_checked(2) {
            Some(("= ", setting)) => {
                play.set(setting);
                continue;
            }
            Some(("C:", said)) => play.hear(said.strip_prefix(' ').unwrap_or(said)),
            Some(("D:", shown)) => {
                play.show(shown.strip_prefix(' ').unwrap_or(shown));
                continue;
            }
            Some(("< ", happened)) => answer(happened)
                .unwrap_or_else(|| panic!("{}: what is `{happened}`?", file.display())),
            _ => continue,
        };
        if let Event::TransferEnded(Ok(moved)) = event {
            let shown = mem::take(&mut play.shown);
            assert!(
                shown == 0 || shown == moved,
                "{}: {shown} bytes are shown, not {moved}",
                file.display()
            );
        }
        play.handle(event, file);
    }
    play.text
}

impl Play {
    fn set(&mut self, setting: &str) {
        match setting.split_once(' ').unwrap_or((setting, "")) {
            ("encryption", "Required") => self.settings.encryption = Encryption::Required,
            ("encryption", "ControlRequired") => {
                self.settings.encryption = Encryption::ControlRequired;
            }
            ("encryption", "Optional") => self.settings.encryption = Encryption::Optional,
            ("family", "IPv6") => self.settings.family = Family::V6,
            ("family", "Unknown") => self.settings.family = Family::Unknown,
            ("implicit", "") => self.settings.implicit = true,
            ("passive", refusal) => {
                let reason = refusal.strip_prefix("Deny ").unwrap();
                self.settings.passive = Mode::Deny(reason.into());
            }
            ("wrong-passwords", most) => self.settings.wrong_passwords_max = most.parse().unwrap(),
            ("refused-commands", most) => {
                self.settings.refused_commands_max = most.parse().unwrap();
            }
            ("begun", how) => self.begin(how),
            _ => panic!("what is the setting `{setting}`?"),
        }
    }

    /// What has been said before the transcript begins: every one of these is shown whole in the first topics.
    fn begin(&mut self, how: &str) {
        const SECURE: &[&str] = &["< connected", "C: AUTH TLS", "< TLS is there"];
        const PRIVATE: &[&str] = &["C: PBSZ 0", "C: PROT P"];
        const LOGIN: &[&str] = &["C: USER alice", "C: PASS secret", "< right, starts in /"];
        const CLEAR: &[&str] = &[
            "< connected",
            "C: USER alice",
            "< it may travel",
            "C: PASS secret",
            "< right, starts in /",
        ];
        const PORT: &[&str] = &["C: TYPE I", "C: EPSV", "< port 30000"];
        let scripts: &[&[&str]] = match how {
            "over TLS" => &[SECURE],
            "logged in" => &[SECURE, PRIVATE, LOGIN],
            "logged in, data in clear" => &[SECURE, LOGIN],
            "logged in, in clear" => &[CLEAR],
            "with a data port" => &[SECURE, PRIVATE, LOGIN, PORT],
            "with a running upload" => &[SECURE, PRIVATE, LOGIN, PORT, &["C: STOR a", "< open"]],
            _ => panic!("nothing begins `{how}`"),
        };
        for line in scripts.concat() {
            let event = match line.strip_prefix("C: ") {
                Some(said) => Event::Line(said.into()),
                None => answer(line.trim_start_matches("< ")).unwrap(),
            };
            drop(self.session().handle(event));
        }
    }

    fn session(&mut self) -> &mut Session {
        let settings = &self.settings;
        self.session
            .get_or_insert_with(|| Session::new(settings.clone()))
    }

    /// What the session hears of a line, which ends with CR LF and may hold Telnet's commands.
    fn hear(&mut self, said: &str) -> Event {
        self.lines.push(&unescape(said));
        self.lines.push(b"\r\n");
        match self.lines.pop().unwrap() {
            Line::Whole(line) => Event::Line(line),
            Line::TooLong => Event::LineTooLong,
        }
    }

    /// A line on the data connection, which ends with CR LF too.
    fn show(&mut self, line: &str) {
        self.shown += unescape(line).len() as u64 + 2;
    }

    fn handle(&mut self, event: Event, file: &Path) {
        assert!(
            self.session().wants_line() || !matches!(event, Event::Line(_)),
            "{}: no line is wanted",
            file.display()
        );
        let wanted = self.session().wants_line();
        let actions = self.session().handle(event);
        for action in &actions {
            describe(action).lines().for_each(|line| self.write(line));
        }
        let ends = |action: &Action| matches!(action, Action::StartTls | Action::Close);
        match (wanted, self.session().wants_line()) {
            (true, false) if !actions.iter().any(ends) => {
                self.write("> read no more for now");
                self.is_paused = true;
            }
            (false, true) if self.is_paused => {
                self.write("> read on");
                self.is_paused = false;
            }
            _ => {}
        }
    }

    fn write(&mut self, line: &str) {
        writeln!(self.text, "{line}").unwrap();
    }
}

/// Bytes as a transcript writes them: `\xFF`, `\\`.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = after;
            }
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                rest = after;
            }
            _ => bytes.push(byte),
        }
    }
    bytes
}
