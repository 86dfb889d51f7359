//! What the server answers (sections 4 and 7).

use alloc::{borrow::Cow, vec::Vec};

use crate::{
    ADVERTISED, Attributes, Code,
    wire::{Append, Fields, Truncated, packet},
};

const VERSION: u8 = 2;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;
const EXTENDED_REPLY: u8 = 201;

/// How many bytes go before the data in a DATA packet, its length field included.
pub const DATA_HEADER: usize = 13;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// VERSION: version 3 with the extensions of [`ADVERTISED`]; it has no id.
    Version,
    /// STATUS.
    Status {
        /// How the request ended.
        code: Code,
        /// The same for a person.
        message: Cow<'a, str>,
    },
    /// HANDLE.
    Handle(&'a [u8]),
    /// DATA.
    Data(&'a [u8]),
    /// NAME.
    Names(Vec<Name<'a>>),
    /// ATTRS.
    Attributes(Attributes),
    /// `EXTENDED_REPLY`: its data is [`Space`] or [`crate::Limits`].
    Extended(Cow<'a, [u8]>),
}

/// One entry of a NAME answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The file's name.
    pub name: Cow<'a, [u8]>,
    /// The line of [`crate::longname`].
    pub line: Cow<'a, [u8]>,
    /// What is known of it.
    pub attributes: Attributes,
}

/// The answer to `statvfs@openssh.com` and `fstatvfs@openssh.com`: statvfs(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// `f_bsize`, bytes.
    pub block_size: u64,
    /// `f_frsize`, bytes.
    pub fragment_size: u64,
    /// `f_blocks`, in fragments.
    pub blocks: u64,
    /// `f_bfree`, in fragments.
    pub blocks_free: u64,
    /// `f_bavail`, in fragments.
    pub blocks_available: u64,
    /// `f_files`.
    pub files: u64,
    /// `f_ffree`.
    pub files_free: u64,
    /// `f_favail`.
    pub files_available: u64,
    /// `f_fsid`.
    pub filesystem: u64,
    /// `f_flag`: 1 is read-only, 2 is no set-uid.
    pub flags: u64,
    /// `f_namemax`, bytes.
    pub name_max: u64,
}

impl Space {
    /// The data of the `EXTENDED_REPLY`.
    pub fn encode(&self) -> Vec<u8> {
        let Self {
            block_size,
            fragment_size,
            blocks,
            blocks_free,
            blocks_available,
            files,
            files_free,
            files_available,
            filesystem,
            flags,
            name_max,
        } = *self;
        let mut out = Vec::with_capacity(88);
        for value in [
            block_size,
            fragment_size,
            blocks,
            blocks_free,
            blocks_available,
            files,
            files_free,
            files_available,
            filesystem,
            flags,
            name_max,
        ] {
            out.long(value);
        }
        out
    }
}

/// Everything of a DATA packet before its `length` bytes of data.
pub fn data_header(id: u32, length: u32) -> [u8; DATA_HEADER] {
    let mut header = [0; DATA_HEADER];
    let fields = length
        .saturating_add(9)
        .to_be_bytes()
        .into_iter()
        .chain([DATA])
        .chain(id.to_be_bytes())
        .chain(length.to_be_bytes());
    for (space, byte) in header.iter_mut().zip(fields) {
        *space = byte;
    }
    header
}

impl Answer<'_> {
    /// Appends the packet with its length field.
    pub fn encode(&self, id: u32, out: &mut Vec<u8>) {
        packet(out, |out| match self {
            Self::Version => {
                out.push(VERSION);
                out.number(3);
                for (extension, version) in ADVERTISED {
                    out.string(extension.name());
                    out.string(version);
                }
            }
            Self::Status { code, message } => {
                start(out, STATUS, id);
                out.number(*code as u32);
                out.string(message.as_bytes());
                out.string(b"en");
            }
            Self::Handle(handle) => {
                start(out, HANDLE, id);
                out.string(handle);
            }
            Self::Data(data) => {
                start(out, DATA, id);
                out.string(data);
            }
            Self::Names(names) => {
                start(out, NAME, id);
                out.number(u32::try_from(names.len()).unwrap_or(u32::MAX));
                for name in names {
                    out.string(&name.name);
                    out.string(&name.line);
                    name.attributes.encode(out);
                }
            }
            Self::Attributes(attributes) => {
                start(out, ATTRS, id);
                attributes.encode(out);
            }
            Self::Extended(data) => {
                start(out, EXTENDED_REPLY, id);
                out.extend_from_slice(data);
            }
        });
    }
}

fn start(out: &mut Vec<u8>, number: u8, id: u32) {
    out.push(number);
    out.number(id);
}

/// A packet that is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAnswer;

impl From<Truncated> for InvalidAnswer {
    fn from(Truncated: Truncated) -> Self {
        Self
    }
}

impl<'a> Answer<'a> {
    /// Reads one packet without its length field, as a client does: the id and the answer. The number of a VERSION
    /// packet, its version, stands in place of an id.
    pub fn decode(packet: &'a [u8]) -> Result<(u32, Self), InvalidAnswer> {
        let mut fields = Fields::new(packet);
        let number = fields.byte()?;
        let id = fields.number()?;
        let answer = match number {
            VERSION => Self::Version,
            STATUS => Self::Status {
                code: Code::from_number(fields.number()?).ok_or(InvalidAnswer)?,
                message: alloc::string::String::from_utf8_lossy(fields.string()?),
            },
            HANDLE => Self::Handle(fields.string()?),
            DATA => Self::Data(fields.string()?),
            NAME => Self::Names(names(&mut fields)?),
            ATTRS => Self::Attributes(Attributes::decode(&mut fields)?),
            EXTENDED_REPLY => Self::Extended(fields.rest().into()),
            _ => return Err(InvalidAnswer),
        };
        Ok((id, answer))
    }
}

fn names<'a>(fields: &mut Fields<'a>) -> Result<Vec<Name<'a>>, Truncated> {
    // Nothing is reserved for a count that the packet may not keep.
    let mut names = Vec::new();
    for _ in 0..fields.number()? {
        names.push(Name {
            name: fields.string()?.into(),
            line: fields.string()?.into(),
            attributes: Attributes::decode(fields)?,
        });
    }
    Ok(names)
}
