//! What transcripts say of the gateway: `>` what it is asked for, `<` what it answers.

use ftp::{
    Action, DataFailure, DataPolicy, DataProtection, Done, Entered, Entry, Event, Failure,
    FileTask, Kind, ListFormat, LoginFailure, Opened, PassiveFailure, Prepared, Reply,
    Representation, Timestamp, Transfer, TransferFailure, UserCheck,
};

use crate::script::unescape;

/// An action as lines of a transcript.
pub(crate) fn describe(action: &Action) -> String {
    match action {
        Action::Send(reply) => describe_reply(reply),
        Action::StartTls => {
            "> throw away what came in clear, then let the 234 out and start TLS".into()
        }
        Action::CheckUser(user) => format!("> may {user}'s password travel in clear?"),
        Action::CheckPassword { user, password } => {
            format!("> is {user}'s password {password}?")
        }
        Action::Logout => "> log out".into(),
        Action::OpenDataPort => "> reserve a data port".into(),
        Action::CloseDataPort => "> give the data port back".into(),
        Action::File(task) => format!("> {}", describe_task(task)),
        Action::Prepare(transfer) => format!("> {}", describe_transfer(transfer)),
        Action::Start(DataProtection::Private) => "> move the data, over TLS".into(),
        Action::Start(DataProtection::Clear) => "> move the data, in clear".into(),
        Action::ReportProgress => "> how far is the transfer?".into(),
        Action::Abort => "> drop what runs".into(),
        Action::Close => "> close".into(),
    }
}

fn describe_reply(reply: &Reply) -> String {
    let bytes = reply.to_bytes();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let lines: Vec<_> = lines
        .map(|line| format!("S: {}", shown(line.strip_suffix(b"\r\n").unwrap())))
        .collect();
    lines.join("\n")
}

fn describe_task(task: &FileTask) -> String {
    match task {
        FileTask::ChangeDirectory(path) => format!("go to {}", shown(path)),
        FileTask::MakeDirectory(path) => format!("make the folder {}", shown(path)),
        FileTask::RemoveDirectory(path) => format!("remove the folder {}", shown(path)),
        FileTask::Delete(path) => format!("delete {}", shown(path)),
        FileTask::RenameSource(path) => format!("is there {}?", shown(path)),
        FileTask::Rename { source, target } => {
            format!("rename {} to {}", shown(source), shown(target))
        }
        FileTask::Describe(path) => format!("describe {}", shown(path)),
        FileTask::List(path) => format!("list {}", shown(path)),
        FileTask::SetModified(path, time) => format!("set the time of {} to {time}", shown(path)),
        FileTask::SetMode(path, mode) => {
            format!("set the permissions of {} to {mode:03o}", shown(path))
        }
    }
}

fn describe_transfer(transfer: &Transfer) -> String {
    let text = |representation: &Representation| match representation {
        Representation::Ascii => ", as text",
        Representation::Image => "",
    };
    let from = |offset: u64| match offset {
        0 => String::new(),
        offset => format!(", from byte {offset}"),
    };
    match transfer {
        Transfer::Download {
            path,
            offset,
            representation,
        } => format!(
            "open {} to read{}{}",
            shown(path),
            from(*offset),
            text(representation)
        ),
        Transfer::Upload {
            path,
            offset,
            representation,
        } => format!(
            "open {} to write{}{}",
            shown(path),
            from(*offset),
            text(representation)
        ),
        Transfer::Append {
            path,
            representation,
        } => {
            format!("open {} to append{}", shown(path), text(representation))
        }
        Transfer::UploadUnique { representation } => {
            format!("open a new file to write{}", text(representation))
        }
        Transfer::List { path, format } => {
            let folder = path
                .as_ref()
                .map_or_else(|| "the current folder".into(), |path| shown(path));
            match format {
                ListFormat::Long => format!("open {folder} to list it"),
                ListFormat::Names => format!("open {folder} to list its names"),
                ListFormat::Facts(facts) => format!("open {folder} to list its facts {facts}"),
            }
        }
    }
}

/// Text as it is, other bytes as `\xff`.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                letter if letter.is_control() => {
                    text.extend(escaped(letter.to_string().as_bytes()));
                }
                letter => text.push(letter),
            }
        }
        text.extend(escaped(chunk.invalid()));
    }
    text
}

fn escaped(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes.iter().map(|byte| format!("\\x{byte:02x}"))
}

/// What a line with `<` means; None: nothing.
pub(crate) fn answer(text: &str) -> Option<Event> {
    Some(match text {
        "connected" => Event::Connected,
        "a line that is too long" => Event::LineTooLong,
        "TLS is there" => Event::TlsStarted,
        "it may travel" => Event::UserChecked(UserCheck::Password),
        "it needs TLS" => Event::UserChecked(UserCheck::TlsRequired),
        "nobody came to the data port" => Event::DataPortExpired,
        "no port is free" => Event::DataPortOpened(Err(PassiveFailure::NoneFree)),
        "done" => Event::FileDone(Ok(Done::Done)),
        "open" => Event::Prepared(Ok(Prepared::Open)),
        "the client is silent" => Event::Idle,
        "the time for a login is over" => Event::LoginTimeout,
        "the gateway stops" => Event::Stopping,
        "the account ends" => Event::AccountEnded,
        text => {
            let mut words = text.splitn(2, ' ');
            answer_with(words.next()?, words.next()?)?
        }
    })
}

