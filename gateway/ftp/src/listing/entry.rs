//! A file or folder as listings show it.

use alloc::vec::Vec;

use super::{Timestamp, long};
use crate::ListFormat;

/// A file or folder as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, or for `MLST` whatever path the reply shows.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
    /// Its permission bits; what is above `0o777` is not shown.
    pub mode: u32,
    /// When its content last changed.
    pub modified: Timestamp,
    /// The number of its owner and of its group.
    pub owner: (u32, u32),
    /// How many names it has.
    pub links: u64,
    /// Something that is the same for all names of one file, and different for other files.
    pub unique: u64,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

impl Entry {
    /// Appends this entry as one line, CR LF included. `now` decides whether `LIST` shows a time or a year.
    ///
    /// Nothing is appended for an entry without a name, or whose name holds CR, LF or NUL: no line can say it. Written as
    /// it is it would forge another line (clients end lines at a CR too), and with a replacement it would be the name of
    /// another file, which a client that clears a folder would then delete.
    pub fn write(&self, format: ListFormat, now: Timestamp, line: &mut Vec<u8>) {
        if self.name.is_empty()
            || self
                .name
                .iter()
                .any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        {
            return;
        }
        match format {
            ListFormat::Long => long::write(self, now, line),
            ListFormat::Names => {}
            ListFormat::Facts(facts) => {
                facts.write(self, line);
                line.push(b' ');
            }
        }
        line.extend_from_slice(&self.name);
        line.extend_from_slice(b"\r\n");
    }
}
