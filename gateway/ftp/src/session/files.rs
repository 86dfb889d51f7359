//! `CWD`, `CDUP`, `PWD`, `MKD`, `RMD`, `DELE`, `RNFR`, `RNTO`, `SIZE`, `MDTM`, `MFMT`, `MLST`, `STAT PATH`,
//! `SITE CHMOD`: files and folders without a data connection.

use alloc::{format, string::ToString, vec, vec::Vec};

use super::{
    Session,
    state::{Prelude, Purpose, Task},
};
use crate::{
    Action, Done, Entry, Failure, FileTask, Kind, Reply, Representation, Timestamp, reply::quoted,
};

impl Session {
    /// `CWD` and `CDUP`.
    pub(super) fn change_directory(&mut self, path: Vec<u8>) {
        self.work(Purpose::ChangeDirectory, FileTask::ChangeDirectory(path));
    }

    /// `MKD`.
    pub(super) fn make_directory(&mut self, path: Vec<u8>) {
        self.work(Purpose::MakeDirectory, FileTask::MakeDirectory(path));
    }

    /// `RMD`.
    pub(super) fn remove_directory(&mut self, path: Vec<u8>) {
        self.work(Purpose::RemoveDirectory, FileTask::RemoveDirectory(path));
    }

    /// `DELE`.
    pub(super) fn delete(&mut self, path: Vec<u8>) {
        self.work(Purpose::Delete, FileTask::Delete(path));
    }

    /// `RNFR`.
    pub(super) fn rename_from(&mut self, path: Vec<u8>) {
        let purpose = Purpose::RenameSource(path.clone());
        self.work(purpose, FileTask::RenameSource(path));
    }

    /// `RNTO`.
    pub(super) fn rename_to(&mut self, target: Vec<u8>, prelude: Prelude) {
        match prelude {
            Prelude::RenameFrom(source) => {
                self.work(Purpose::Rename, FileTask::Rename { source, target });
            }
            Prelude::None | Prelude::Restart(_) => self.say(503, "Send RNFR first"),
        }
    }

    /// `SIZE`: the bytes that a transfer would send, which nobody knows of a text.
    pub(super) fn size(&mut self, path: Vec<u8>) {
        if self.is_ascii() {
            return self.say(550, "SIZE needs TYPE I first");
        }
        self.work(Purpose::Size, FileTask::Describe(path));
    }

    /// `MDTM`.
    pub(super) fn modification_time(&mut self, path: Vec<u8>) {
        self.work(Purpose::ModificationTime, FileTask::Describe(path));
    }

    /// `MLST`.
    pub(super) fn facts(&mut self, path: Option<Vec<u8>>) {
        let path = path.unwrap_or_else(|| b".".to_vec());
        self.work(Purpose::Facts, FileTask::Describe(path));
    }

    /// `STAT` with a path.
    pub(super) fn status_of(&mut self, path: Vec<u8>) {
        self.work(Purpose::Status, FileTask::List(path));
    }

    /// `MFMT`.
    pub(super) fn modify_time(&mut self, time: Timestamp, path: Vec<u8>) {
        let purpose = Purpose::SetModified(time, path.clone());
        self.work(purpose, FileTask::SetModified(path, time));
    }

    /// `SITE CHMOD`.
    pub(super) fn change_mode(&mut self, mode: u32, path: Vec<u8>) {
        self.work(Purpose::SetMode, FileTask::SetMode(path, mode));
    }

    fn work(&mut self, purpose: Purpose, task: FileTask) {
        if self.is_abort_waiting() {
            return self.say(451, "Aborted before it began");
        }
        self.begin_task(Task::File(purpose));
        self.ask(Action::File(task));
    }

    /// `PWD`.
    pub(super) fn print_directory(&mut self) {
        let Some(account) = self.account() else {
            return;
        };
        let text = [
            quoted(&account.directory),
            b" is the current folder".to_vec(),
        ]
        .concat();
        self.reply(Reply::with_path(257, text));
    }

    fn is_ascii(&mut self) -> bool {
        self.account()
            .is_some_and(|account| account.representation == Representation::Ascii)
    }

    pub(super) fn file_done(&mut self, result: Result<Done, Failure>) {
        let Task::File(purpose) = self.finish_task(|task| matches!(task, Task::File(_))) else {
            return;
        };
        let reply = match result {
            Ok(done) => self.success(purpose, done),
            Err(failure) => refusal(failure),
        };
        self.reply(reply);
    }

