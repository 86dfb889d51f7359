//! What is outside of a session: it is asked, and answers as the input chooses.

use std::{collections::VecDeque, net::Ipv4Addr};

use ftp::{
    Action, DataFailure, DataPolicy, Done, Entered, Entry, Event, Failure, FileTask, Kind,
    LoginFailure, Opened, PassiveFailure, Prepared, Timestamp, TransferFailure, UserCheck,
};

const FAILURES: [Failure; 15] = [
    Failure::NotFound,
    Failure::Denied,
    Failure::Exists,
    Failure::NotAFolder,
    Failure::NotAFile,
    Failure::NotEmpty,
    Failure::InvalidName,
    Failure::BeyondEnd,
    Failure::NoSpace,
    Failure::TooLarge,
    Failure::ReadOnly,
    Failure::InUse,
    Failure::Unsupported,
    Failure::Unavailable,
    Failure::Failed,
];

/// What the session waits for.
#[derive(Clone, PartialEq, Eq)]
enum Question {
    Tls,
    User,
    Password,
    DataPort,
    File(FileTask),
    Prepare,
    Transfer,
    Progress,
}

/// Answers in the order of the questions.
#[derive(Default)]
pub(crate) struct World<'a> {
    pub(crate) choices: std::slice::Iter<'a, u8>,
    questions: VecDeque<Question>,
    has_port: bool,
}

