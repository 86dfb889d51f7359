//! What is asked of storage and what it tells.

use std::{ffi::OsString, time::SystemTime};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// To read from it.
    pub read: bool,
    /// To write to it, and how.
    pub write: Option<Write>,
    /// Permission bits of a new file; None: 0640. Other bits are ignored.
    pub mode: Option<u32>,
}

impl Open {
    /// To read what is there.
    pub const READ: Self = Self {
        read: true,
        write: None,
        mode: None,
    };
}

/// How a file is opened for writing, as open(2) and `SSH_FXP_OPEN` say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// What happens when the file is missing or there.
    pub create: Create,
    /// What happens with the content that is there.
    pub truncate: Truncate,
    /// Every write goes to the end.
    pub append: bool,
}

/// What an opening does about a file that is missing or there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// The file must exist.
    Never,
    /// It is made when it is missing.
    IfMissing,
    /// It must not exist.
    Exclusive,
}

/// Whether an opening is for new content instead of what is there, and who throws that away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncate {
    /// What is there stays.
    Never,
    /// The opening does.
    AtOpen,
    /// Whoever has opened the file cuts it, when the new content comes; until then nothing is lost.
    Later,
}

impl Truncate {
    /// Whether nothing of what is there is meant to stay.
    pub const fn replaces(self) -> bool {
        match self {
            Self::Never => false,
            Self::AtOpen | Self::Later => true,
        }
    }
}

/// What is meant by a path that ends in a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// What the link points to.
    Follow,
    /// The link itself.
    Keep,
}

/// What a renaming does about a target that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The target stays and the renaming fails.
    Keep,
    /// The target is replaced in one step.
    Replace,
}

/// An entry of a folder.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name, byte for byte.
    pub name: OsString,
    /// What it is; links are not followed.
    pub metadata: Metadata,
}

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// In bytes.
    pub size: u64,
    /// Permission bits, with setuid, setgid and sticky, without the kind.
    pub mode: u32,
    /// The numeric user.
    pub owner: u32,
    /// The numeric group.
    pub group: u32,
    /// Last read, as far as the file system notes it.
    pub accessed: SystemTime,
    /// Last change of the content.
    pub modified: SystemTime,
    /// Names that this file has.
    pub links: u64,
    /// The same for all names of one file, and different for most others of its volume.
    pub identity: u64,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A device, FIFO or socket; never opened.
    Other,
}

/// What is to be changed; None stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Cut or extended with zeros to this many bytes.
    pub size: Option<u64>,
    /// Permission bits; others are ignored.
    pub mode: Option<u32>,
    /// Numeric user and group. Only what they are already is accepted.
    pub owner: Option<(u32, u32)>,
    /// Accessed, modified.
    pub times: Option<(SystemTime, SystemTime)>,
}

/// The space of a file system, as statvfs(3) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Preferred size of a transfer, in bytes.
    pub block_size: u64,
    /// The unit of the three counts of blocks, in bytes.
    pub fragment_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks that need no privilege.
    pub blocks_available: u64,
    /// All files.
    pub files: u64,
    /// Free files.
    pub files_free: u64,
    /// Free files that need no privilege.
    pub files_available: u64,
    /// Identifies the file system.
    pub filesystem: u64,
    /// Mount flags, `ST_RDONLY` and so on.
    pub flags: u64,
    /// The longest name, in bytes.
    pub name_max: u64,
}
