//! `RETR`, `STOR`, `APPE`, `STOU`, `LIST`, `NLST`, `MLSD`, and `ABOR` and `STAT` beside them.
//!
//! ```text
//! RETR → 534, 521, 425 → Prepare → 426, 450, 550, … → 150 and Start → 226, 425, 426, 451, 522, 552
//! ```
//!
//! Nothing is opened before the data connection is known to be possible, and nothing is promised by 150 before the file
//! is open. A transfer uses its data port up, whether it succeeds or not; only 521 leaves it.

use alloc::{format, string::String, vec::Vec};

use super::{
    Mode, Session,
    data::NO_PORT_ABORTED,
    files::refusal,
    state::{Port, Prelude, Progress, State, Task},
};
use crate::{
    Action, DataFailure, DataProtection, Failure, ListFormat, Prepared, Reply, Representation,
    Transfer, TransferFailure,
};

const ABORTED: &str = "Transfer aborted";

impl Session {
    /// `RETR`, after whatever `REST` said.
    pub(super) fn retrieve(&mut self, path: Vec<u8>, prelude: &Prelude) {
        self.prepare(Transfer::Download {
            path,
            offset: prelude.offset(),
            representation: self.representation(),
        });
    }

    /// `STOR`, after whatever `REST` said.
    pub(super) fn store(&mut self, path: Vec<u8>, prelude: &Prelude) {
        self.prepare(Transfer::Upload {
            path,
            offset: prelude.offset(),
            representation: self.representation(),
        });
    }

    /// `APPE`; after `REST` it is `STOR` (RFC 3659 §5.3).
    pub(super) fn append(&mut self, path: Vec<u8>, prelude: &Prelude) {
        if prelude.offset() > 0 {
            return self.store(path, prelude);
        }
        self.prepare(Transfer::Append {
            path,
            representation: self.representation(),
        });
    }

    /// `STOU`.
    pub(super) fn store_unique(&mut self) {
        self.prepare(Transfer::UploadUnique {
            representation: self.representation(),
        });
    }

    /// `LIST` and `NLST`.
    pub(super) fn list(&mut self, path: Option<Vec<u8>>, format: ListFormat) {
        self.prepare(Transfer::List { path, format });
    }

    /// `MLSD`.
    pub(super) fn list_facts(&mut self, path: Option<Vec<u8>>) {
        let facts = self.account().map(|account| account.facts);
        self.list(path, ListFormat::Facts(facts.unwrap_or_default()));
    }

    const fn representation(&self) -> Representation {
        match &self.state {
            State::LoggedIn(account, _) => account.representation,
            State::Opening | State::Securing(_) | State::Login(_) | State::Closed => {
                Representation::Ascii
            }
        }
    }

    fn prepare(&mut self, transfer: Transfer) {
        if let Mode::Deny(reason) = &self.settings.passive {
            return self.say(534, reason.clone());
        }
        if self.data_must_be_private() && self.data_protection() == DataProtection::Clear {
            return self.say(521, "Data is encrypted here: send PBSZ 0 and PROT P first");
        }
        match self.account().map(|account| account.port) {
            // The abort is this one's, too: nothing is opened only to be closed again.
            Some(Port::Reserved) if self.is_abort_waiting() => {
                self.close_data_port();
                self.say(426, ABORTED);
            }
            Some(Port::Reserved) => {
                self.begin_task(Task::Preparing(transfer.clone()));
                self.ask(Action::Prepare(transfer));
            }
            Some(Port::Expired) => self.port_expired(),
            Some(Port::Absent) | None => {
                self.say(425, "There is no data connection: send EPSV or PASV first");
            }
        }
    }

    fn port_expired(&mut self) {
        if let Some(account) = self.account() {
            account.port = Port::Absent;
        }
        self.say(
            425,
            "Nobody connected to the data port in time: send EPSV or PASV again",
        );
    }

