//! READs that wait, in little memory.
//!
//! Clients read ahead by sending many READs at once: paramiko's `prefetch` sends 32,768 of them for 1 GiB. They ask for
//! one piece after the other with one id after the other, and so are kept as a run: first id, first offset, how many.

/// One READ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The request's id.
    pub id: u32,
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// How many bytes are wanted.
    pub length: u32,
}

/// A run of READs: each with the next id, the next offset and the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    first: Read,
    count: u32,
}

impl Reads {
    /// A run of one.
    pub const fn new(read: Read) -> Self {
        Self {
            first: read,
            count: 1,
        }
    }

    /// Adds a READ to the end of the run, or says that it does not belong there.
    #[must_use]
    pub fn extend(&mut self, read: Read) -> bool {
        let fits = self.count < u32::MAX && self.following() == Some(read);
        if fits {
            self.count += 1;
        }
        fits
    }

    /// The READ that comes next.
    pub const fn first(&self) -> Read {
        self.first
    }

    /// The run without its first READ.
    pub fn rest(self) -> Option<Self> {
        let count = self.count.checked_sub(1).filter(|count| *count > 0)?;
        let Read { id, offset, length } = self.first;
        Some(Self {
            first: Read {
                id: id.wrapping_add(1),
                offset: offset.saturating_add(u64::from(length)),
                length,
            },
            count,
        })
    }

    /// What would follow the last READ; `None` where no file has bytes.
    fn following(&self) -> Option<Read> {
        let Read { id, offset, length } = self.first;
        let bytes = u64::from(length).checked_mul(u64::from(self.count))?;
        Some(Read {
            id: id.wrapping_add(self.count),
            offset: offset.checked_add(bytes)?,
            length,
        })
    }
}
