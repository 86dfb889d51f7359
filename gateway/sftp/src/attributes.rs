//! ATTRS (section 5): what a client knows, or wants changed, of a file.

use alloc::vec::Vec;

use crate::wire::{Append, Fields, Truncated};

const SIZE: u32 = 0x0000_0001;
const OWNER: u32 = 0x0000_0002;
const PERMISSIONS: u32 = 0x0000_0004;
const TIMES: u32 = 0x0000_0008;
const EXTENDED: u32 = 0x8000_0000;

/// What is said of a file; `None` is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes.
    pub size: Option<u64>,
    /// The numbers of owner and group.
    pub owner: Option<(u32, u32)>,
    /// Kind and permission bits as in `st_mode` (POSIX).
    pub mode: Option<u32>,
    /// Last access and last change, in seconds since 1970 (UTC).
    pub times: Option<(u32, u32)>,
}

impl Attributes {
    /// Extended attributes, which version 3 allows and nobody defines, are read over.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, Truncated> {
        let flags = fields.number()?;
        let mut attributes = Self::default();
        if flags & SIZE != 0 {
            attributes.size = Some(fields.long()?);
        }
        if flags & OWNER != 0 {
            attributes.owner = Some((fields.number()?, fields.number()?));
        }
        if flags & PERMISSIONS != 0 {
            attributes.mode = Some(fields.number()?);
        }
        if flags & TIMES != 0 {
            attributes.times = Some((fields.number()?, fields.number()?));
        }
        if flags & EXTENDED != 0 {
            for _ in 0..fields.number()? {
                fields.string()?;
                fields.string()?;
            }
        }
        Ok(attributes)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Self {
            size,
            owner,
            mode,
            times,
        } = *self;
        let flag = |given: bool, flag: u32| if given { flag } else { 0 };
        out.number(
            flag(size.is_some(), SIZE)
                | flag(owner.is_some(), OWNER)
                | flag(mode.is_some(), PERMISSIONS)
                | flag(times.is_some(), TIMES),
        );
        if let Some(size) = size {
            out.long(size);
        }
        if let Some((owner, group)) = owner {
            out.number(owner);
            out.number(group);
        }
        if let Some(mode) = mode {
            out.number(mode);
        }
        if let Some((accessed, modified)) = times {
            out.number(accessed);
            out.number(modified);
        }
    }
}
