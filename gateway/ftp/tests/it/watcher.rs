//! A session under watch: what it may never do is checked at every action.

use ftp::{
    Action, DataPolicy, DataProtection, Done, Encryption, Entered, Entry, Event, Failure, Kind,
    LoginFailure, Opened, PassiveFailure, Prepared, Reply, Session, Settings, Timestamp,
    TransferFailure, UserCheck,
};

/// A session, and what has been seen of it.
pub(crate) struct Watcher {
    session: Session,
    settings: Settings,
    /// What was asked and not answered.
    questions: Vec<Action>,
    tls: Stage,
    /// The word of the gateway that a password may travel in clear; it is good for one.
    clear_password: Stage,
    port: Stage,
    file: Stage,
    /// Lines whose final reply has not come.
    unanswered: i64,
    closed: bool,
    /// What the user who is logged in demands.
    data: DataPolicy,
    counts: Counting,
}

#[derive(PartialEq, Eq)]
enum Counting {
    Replies,
    Nothing,
}

/// How far something is that had to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Absent,
    Asked,
    There,
}

/// A path that would like to be replies, quotes and Telnet commands.
const HOSTILE: &[u8] = b"/a\r\n230 Logged in\"\0\xFF";

/// What the gateway says to a question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Kind,
    Unkind,
}

impl Watcher {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            session: Session::new(settings.clone()),
            tls: if settings.implicit {
                Stage::There
            } else {
                Stage::Absent
            },
            settings,
            questions: vec![],
            clear_password: Stage::Absent,
            port: Stage::Absent,
            file: Stage::Absent,
            unanswered: 0,
            closed: false,
            data: DataPolicy::AsListener,
            counts: Counting::Replies,
        }
    }

    /// A watcher that does not count replies: for worlds that answer what nobody asked.
    pub(crate) fn unsuspecting(settings: Settings) -> Self {
        Self {
            counts: Counting::Nothing,
            ..Self::new(settings)
        }
    }

    /// Connects; the greeting is no reply to a line.
    pub(crate) fn connect(&mut self) {
        self.unanswered = 1;
        self.handle(Event::Connected);
    }

    pub(crate) fn line(&mut self, line: &[u8]) {
        if self.session.wants_line() {
            self.unanswered += 1;
            self.handle(Event::Line(line.to_vec()));
        }
    }

    pub(crate) fn line_too_long(&mut self) {
        if self.session.wants_line() {
            self.unanswered += 1;
            self.handle(Event::LineTooLong);
        }
    }

    /// Whatever a client or a gateway may bring forward by itself.
    pub(crate) fn handle(&mut self, event: Event) {
        self.note_event(&event);
        let was_closed = self.closed;
        let actions = self.session.handle(event);
        assert!(!was_closed || actions.is_empty(), "spoke after its goodbye");
        for action in actions {
            assert!(!self.closed, "spoke after its goodbye");
            self.note(action);
        }
        // A goodbye that nobody asked for is nobody's reply.
        let allowed = if self.closed { -1 } else { 0 };
        assert!(
            self.counts == Counting::Nothing || self.unanswered >= allowed,
            "more replies than lines"
        );
    }

    /// Answers the oldest question; false: there is none.
    pub(crate) fn answer(&mut self, mood: Mood) -> bool {
        if self.questions.is_empty() {
            return false;
        }
        let question = self.questions.remove(0);
        let answer = answer_to(&question, mood);
        if let Event::PasswordChecked(Ok(entered)) = &answer {
            self.data = entered.data;
        }
        self.handle(answer);
        true
    }

    /// The world answers everything, and then no line is left without its reply.
    pub(crate) fn finish(mut self) {
        while self.answer(Mood::Kind) {}
        assert!(
            self.closed || self.unanswered == 0,
            "{} lines have no reply; {:?}",
            self.unanswered,
            self.session
        );
    }

    fn note_event(&mut self, event: &Event) {
        match event {
            Event::TlsStarted if self.tls == Stage::Asked => self.tls = Stage::There,
            Event::UserChecked(check) if self.clear_password == Stage::Asked => {
                self.clear_password = match check {
                    UserCheck::Password => Stage::There,
                    UserCheck::TlsRequired => Stage::Absent,
                };
            }
            Event::DataPortOpened(Ok(_)) if self.port == Stage::Asked => self.port = Stage::There,
            Event::DataPortOpened(Err(_)) if self.port == Stage::Asked => self.port = Stage::Absent,
            Event::DataPortExpired if self.port == Stage::There => self.port = Stage::Absent,
            Event::Prepared(Ok(_)) if self.file == Stage::Asked => self.file = Stage::There,
            Event::Prepared(Err(_)) if self.file == Stage::Asked => self.file = Stage::Absent,
            _ => {}
        }
    }

    fn note(&mut self, action: Action) {
        match &action {
            Action::Send(reply) => {
                check_form(reply);
                if reply.code() >= 200 {
                    self.unanswered -= 1;
                }
                return;
            }
            Action::StartTls => {
                self.tls = Stage::Asked;
                // What came in clear is thrown away.
                self.unanswered = 0;
                self.questions.clear();
            }
            Action::CheckUser(_) => {
                assert!(self.tls == Stage::Absent, "asked over TLS");
                assert!(
                    self.settings.encryption == Encryption::Optional,
                    "asked what is settled"
                );
                self.clear_password = Stage::Asked;
            }
            Action::CheckPassword { .. } => {
                assert!(
                    self.tls == Stage::There || self.clear_password == Stage::There,
                    "a password was checked that must not have travelled"
                );
                self.clear_password = Stage::Absent;
            }
            Action::OpenDataPort => self.port = Stage::Asked,
            Action::CloseDataPort | Action::Logout => {
                self.port = Stage::Absent;
                self.forget(|question| *question == Action::OpenDataPort);
                return;
            }
            Action::Prepare(_) => {
                assert!(self.port == Stage::There, "opened a file for nobody");
                self.file = Stage::Asked;
            }
            Action::Start(protection) => self.note_start(*protection),
            Action::Abort => {
                self.file = Stage::Absent;
                self.forget(|question| {
                    matches!(
                        question,
                        Action::File(_)
                            | Action::Prepare(_)
                            | Action::Start(_)
                            | Action::ReportProgress
                    )
                });
                return;
            }
            Action::Close => {
                self.closed = true;
                self.questions.clear();
                return;
            }
            Action::File(_) | Action::ReportProgress => {}
        }
        self.ask(action);
    }

    fn note_start(&mut self, protection: DataProtection) {
        assert!(
            self.port == Stage::There,
            "moved data without a reserved port"
        );
        assert!(self.file == Stage::There, "moved data of nothing");
        assert!(
            protection == DataProtection::Private
                || (self.settings.encryption != Encryption::Required
                    && self.data == DataPolicy::AsListener),
            "moved data in clear"
        );
        self.port = Stage::Absent;
        self.file = Stage::Absent;
    }

    /// A gateway does one thing at a time for a session; it can tell how far that is.
    fn ask(&mut self, question: Action) {
        let takes_time = |question: &Action| *question != Action::ReportProgress;
        assert!(
            self.counts == Counting::Nothing
                || !takes_time(&question)
                || !self.questions.iter().any(takes_time),
            "asked two things at once"
        );
        self.questions.push(question);
    }

    fn forget(&mut self, which: impl Fn(&Action) -> bool) -> bool {
        let before = self.questions.len();
        self.questions.retain(|question| !which(question));
        self.questions.len() < before
    }
}

