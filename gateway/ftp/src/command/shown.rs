//! Commands as a client would write them, for logs and tests.

use alloc::{format, string::ToString, vec::Vec};
use core::fmt;

use super::Command;

impl Command {
    /// Its verb.
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Abort => "ABOR",
            Self::Allocate => "ALLO",
            Self::Append(_) => "APPE",
            Self::AuthTls | Self::AuthSsl => "AUTH",
            Self::ClearControl => "CCC",
            Self::ChangeToParent => "CDUP",
            Self::ChangeDirectory(_) => "CWD",
            Self::Delete(_) => "DELE",
            Self::ExtendedPort => "EPRT",
            Self::ExtendedPassive(_) | Self::ExtendedPassiveAll => "EPSV",
            Self::Features => "FEAT",
            Self::Help(_) => "HELP",
            Self::List(_) => "LIST",
            Self::ModificationTime(_) => "MDTM",
            Self::ModifyTime(..) => "MFMT",
            Self::MakeDirectory(_) => "MKD",
            Self::ListFacts(_) => "MLSD",
            Self::Facts(_) => "MLST",
            Self::StreamMode => "MODE",
            Self::Names(_) => "NLST",
            Self::Nothing => "NOOP",
            Self::ChooseFacts(_) | Self::Utf8 => "OPTS",
            Self::Password(_) => "PASS",
            Self::Passive => "PASV",
            Self::ProtectionBufferSize => "PBSZ",
            Self::Port => "PORT",
            Self::ProtectClear | Self::ProtectPrivate => "PROT",
            Self::PrintDirectory => "PWD",
            Self::Quit => "QUIT",
            Self::Reinitialize => "REIN",
            Self::Restart(_) => "REST",
            Self::Retrieve(_) => "RETR",
            Self::RemoveDirectory(_) => "RMD",
            Self::RenameFrom(_) => "RNFR",
            Self::RenameTo(_) => "RNTO",
            Self::ChangeMode(..) | Self::SiteHelp => "SITE",
            Self::Size(_) => "SIZE",
            Self::Status(_) => "STAT",
            Self::Store(_) => "STOR",
            Self::StoreUnique => "STOU",
            Self::FileStructure => "STRU",
            Self::System => "SYST",
            Self::Ascii | Self::Image => "TYPE",
            Self::User(_) => "USER",
        }
    }

    /// What follows the verb in a line that means this command; of a password, nothing.
    pub(super) fn argument(&self) -> Option<Vec<u8>> {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        match self {
            Self::Append(path)
            | Self::ChangeDirectory(path)
            | Self::Delete(path)
            | Self::ModificationTime(path)
            | Self::MakeDirectory(path)
            | Self::Retrieve(path)
            | Self::RemoveDirectory(path)
            | Self::RenameFrom(path)
            | Self::RenameTo(path)
            | Self::Size(path)
            | Self::Store(path) => Some(path.clone()),
            Self::ListFacts(path) | Self::Facts(path) => path.clone(),
            Self::List(path) | Self::Names(path) | Self::Status(path) => {
                let path = path.as_ref()?;
                let options: &[u8] = if path.starts_with(b"-") { b"-- " } else { b"" };
                Some(after(options, path))
            }
            Self::ModifyTime(time, path) => Some(after(format!("{time} ").as_bytes(), path)),
            Self::ChangeMode(mode, path) => {
                Some(after(format!("CHMOD {mode:03o} ").as_bytes(), path))
            }
            Self::ChooseFacts(facts) => text(&format!("MLST {facts}")),
            Self::ExtendedPassive(family) => text(&family.as_ref()?.to_string()),
            Self::Restart(offset) => text(&offset.to_string()),
            Self::Help(verb) => text(verb.as_ref()?),
            Self::User(name) => text(name),
            other => other.word().and_then(text),
        }
    }

    /// The argument of those that have one word always.
    const fn word(&self) -> Option<&'static str> {
        Some(match self {
            Self::Allocate | Self::ProtectionBufferSize => "0",
            Self::AuthTls => "TLS",
            Self::AuthSsl => "SSL",
            Self::ExtendedPassiveAll => "ALL",
            Self::StreamMode => "S",
            Self::Utf8 => "UTF8 ON",
            Self::ProtectClear => "C",
            Self::ProtectPrivate => "P",
            Self::SiteHelp => "HELP",
            Self::FileStructure => "F",
            Self::Ascii => "A",
            Self::Image => "I",
            _ => return None,
        })
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let argument = self
            .argument()
            .map(|argument| format!(" {}", argument.escape_ascii()))
            .unwrap_or_default();
        write!(formatter, "{}{argument}", self.verb())
    }
}

fn after(words: &[u8], path: &[u8]) -> Vec<u8> {
    [words, path].concat()
}