    fn success(&mut self, purpose: Purpose, done: Done) -> Reply {
        match (purpose, done) {
            (Purpose::ChangeDirectory, Done::Path(path)) => {
                let text = [quoted(&path), b" is the current folder now".to_vec()].concat();
                if let Some(account) = self.account() {
                    account.directory = path;
                }
                Reply::with_path(250, text)
            }
            (Purpose::MakeDirectory, Done::Path(path)) => {
                Reply::with_path(257, [quoted(&path), b" is made".to_vec()].concat())
            }
            (Purpose::RemoveDirectory | Purpose::Delete, _) => Reply::new(250, "Removed"),
            (Purpose::RenameSource(path), _) => {
                if let Some(account) = self.account() {
                    account.prelude = Prelude::RenameFrom(path);
                }
                Reply::new(350, "Found; now send RNTO")
            }
            (Purpose::Rename, _) => Reply::new(250, "Renamed"),
            (Purpose::Size, Done::Entry(_, entry)) => match entry.kind {
                Kind::File => Reply::new(213, entry.size.to_string()),
                Kind::Folder | Kind::Link | Kind::Other => refusal(Failure::NotAFile),
            },
            (Purpose::ModificationTime, Done::Entry(_, entry)) => {
                Reply::new(213, entry.modified.to_string())
            }
            (Purpose::Facts, Done::Entry(path, entry)) => self.facts_reply(path, &entry),
            // The reply is draft-somers-ftp-mfxx's.
            (Purpose::SetModified(time, path), _) => {
                Reply::with_path(213, [format!("Modify={time}; ").as_bytes(), &path].concat())
            }
            (Purpose::SetMode, _) => Reply::new(200, "Permissions changed"),
            (Purpose::Status, Done::Listing(listing)) => {
                Reply::with_lines(213, "Status:", lines(&listing), "End")
            }
            (
                Purpose::ChangeDirectory
                | Purpose::MakeDirectory
                | Purpose::Size
                | Purpose::ModificationTime
                | Purpose::Facts
                | Purpose::Status,
                _,
            ) => refusal(Failure::Failed),
        }
    }

    /// `MLST` shows the path where a listing shows the name (RFC 3659 §7.2).
    fn facts_reply(&mut self, path: Vec<u8>, entry: &Entry) -> Reply {
        let facts = self
            .account()
            .map(|account| account.facts)
            .unwrap_or_default();
        let mut line = vec![];
        facts.write(entry, &mut line);
        line.push(b' ');
        line.extend(path);
        Reply::with_lines(250, "Facts:", [line], "End")
    }
}

/// Lines without their endings.
fn lines(listing: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![];
    for line in listing.split_inclusive(|byte| *byte == b'\n') {
        lines.push(line.strip_suffix(b"\r\n").unwrap_or(line).to_vec());
    }
    lines
}

/// Why a file or folder is not to be had. What fails after 150 is in `transfer`.
pub(super) fn refusal(failure: Failure) -> Reply {
    match failure {
        Failure::NotFound => Reply::new(550, "There is nothing of that name"),
        Failure::Denied => Reply::new(550, "You may not"),
        Failure::Exists => Reply::new(550, "There is something of that name already"),
        Failure::NotAFolder => Reply::new(550, "That is not a folder"),
        Failure::NotAFile => Reply::new(550, "That is not a file"),
        Failure::NotEmpty => Reply::new(550, "The folder is not empty"),
        Failure::InvalidName => Reply::new(553, "That cannot be the name of a file"),
        Failure::BeyondEnd => Reply::new(554, "REST is beyond the end of the file"),
        Failure::NoSpace => Reply::new(552, "No space left"),
        Failure::TooLarge => Reply::new(552, "The file is too large for this volume"),
        Failure::ReadOnly => Reply::new(550, "Nothing can be changed here"),
        Failure::InUse => Reply::new(450, "Somebody else is writing it; try again later"),
        Failure::Unsupported => Reply::new(550, "That is not possible here"),
        Failure::Unavailable => Reply::new(451, "The storage does not answer; try again later"),
        Failure::Failed => Reply::new(451, "The storage failed"),
    }
}