/// RFC 959 §4.2: `250 text`, or `250-text`, lines that begin with no code, `250 text`.
fn check_form(reply: &Reply) {
    let bytes = reply.to_bytes();
    let lines: Vec<_> = bytes
        .strip_suffix(b"\r\n")
        .unwrap()
        .split(|byte| *byte == b'\n')
        .collect();
    let code = reply.code().to_string();
    let (last, others) = lines.split_last().unwrap();
    assert!((100..600).contains(&reply.code()));
    assert!(last.starts_with(format!("{code} ").as_bytes()));
    for (number, line) in others.iter().enumerate() {
        let start = if number == 0 {
            format!("{code}-")
        } else {
            " ".into()
        };
        assert!(line.starts_with(start.as_bytes()));
        assert!(line.ends_with(b"\r"));
    }
    assert!(!last.contains(&b'\r') && !bytes.contains(&0));
}

fn answer_to(question: &Action, mood: Mood) -> Event {
    let kind = matches!(mood, Mood::Kind);
    match question {
        Action::StartTls => Event::TlsStarted,
        Action::CheckUser(_) if kind => Event::UserChecked(UserCheck::Password),
        Action::CheckUser(_) => Event::UserChecked(UserCheck::TlsRequired),
        Action::CheckPassword { user, .. } if kind => Event::PasswordChecked(Ok(Entered {
            directory: HOSTILE.to_vec(),
            data: match user.as_str() {
                "carol" => DataPolicy::Private,
                _ => DataPolicy::AsListener,
            },
        })),
        Action::CheckPassword { .. } => Event::PasswordChecked(Err(LoginFailure::Credential)),
        Action::OpenDataPort if kind => Event::DataPortOpened(Ok(Opened {
            address: Some([192, 0, 2, 7].into()),
            port: 30000,
        })),
        Action::OpenDataPort => Event::DataPortOpened(Err(PassiveFailure::NoneFree)),
        Action::File(_) if kind => Event::FileDone(Ok(Done::Entry(HOSTILE.to_vec(), entry()))),
        Action::File(_) => Event::FileDone(Err(Failure::NotFound)),
        Action::Prepare(_) if kind => Event::Prepared(Ok(Prepared::Open)),
        Action::Prepare(_) => Event::Prepared(Err(Failure::Denied)),
        Action::Start(_) if kind => Event::TransferEnded(Ok(5)),
        Action::Start(_) => Event::TransferEnded(Err(TransferFailure::Broken)),
        Action::ReportProgress => Event::Progress(3),
        other => unreachable!("{other:?} is no question"),
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        name: b"a".to_vec(),
        kind: Kind::File,
        size: 5,
        mode: 0o640,
        modified: Timestamp(1_767_323_045),
        owner: (1000, 1000),
        links: 1,
        unique: 0x1f3,
    }
}