    pub(super) fn prepared(&mut self, result: Result<Prepared, Failure>) {
        let preparing = self.finish_task(|task| matches!(task, Task::Preparing(_)));
        let Task::Preparing(transfer) = preparing else {
            return;
        };
        let prepared = match result {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.close_data_port();
                return self.reply(unopened(&transfer, failure));
            }
        };
        match self.account() {
            Some(account) if account.port == Port::Reserved => account.port = Port::Absent,
            _ => {
                self.ask(Action::Abort);
                return self.port_expired();
            }
        }
        self.reply(Reply::with_path(150, promise(&transfer, prepared)));
        self.begin_task(Task::Transferring(transfer, Progress::Unasked));
        self.ask(Action::Start(self.data_protection()));
    }

    pub(super) fn transfer_ended(&mut self, result: Result<u64, TransferFailure>) {
        let running = self.finish_task(|task| matches!(task, Task::Transferring(..)));
        let Task::Transferring(transfer, progress) = running else {
            return;
        };
        match result {
            Ok(bytes) => self.say(226, success(&transfer, bytes)),
            Err(failure) => self.reply(failed(failure)),
        }
        if progress == Progress::Asked {
            self.status();
        }
    }

    /// `ABOR` that has come to its turn: RFC 959 §4.1.3 has the data connection closed in any case.
    pub(super) fn abort(&mut self) {
        self.close_data_port();
        if let Some(account) = self.account() {
            account.port = Port::Absent;
        }
        self.say(226, "Nothing runs any more");
    }

    /// The part of `ABOR` that overtakes: whatever runs is over for the client, and its command gets its reply. Work on
    /// a file may hang, and cannot be called back: nobody waits for it any more.
    pub(super) fn drop_what_runs(&mut self) {
        match self.finish_task(|_| true) {
            Task::OpeningPort(_) => {
                self.ask(Action::CloseDataPort);
                self.say(425, NO_PORT_ABORTED);
            }
            Task::Preparing(_) => {
                self.ask(Action::Abort);
                self.close_data_port();
                self.say(426, ABORTED);
            }
            Task::Transferring(_, progress) => {
                self.ask(Action::Abort);
                self.say(426, ABORTED);
                if progress == Progress::Asked {
                    self.status();
                }
            }
            Task::File(_) => {
                self.ask(Action::Abort);
                self.say(451, "Aborted; it may be done all the same");
            }
            Task::Nothing => {}
        }
    }

    /// How far the running transfer is, for `STAT`.
    pub(super) fn progress(&mut self, bytes: u64) {
        if let State::LoggedIn(_, Task::Transferring(_, progress @ Progress::Asked)) =
            &mut self.state
        {
            *progress = Progress::Unasked;
            self.status_report(Some(bytes));
        }
    }
}

impl Prelude {
    /// Where the transfer begins.
    const fn offset(&self) -> u64 {
        match self {
            Self::Restart(offset) => *offset,
            Self::None | Self::RenameFrom(_) => 0,
        }
    }
}

/// Why there is no 150.
fn unopened(transfer: &Transfer, failure: Failure) -> Reply {
    match (transfer, failure) {
        // RFC 3659 §7.2.1.
        (
            Transfer::List {
                path: _,
                format: ListFormat::Facts(_),
            },
            Failure::NotAFolder,
        ) => Reply::new(501, "MLSD is for folders; MLST tells of a file"),
        (_, failure) => refusal(failure),
    }
}

/// What 150 says. Programs read the size from it, and the name after `STOU` (RFC 1123 §4.1.2.9).
fn promise(transfer: &Transfer, prepared: Prepared) -> Vec<u8> {
    match (transfer, prepared) {
        (_, Prepared::Named(name)) => [b"FILE: ".as_slice(), &name].concat(),
        (
            Transfer::Download {
                path,
                offset: _,
                representation: Representation::Image,
            },
            Prepared::Sized(size),
        ) => [
            b"Sending ".as_slice(),
            path,
            format!(" ({size} bytes)").as_bytes(),
        ]
        .concat(),
        (Transfer::Download { path, .. }, _) => [b"Sending ".as_slice(), path].concat(),
        (Transfer::Upload { path, .. } | Transfer::Append { path, .. }, _) => {
            [b"Send the content of ".as_slice(), path].concat()
        }
        (Transfer::UploadUnique { .. }, _) => b"Send the content".to_vec(),
        (Transfer::List { .. }, _) => b"The listing follows".to_vec(),
    }
}

fn success(transfer: &Transfer, bytes: u64) -> String {
    match transfer {
        Transfer::Download { .. } | Transfer::List { .. } => format!("Sent {bytes} bytes"),
        Transfer::Upload { .. } | Transfer::Append { .. } | Transfer::UploadUnique { .. } => {
            format!("Stored {bytes} bytes")
        }
    }
}

/// What ends a transfer after its 150.
fn failed(failure: TransferFailure) -> Reply {
    match failure {
        TransferFailure::Data(DataFailure::TimedOut) => {
            Reply::new(425, "Nobody connected to the data port in time")
        }
        TransferFailure::Data(DataFailure::Handshake(reason)) => {
            Reply::new(522, format!("TLS of the data connection failed: {reason}"))
        }
        TransferFailure::Data(DataFailure::Unbound(reason)) => Reply::new(522, reason),
        TransferFailure::Storage(failure @ (Failure::NoSpace | Failure::TooLarge)) => {
            refusal(failure)
        }
        TransferFailure::Storage(Failure::Unavailable) => {
            Reply::new(451, "The storage does not answer")
        }
        TransferFailure::Storage(Failure::InUse) => {
            Reply::new(451, "Somebody else is writing it; try again later")
        }
        // After 150 the path is no longer in question: RFC 959 §5.4 leaves 451.
        TransferFailure::Storage(
            Failure::NotFound
            | Failure::Denied
            | Failure::Exists
            | Failure::NotAFolder
            | Failure::NotAFile
            | Failure::NotEmpty
            | Failure::InvalidName
            | Failure::ReadOnly
            | Failure::BeyondEnd
            | Failure::Unsupported
            | Failure::Failed,
        ) => Reply::new(451, "The storage failed"),
        TransferFailure::Broken => Reply::new(426, "The data connection broke"),
        TransferFailure::Truncated => Reply::new(
            426,
            "The data connection ended without TLS's close_notify: cut short",
        ),
        TransferFailure::Stalled => Reply::new(426, "Nothing moved for too long"),
    }
}
