//! What the client asks for, parsed from one line.
//!
//! A line is a verb and, after exactly one space, an argument. Verbs are read in any case; paths byte for byte, with the
//! spaces around them, because names may begin and end with one (RFC 3659 §2.2). Where the argument is no path, spaces
//! at its end are not minded.

mod arguments;
mod shown;
mod verb;
mod verbs;

#[cfg(test)]
mod tests;

use alloc::{format, string::String, vec::Vec};
use core::str;

use crate::{Reply, Timestamp, listing::Facts};

/// The longest unknown verb that a reply repeats; all verbs of the RFCs have three or four letters.
const ECHOED_MAX: usize = 16;

/// A command this server understands. Paths are bytes: names need not be UTF-8.
///
/// `Debug` shows the line that a client would send, but never a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// `ABOR`.
    Abort,
    /// `ALLO`.
    Allocate,
    /// `APPE`.
    Append(Vec<u8>),
    /// `AUTH TLS` or `AUTH TLS-C` (RFC 4217 §4).
    AuthTls,
    /// `AUTH SSL` or `AUTH TLS-P`: also imply `PROT P`.
    AuthSsl,
    /// `CCC`.
    ClearControl,
    /// `CDUP`.
    ChangeToParent,
    /// `CWD`.
    ChangeDirectory(Vec<u8>),
    /// `DELE`.
    Delete(Vec<u8>),
    /// `EPRT`; its argument is not read, because policy refuses every one.
    ExtendedPort,
    /// `EPSV`, with the family that the client asks for.
    ExtendedPassive(Option<u32>),
    /// `EPSV ALL`.
    ExtendedPassiveAll,
    /// `FEAT`.
    Features,
    /// `HELP`, perhaps about one command.
    Help(Option<String>),
    /// `LIST`, without options such as `-la`.
    List(Option<Vec<u8>>),
    /// `MDTM`. Never with a time to set, as some clients try where `MFMT` is missing: it could not be told from a name.
    ModificationTime(Vec<u8>),
    /// `MFMT`, or the same by `SITE UTIME`.
    ModifyTime(Timestamp, Vec<u8>),
    /// `MKD`.
    MakeDirectory(Vec<u8>),
    /// `MLSD`.
    ListFacts(Option<Vec<u8>>),
    /// `MLST`.
    Facts(Option<Vec<u8>>),
    /// `MODE S`.
    StreamMode,
    /// `NLST`, without options.
    Names(Option<Vec<u8>>),
    /// `NOOP`.
    Nothing,
    /// `OPTS MLST`.
    ChooseFacts(Facts),
    /// `OPTS UTF8 ON`.
    Utf8,
    /// `PASS`; without an argument the password is empty.
    Password(String),
    /// `PASV`.
    Passive,
    /// `PBSZ`, with whatever size: TLS needs none (RFC 4217 §9).
    ProtectionBufferSize,
    /// `PORT`; its argument is not read, because policy refuses every one.
    Port,
    /// `PROT C`.
    ProtectClear,
    /// `PROT P`.
    ProtectPrivate,
    /// `PWD`.
    PrintDirectory,
    /// `QUIT`.
    Quit,
    /// `REIN`.
    Reinitialize,
    /// `REST`.
    Restart(u64),
    /// `RETR`.
    Retrieve(Vec<u8>),
    /// `RMD`.
    RemoveDirectory(Vec<u8>),
    /// `RNFR`.
    RenameFrom(Vec<u8>),
    /// `RNTO`.
    RenameTo(Vec<u8>),
    /// `SITE CHMOD`: permission bits, at most `0o777`.
    ChangeMode(u32, Vec<u8>),
    /// `SITE HELP`.
    SiteHelp,
    /// `SIZE`.
    Size(Vec<u8>),
    /// `STAT`, of the session or of a path; without options such as `-l`, which alone mean the current folder.
    Status(Option<Vec<u8>>),
    /// `STOR`.
    Store(Vec<u8>),
    /// `STOU`; the name that BSD's clients propose against RFC 959 is not kept.
    StoreUnique,
    /// `STRU F`.
    FileStructure,
    /// `SYST`.
    System,
    /// `TYPE A` and `TYPE A N`.
    Ascii,
    /// `TYPE I` and `TYPE L 8`.
    Image,
    /// `USER`.
    User(String),
}

impl Command {
    /// Parses one line without its ending; the error is the reply to send: 500 for what is no command, 501 with the
    /// right syntax, 502 and 504 for what RFCs define and this server does not do, 202 for what is needless, 536 for a
    /// protection that TLS does not have (RFC 4217 §9).
    pub fn parse(line: &[u8]) -> Result<Self, Reply> {
        let (name, argument) = arguments::split(line);
        let verb = verbs::find(name).ok_or_else(|| unknown(name))?;
        if argument.iter().any(|byte| matches!(byte, 0 | b'\n')) {
            return Err(Reply::new(501, "A line holds neither NUL nor a line end"));
        }
        verb.parse(argument)
    }

    /// The verbs that are not 502, in alphabetical order, each in capitals.
    pub fn verbs() -> impl Iterator<Item = &'static str> {
        verbs::names()
    }

    /// How the command with this verb (in any case) is written, for `HELP`. None: it is unknown or 502.
    pub fn syntax(verb: &str) -> Option<&'static str> {
        verbs::find(verb.as_bytes()).and_then(verb::Verb::syntax)
    }
}

/// Repeats the verb only where it looks like one: what a client sends by mistake may be anything.
fn unknown(name: &[u8]) -> Reply {
    let shown = str::from_utf8(name).ok().filter(|name| {
        (1..=ECHOED_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    match shown {
        Some(name) => Reply::new(500, format!("There is no command {name}")),
        None => Reply::new(500, "This is no command"),
    }
}