impl World<'_> {
    pub(crate) fn is_asked_nothing(&self) -> bool {
        self.questions.is_empty()
    }

    /// Takes an action; true: what the client sent before is to be forgotten.
    pub(crate) fn is_to(&mut self, action: &Action) -> bool {
        match action {
            Action::StartTls => self.questions.push_back(Question::Tls),
            Action::CheckUser(_) => self.questions.push_back(Question::User),
            Action::CheckPassword { .. } => self.questions.push_back(Question::Password),
            Action::OpenDataPort => {
                self.has_port = false;
                self.questions.push_back(Question::DataPort);
            }
            Action::CloseDataPort | Action::Logout => {
                self.has_port = false;
                self.forget(|question| *question == Question::DataPort);
            }
            Action::File(task) => self.questions.push_back(Question::File(task.clone())),
            Action::Prepare(_) => self.questions.push_back(Question::Prepare),
            Action::Start(_) => {
                self.has_port = false;
                self.questions.push_back(Question::Transfer);
            }
            Action::ReportProgress => self.questions.push_back(Question::Progress),
            Action::Abort => {
                self.forget(|question| {
                    matches!(
                        question,
                        Question::File(_)
                            | Question::Prepare
                            | Question::Transfer
                            | Question::Progress
                    )
                });
            }
            Action::Send(_) | Action::Close => {}
        }
        matches!(action, Action::StartTls)
    }

    fn forget(&mut self, forgotten: impl Fn(&Question) -> bool) {
        self.questions.retain(|question| !forgotten(question));
    }

    /// What happens before the next line: an answer, something that nobody asked for, or nothing.
    pub(crate) fn choose(&mut self) -> Option<Event> {
        match self.next() {
            1..128 => None,
            255 => Some(Event::Idle),
            254 => Some(Event::LoginTimeout),
            253 => Some(Event::Stopping),
            240..253 if self.has_port => {
                self.has_port = false;
                Some(Event::DataPortExpired)
            }
            _ => self.answer(),
        }
    }

    /// The answer to a question that waits; progress is told before the end of the transfer, or never.
    pub(crate) fn answer(&mut self) -> Option<Event> {
        let question = self.questions.pop_front()?;
        if question == Question::Transfer && self.questions.front() == Some(&Question::Progress) {
            let told = self.next().is_multiple_of(2);
            self.questions.pop_front();
            if told {
                self.questions.push_front(question);
                return Some(Event::Progress(u64::from(self.next())));
            }
        }
        let choice = self.next();
        let failure = FAILURES[usize::from(choice) % FAILURES.len()];
        let succeeds = choice % 4 != 1;
        Some(match question {
            Question::Tls => Event::TlsStarted,
            Question::User if succeeds => Event::UserChecked(UserCheck::Password),
            Question::User => Event::UserChecked(UserCheck::TlsRequired),
            Question::Password if succeeds => Event::PasswordChecked(Ok(Entered {
                directory: self.path(),
                data: match choice & 2 {
                    0 => DataPolicy::AsListener,
                    _ => DataPolicy::Private,
                },
            })),
            Question::Password => Event::PasswordChecked(Err(login_failure(choice))),
            Question::DataPort if succeeds => {
                self.has_port = true;
                let address = (choice & 2 == 0).then_some(Ipv4Addr::LOCALHOST);
                Event::DataPortOpened(Ok(Opened {
                    address,
                    port: u16::from_be_bytes([choice, choice]),
                }))
            }
            Question::DataPort => Event::DataPortOpened(Err(PassiveFailure::NoneFree)),
            Question::File(task) if succeeds => Event::FileDone(Ok(self.done(&task, choice))),
            Question::File(_) => Event::FileDone(Err(failure)),
            Question::Prepare if succeeds => Event::Prepared(Ok(match choice % 3 {
                0 => Prepared::Open,
                1 => Prepared::Sized(u64::MAX),
                _ => Prepared::Named(self.path()),
            })),
            Question::Prepare => Event::Prepared(Err(failure)),
            Question::Transfer if succeeds => Event::TransferEnded(Ok(u64::MAX)),
            Question::Transfer => Event::TransferEnded(Err(transfer_failure(choice, failure))),
            Question::Progress => Event::Progress(0),
        })
    }

    fn done(&mut self, task: &FileTask, choice: u8) -> Done {
        match (task, choice) {
            (_, 255) => Done::Done,
            (FileTask::Describe(_), _) => Done::Entry(self.path(), self.entry(choice)),
            (FileTask::List(_), _) => Done::Listing(b"-rw-r--r-- 1 0 0 0 a\r\n".to_vec()),
            (FileTask::ChangeDirectory(_) | FileTask::MakeDirectory(_), _) => {
                Done::Path(self.path())
            }
            _ => Done::Done,
        }
    }

    fn entry(&mut self, choice: u8) -> Entry {
        Entry {
            name: self.path(),
            kind: [Kind::File, Kind::Folder, Kind::Link, Kind::Other][usize::from(choice) % 4],
            size: u64::from(choice) << 56,
            mode: u32::from(choice),
            modified: Timestamp(i64::from(choice) - (1 << 40)),
            owner: (0, 0),
            links: 1,
            unique: 0,
        }
    }

    /// A path of few bytes, among them those that mean something in a reply.
    fn path(&mut self) -> Vec<u8> {
        let mut path = b"/".to_vec();
        while let byte @ 1.. = self.next() {
            path.push(byte);
        }
        path
    }

    fn next(&mut self) -> u8 {
        self.choices.next().copied().unwrap_or(0)
    }
}

fn login_failure(choice: u8) -> LoginFailure {
    match choice >> 4 {
        0 => LoginFailure::TooManySessions,
        1 => LoginFailure::Banned,
        2 => LoginFailure::Busy,
        3 => LoginFailure::Storage,
        _ => LoginFailure::Credential,
    }
}

fn transfer_failure(choice: u8, failure: Failure) -> TransferFailure {
    match choice >> 4 {
        0 => TransferFailure::Broken,
        1 => TransferFailure::Truncated,
        2 => TransferFailure::Stalled,
        3 => TransferFailure::Data(DataFailure::TimedOut),
        4 => TransferFailure::Data(DataFailure::Handshake("no\r\n226 yes".into())),
        5 => TransferFailure::Data(DataFailure::Unbound("no".into())),
        _ => TransferFailure::Storage(failure),
    }
}
