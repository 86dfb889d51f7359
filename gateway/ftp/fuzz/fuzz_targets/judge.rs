//! What must hold whatever happens.

use std::collections::BTreeSet;

use ftp::{Action, DataPolicy, DataProtection, Encryption, Event, Reply, Settings, UserCheck};

/// Watches all that goes into a session and comes out of it.
pub(crate) struct Judge {
    settings: Settings,
    reached: BTreeSet<Reached>,
    /// What the user who has logged in last demands.
    data: DataPolicy,
    /// Commands that have no final reply yet; before the greeting, one.
    unanswered: u64,
}

/// What must come before something else.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Tls,
    /// The user's password may travel in clear.
    ClearPassword,
    Login,
    DataPort,
    PreparedTransfer,
    Goodbye,
}

impl Judge {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut judge = Self {
            settings,
            reached: BTreeSet::new(),
            data: DataPolicy::AsListener,
            unanswered: 1,
        };
        if judge.settings.implicit {
            judge.reach(Reached::Tls);
        }
        judge
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.has(&Reached::Goodbye)
    }

    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Line(_) | Event::LineTooLong => self.unanswered += 1,
            Event::TlsStarted => self.reach(Reached::Tls),
            Event::UserChecked(UserCheck::Password) => {
                self.reach(Reached::ClearPassword);
            }
            Event::PasswordChecked(result) => {
                self.settle(Reached::Login, result);
                self.data = match result {
                    Ok(entered) => entered.data,
                    Err(_) => DataPolicy::AsListener,
                };
            }
            Event::DataPortOpened(result) => self.settle(Reached::DataPort, result),
            Event::DataPortExpired => self.lose(&Reached::DataPort),
            Event::Prepared(result) => self.settle(Reached::PreparedTransfer, result),
            _ => {}
        }
    }

    pub(crate) fn see(&mut self, action: &Action) {
        assert!(!self.is_closed(), "{action:?} comes after the goodbye");
        match action {
            Action::Send(reply) => self.read(reply),
            Action::StartTls => {
                assert!(!self.has(&Reached::Tls), "TLS is there already");
                // What was sent behind AUTH in clear is thrown away, and not answered.
                self.unanswered = 0;
            }
            Action::CheckUser(_) => {
                assert!(
                    !self.has(&Reached::Tls),
                    "over TLS every password may travel"
                );
                assert_eq!(self.settings.encryption, Encryption::Optional);
                self.lose(&Reached::ClearPassword);
            }
            Action::CheckPassword { .. } => assert!(
                self.has(&Reached::Tls) || self.has(&Reached::ClearPassword),
                "a password is checked that must not have travelled"
            ),
            Action::Logout => {
                self.lose(&Reached::Login);
                self.lose(&Reached::DataPort);
                self.lose(&Reached::PreparedTransfer);
            }
            Action::OpenDataPort | Action::CloseDataPort => self.lose(&Reached::DataPort),
            Action::File(_) | Action::Prepare(_) => {
                assert!(self.has(&Reached::Login), "{action:?} for nobody");
            }
            Action::Start(protection) => self.watch_start(*protection),
            Action::ReportProgress => {}
            Action::Abort => self.lose(&Reached::PreparedTransfer),
            Action::Close => self.reach(Reached::Goodbye),
        }
    }

    fn watch_start(&mut self, protection: DataProtection) {
        assert!(self.has(&Reached::Login), "data for nobody");
        assert!(self.has(&Reached::DataPort), "no port for the data");
        assert!(self.has(&Reached::PreparedTransfer), "data of nothing");
        assert!(
            protection == DataProtection::Private
                || (self.settings.encryption != Encryption::Required
                    && self.data == DataPolicy::AsListener),
            "data moves in clear"
        );
        self.lose(&Reached::DataPort);
        self.lose(&Reached::PreparedTransfer);
    }

    fn has(&self, place: &Reached) -> bool {
        self.reached.contains(place)
    }

    fn reach(&mut self, place: Reached) {
        self.reached.insert(place);
    }

    fn lose(&mut self, place: &Reached) {
        self.reached.remove(place);
    }

    /// Reached by success, lost by failure.
    fn settle<T, E>(&mut self, place: Reached, outcome: &Result<T, E>) {
        match outcome {
            Ok(_) => self.reach(place),
            Err(_) => self.lose(&place),
        }
    }

    /// Every line of a reply is one line, and none but the last looks like the last. 421 says goodbye without being asked.
    fn read(&mut self, reply: &Reply) {
        let (code, bytes) = (reply.code(), reply.to_bytes());
        assert!((100..600).contains(&code));
        let text = bytes.strip_suffix(b"\r\n").expect("a reply ends");
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let (last, before) = lines.split_last().expect("a reply has a line");
        assert!(last.starts_with(format!("{code} ").as_bytes()), "{reply:?}");
        assert!(!last.contains(&b'\n'));
        for line in before {
            assert!(line.ends_with(b"\r"), "{reply:?}");
            assert!(
                !line.starts_with(format!("{code} ").as_bytes()),
                "{reply:?}"
            );
        }
        if code >= 200 && code != 421 {
            self.unanswered = self
                .unanswered
                .checked_sub(1)
                .unwrap_or_else(|| panic!("nobody asked for {reply:?}"));
        }
    }

    /// Where nothing is under way, nothing is left to answer.
    pub(crate) fn rest(&self) {
        assert!(
            self.is_closed() || self.unanswered == 0,
            "{} commands have no reply",
            self.unanswered
        );
    }
}
