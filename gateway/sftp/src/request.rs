//! What the client asks for (sections 4 and 6), read from one packet.

use crate::{
    Attributes, Extension,
    wire::{Fields, Truncated},
};

/// How a file is opened: the `pflags` of OPEN (section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFlags(pub u32);

impl OpenFlags {
    /// Open for reading.
    pub const READ: Self = Self(0x01);
    /// Open for writing.
    pub const WRITE: Self = Self(0x02);
    /// Every write goes to the end.
    pub const APPEND: Self = Self(0x04);
    /// Make the file when it is missing.
    pub const CREATE: Self = Self(0x08);
    /// Empty the file.
    pub const TRUNCATE: Self = Self(0x10);
    /// With CREATE: the file must not exist.
    pub const EXCLUSIVE: Self = Self(0x20);

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One packet of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// INIT: the first packet.
    Initialize {
        /// The highest version that the client speaks.
        version: u32,
    },
    /// Everything else.
    Request {
        /// Chosen by the client; the answer has the same.
        id: u32,
        /// What is asked for.
        request: Request<'a>,
    },
}

/// A request. Paths and handles are bytes as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Request<'a> {
    /// OPEN.
    Open {
        path: &'a [u8],
        flags: OpenFlags,
        attributes: Attributes,
    },
    /// CLOSE.
    Close { handle: &'a [u8] },
    /// READ.
    Read {
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    /// WRITE.
    Write {
        handle: &'a [u8],
        offset: u64,
        data: &'a [u8],
    },
    /// LSTAT: of a symbolic link itself.
    LinkStat { path: &'a [u8] },
    /// FSTAT.
    HandleStat { handle: &'a [u8] },
    /// SETSTAT.
    SetStat {
        path: &'a [u8],
        attributes: Attributes,
    },
    /// FSETSTAT.
    HandleSetStat {
        handle: &'a [u8],
        attributes: Attributes,
    },
    /// OPENDIR.
    OpenFolder { path: &'a [u8] },
    /// READDIR.
    ReadFolder { handle: &'a [u8] },
    /// REMOVE.
    Remove { path: &'a [u8] },
    /// MKDIR.
    MakeFolder {
        path: &'a [u8],
        attributes: Attributes,
    },
    /// RMDIR.
    RemoveFolder { path: &'a [u8] },
    /// REALPATH.
    RealPath { path: &'a [u8] },
    /// STAT.
    Stat { path: &'a [u8] },
    /// RENAME: fails when the target exists.
    Rename { source: &'a [u8], target: &'a [u8] },
    /// READLINK.
    ReadLink { path: &'a [u8] },
    /// SYMLINK. The draft puts the link first; OpenSSH's server always took the text of the link first, and so do its
    /// clients, paramiko and everybody else. Read as OpenSSH reads it.
    Symlink { text: &'a [u8], link: &'a [u8] },
    /// [`Extension::PosixRename`]: replaces the target.
    PosixRename { source: &'a [u8], target: &'a [u8] },
    /// [`Extension::HardLink`].
    HardLink { source: &'a [u8], target: &'a [u8] },
    /// [`Extension::Space`].
    Space { path: &'a [u8] },
    /// [`Extension::HandleSpace`].
    HandleSpace { handle: &'a [u8] },
    /// [`Extension::Sync`].
    Sync { handle: &'a [u8] },
    /// [`Extension::LinkSetStat`].
    LinkSetStat {
        path: &'a [u8],
        attributes: Attributes,
    },
    /// [`Extension::Limits`].
    Limits,
    /// [`Extension::ExpandPath`].
    ExpandPath { path: &'a [u8] },
    /// An extension that nobody advertised.
    UnknownExtension { name: &'a [u8] },
}

/// A packet that is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMessage {
    /// It has no id that could be answered.
    Unanswerable,
    /// Its fields do not fit its type.
    Malformed {
        /// The request's id.
        id: u32,
    },
    /// Version 3 has no request of this type.
    UnknownType {
        /// The request's id.
        id: u32,
        /// The type on the wire.
        number: u8,
    },
}

pub(crate) mod number {
    //! The types of section 3.
    pub(crate) const INIT: u8 = 1;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const SETSTAT: u8 = 9;
    pub(crate) const FSETSTAT: u8 = 10;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const REALPATH: u8 = 16;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const READLINK: u8 = 19;
    pub(crate) const SYMLINK: u8 = 20;
    pub(crate) const EXTENDED: u8 = 200;
}

impl<'a> Message<'a> {
    /// Reads one packet without its length field. Bytes after the last field are ignored, as OpenSSH does.
    pub fn decode(packet: &'a [u8]) -> Result<Self, InvalidMessage> {
        let mut fields = Fields::new(packet);
        let unanswerable = |Truncated| InvalidMessage::Unanswerable;
        let number = fields.byte().map_err(unanswerable)?;
        let id = fields.number().map_err(unanswerable)?;
        if number == number::INIT {
            return Ok(Self::Initialize { version: id });
        }
        match Request::decode(number, &mut fields) {
            Ok(Some(request)) => Ok(Self::Request { id, request }),
            Ok(None) => Err(InvalidMessage::UnknownType { id, number }),
            Err(Truncated) => Err(InvalidMessage::Malformed { id }),
        }
    }
}

impl<'a> Request<'a> {
    fn decode(number: u8, fields: &mut Fields<'a>) -> Result<Option<Self>, Truncated> {
        Ok(Some(match number {
            number::OPEN => Self::Open {
                path: fields.string()?,
                flags: OpenFlags(fields.number()?),
                attributes: Attributes::decode(fields)?,
            },
            number::READ => Self::Read {
                handle: fields.string()?,
                offset: fields.long()?,
                length: fields.number()?,
            },
            number::WRITE => Self::Write {
                handle: fields.string()?,
                offset: fields.long()?,
                data: fields.string()?,
            },
            number::EXTENDED => Self::decode_extended(fields)?,
            number => return Self::decode_simple(number, fields),
        }))
    }

    /// The requests that are a path or a handle, with attributes or a second path at most.
    fn decode_simple(number: u8, fields: &mut Fields<'a>) -> Result<Option<Self>, Truncated> {
        let first = match number {
            number::CLOSE..=number::SYMLINK => fields.string()?,
            _ => return Ok(None),
        };
        let (path, handle) = (first, first);
        Ok(Some(match number {
            number::CLOSE => Self::Close { handle },
            number::LSTAT => Self::LinkStat { path },
            number::FSTAT => Self::HandleStat { handle },
            number::SETSTAT => Self::SetStat {
                path,
                attributes: Attributes::decode(fields)?,
            },
            number::FSETSTAT => Self::HandleSetStat {
                handle,
                attributes: Attributes::decode(fields)?,
            },
            number::OPENDIR => Self::OpenFolder { path },
            number::READDIR => Self::ReadFolder { handle },
            number::REMOVE => Self::Remove { path },
            number::MKDIR => Self::MakeFolder {
                path,
                attributes: Attributes::decode(fields)?,
            },
            number::RMDIR => Self::RemoveFolder { path },
            number::REALPATH => Self::RealPath { path },
            number::STAT => Self::Stat { path },
            number::RENAME => Self::Rename {
                source: path,
                target: fields.string()?,
            },
            number::READLINK => Self::ReadLink { path },
            number::SYMLINK => Self::Symlink {
                text: path,
                link: fields.string()?,
            },
            _ => return Ok(None),
        }))
    }

    fn decode_extended(fields: &mut Fields<'a>) -> Result<Self, Truncated> {
        let name = fields.string()?;
        let Some(extension) = Extension::from_name(name) else {
            return Ok(Self::UnknownExtension { name });
        };
        Ok(match extension {
            Extension::PosixRename => Self::PosixRename {
                source: fields.string()?,
                target: fields.string()?,
            },
            Extension::HardLink => Self::HardLink {
                source: fields.string()?,
                target: fields.string()?,
            },
            Extension::Space => Self::Space {
                path: fields.string()?,
            },
            Extension::HandleSpace => Self::HandleSpace {
                handle: fields.string()?,
            },
            Extension::Sync => Self::Sync {
                handle: fields.string()?,
            },
            Extension::LinkSetStat => Self::LinkSetStat {
                path: fields.string()?,
                attributes: Attributes::decode(fields)?,
            },
            Extension::Limits => Self::Limits,
            Extension::ExpandPath => Self::ExpandPath {
                path: fields.string()?,
            },
        })
    }
}