fn answer_with(word: &str, rest: &str) -> Option<Event> {
    Some(match word {
        "right," => {
            let (data, rest) = match rest.strip_prefix("all must be encrypted, ") {
                Some(rest) => (DataPolicy::Private, rest),
                None => (DataPolicy::AsListener, rest),
            };
            let directory = unescape(rest.strip_prefix("starts in ")?);
            Event::PasswordChecked(Ok(Entered { directory, data }))
        }
        "refused:" => Event::PasswordChecked(Err(match rest {
            "wrong name or password" => LoginFailure::Credential,
            "too many sessions" => LoginFailure::TooManySessions,
            "banned" => LoginFailure::Banned,
            "too busy" => LoginFailure::Busy,
            "folder unreachable" => LoginFailure::Storage,
            _ => return None,
        })),
        "port" => {
            let (address, port) = rest.split_once(':').unwrap_or(("", rest));
            Event::DataPortOpened(Ok(Opened {
                address: address.parse().ok(),
                port: port.parse().ok()?,
            }))
        }
        "done:" => Event::FileDone(Ok(Done::Path(unescape(rest)))),
        "not" => Event::FileDone(Err(failure(rest.strip_prefix("done: ")?)?)),
        "it" => {
            let entry = entry(rest.strip_prefix("is ")?)?;
            Event::FileDone(Ok(Done::Entry(entry.name.clone(), entry)))
        }
        "lists:" => {
            let mut lines = vec![];
            for text in rest.split(" / ") {
                let entry = entry(text)?;
                entry.write(ListFormat::Long, entry.modified, &mut lines);
            }
            Event::FileDone(Ok(Done::Listing(lines)))
        }
        "open," => match rest.strip_suffix(" bytes") {
            Some(size) => Event::Prepared(Ok(Prepared::Sized(size.parse().ok()?))),
            None => Event::Prepared(Ok(Prepared::Named(unescape(rest.strip_prefix("named ")?)))),
        },
        "cannot" => Event::Prepared(Err(failure(rest.strip_prefix("open: ")?)?)),
        "moved" => Event::TransferEnded(Ok(rest.strip_suffix(" bytes")?.parse().ok()?)),
        "ended:" => Event::TransferEnded(Err(transfer_failure(rest)?)),
        "so" => Event::Progress(
            rest.strip_prefix("far ")?
                .strip_suffix(" bytes")?
                .parse()
                .ok()?,
        ),
        _ => return None,
    })
}

/// `file /a of 5 bytes`, `folder /b`.
fn entry(text: &str) -> Option<Entry> {
    let (kind, rest) = text.split_once(' ')?;
    let file = Entry {
        name: vec![],
        kind: Kind::File,
        size: 0,
        mode: 0o640,
        modified: Timestamp::parse(b"20260102030405")?,
        owner: (1000, 1000),
        links: 1,
        unique: 0x1f3,
    };
    Some(match kind {
        "file" => {
            let (path, size) = rest.strip_suffix(" bytes")?.split_once(" of ")?;
            Entry {
                name: unescape(path),
                size: size.parse().ok()?,
                ..file
            }
        }
        "folder" => Entry {
            name: unescape(rest),
            kind: Kind::Folder,
            size: 4096,
            mode: 0o750,
            links: 2,
            unique: 0x1f2,
            ..file
        },
        _ => return None,
    })
}

fn failure(text: &str) -> Option<Failure> {
    Some(match text {
        "nothing there" => Failure::NotFound,
        "denied" => Failure::Denied,
        "something there" => Failure::Exists,
        "not a folder" => Failure::NotAFolder,
        "not a file" => Failure::NotAFile,
        "not empty" => Failure::NotEmpty,
        "not a name" => Failure::InvalidName,
        "beyond its end" => Failure::BeyondEnd,
        "no space" => Failure::NoSpace,
        "too large" => Failure::TooLarge,
        "read-only" => Failure::ReadOnly,
        "in use" => Failure::InUse,
        "not possible" => Failure::Unsupported,
        "no answer" => Failure::Unavailable,
        "trouble" => Failure::Failed,
        _ => return None,
    })
}

fn transfer_failure(text: &str) -> Option<TransferFailure> {
    Some(match text {
        "nobody connected" => TransferFailure::Data(DataFailure::TimedOut),
        "it broke" => TransferFailure::Broken,
        "cut short" => TransferFailure::Truncated,
        "nothing moved" => TransferFailure::Stalled,
        text => match text.split_once(", ")? {
            ("no handshake", reason) => {
                TransferFailure::Data(DataFailure::Handshake(reason.into()))
            }
            ("not bound", reason) => TransferFailure::Data(DataFailure::Unbound(reason.into())),
            ("storage", reason) => TransferFailure::Storage(failure(reason)?),
            _ => return None,
        },
    })
}
