//! `CWD`, `CDUP`, `PWD`, `MKD`, `RMD`, `DELE`, `RNFR`, `RNTO`, `SIZE`, `MDTM`, `MFMT`, `MLST`, `STAT PATH`,
//! `SITE CHMOD`: files and folders without a data connection.

use alloc::{format, string::ToString, vec, vec::Vec};

use super::{
    Session,
    state::{Prelude, Purpose, Task},
};
use crate::{
    Action, Command, Done, Entry, Failure, FileTask, Kind, Reply, Representation, reply::quoted,
};

impl Session {
    /// Obeys a command about a file or folder; others go on to parameters and transfers.
    pub(super) fn obey_about_files(&mut self, command: Command, prelude: Prelude) {
        let (purpose, task) = match command {
            Command::PrintDirectory => return self.print_directory(),
            Command::Size(_) if self.is_ascii() => return self.say(550, "SIZE needs TYPE I first"),

            Command::ChangeToParent => (
                Purpose::ChangeDirectory,
                FileTask::ChangeDirectory(b"..".to_vec()),
            ),
            Command::ChangeDirectory(path) => {
                (Purpose::ChangeDirectory, FileTask::ChangeDirectory(path))
            }
            Command::MakeDirectory(path) => (Purpose::MakeDirectory, FileTask::MakeDirectory(path)),
            Command::RemoveDirectory(path) => {
                (Purpose::RemoveDirectory, FileTask::RemoveDirectory(path))
            }
            Command::Delete(path) => (Purpose::Delete, FileTask::Delete(path)),
            Command::RenameFrom(path) => (
                Purpose::RenameSource(path.clone()),
                FileTask::RenameSource(path),
            ),
            Command::RenameTo(target) => match prelude {
                Prelude::RenameFrom(source) => {
                    (Purpose::Rename, FileTask::Rename { source, target })
                }
                Prelude::None | Prelude::Restart(_) => return self.say(503, "Send RNFR first"),
            },
            Command::Size(path) => (Purpose::Size, FileTask::Describe(path)),
            Command::ModificationTime(path) => {
                (Purpose::ModificationTime, FileTask::Describe(path))
            }
            Command::Facts(path) => (
                Purpose::Facts,
                FileTask::Describe(path.unwrap_or_else(|| b".".to_vec())),
            ),
            Command::Status(Some(path)) => (Purpose::Status, FileTask::List(path)),
            Command::ModifyTime(time, path) => (
                Purpose::SetModified(time, path.clone()),
                FileTask::SetModified(path, time),
            ),
            Command::ChangeMode(mode, path) => (Purpose::SetMode, FileTask::SetMode(path, mode)),
            command => return self.obey_about_parameters(command, &prelude),
        };
        if self.is_abort_waiting() {
            return self.say(451, "Aborted before it began");
        }
        self.begin_task(Task::File(purpose));
        self.ask(Action::File(task));
    }

    fn print_directory(&mut self) {
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
            (Purpose::Facts, Done::Entry(path, entry)) => self.facts(path, &entry),
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
    fn facts(&mut self, path: Vec<u8>, entry: &Entry) -> Reply {
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
