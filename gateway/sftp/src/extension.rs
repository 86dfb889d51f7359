//! Extensions of OpenSSH (its file `PROTOCOL`, section 4): each is advertised by name and version.

use alloc::vec::Vec;

use crate::wire::Append;

/// The extensions that are advertised in the VERSION packet: name and version.
pub const ADVERTISED: [(Extension, &[u8]); 8] = [
    (Extension::PosixRename, b"1"),
    (Extension::Space, b"2"),
    (Extension::HandleSpace, b"2"),
    (Extension::HardLink, b"1"),
    (Extension::Sync, b"1"),
    (Extension::LinkSetStat, b"1"),
    (Extension::Limits, b"1"),
    (Extension::ExpandPath, b"1"),
];

/// A request that version 3 does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Rename that replaces the target.
    PosixRename,
    /// statvfs(3) of a path.
    Space,
    /// fstatvfs(3) of a handle.
    HandleSpace,
    /// A second name for a file.
    HardLink,
    /// fsync(2) of a handle.
    Sync,
    /// SETSTAT that changes a symbolic link itself.
    LinkSetStat,
    /// What the server takes at most.
    Limits,
    /// REALPATH that knows `~`.
    ExpandPath,
}

impl Extension {
    /// The name on the wire.
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::PosixRename => b"posix-rename@openssh.com",
            Self::Space => b"statvfs@openssh.com",
            Self::HandleSpace => b"fstatvfs@openssh.com",
            Self::HardLink => b"hardlink@openssh.com",
            Self::Sync => b"fsync@openssh.com",
            Self::LinkSetStat => b"lsetstat@openssh.com",
            Self::Limits => b"limits@openssh.com",
            Self::ExpandPath => b"expand-path@openssh.com",
        }
    }

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        ADVERTISED
            .iter()
            .map(|(extension, _version)| *extension)
            .find(|extension| extension.name() == name)
    }
}

/// The answer to `limits@openssh.com`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest packet, in bytes.
    pub packet: u64,
    /// The longest READ that is answered whole, in bytes.
    pub read: u64,
    /// The longest WRITE, in bytes.
    pub write: u64,
    /// Open handles.
    pub handles: u64,
}

impl Limits {
    /// The data of the `EXTENDED_REPLY`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        for value in [self.packet, self.read, self.write, self.handles] {
            out.long(value);
        }
        out
    }
}
