//! Where files live: the only road from the protocols to the disk.
//!
//! ```text
//! Volume (volume.rs: whose files) → Files (permitted.rs: what this user may) → Lane (lane.rs: which thread waits)
//!     → Storage (local: the disk)
//! ```
//!
//! What a client writes as a path becomes a [`StoragePath`] first (`path`). The lane makes fewer and larger calls
//! (`write_queue`, `read_ahead`), on threads of its own (`pool`).
//!
//! Protocols see [`Volume`], [`Files`], [`OpenFile`] and [`Listing`], all async; whoever implements `Storage`
//! writes plain blocking calls and knows neither users' permissions nor threads. Only tests know `contract` (what every
//! `Storage` must do), `fake` (a `Storage` that hangs on demand) and `doors` (the same for tests of the protocols).

mod path;
mod types;

mod volume;

mod permitted;

mod lane;
mod pool;
mod read_ahead;
mod write_queue;

mod local;

mod error;

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod doors;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsStr,
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

pub use error::{Error, Result};
pub use lane::Closing;
pub use path::{InvalidPath, StoragePath};
pub use permitted::{Files, Listing, OpenFile};
pub use types::{
    Attributes, Create, Entry, Existing, Kind, Links, Metadata, Open, Space, Truncate, Write,
};
pub use volume::{Load, Volume};

/// A tree of files, by blocking calls. Paths are relative to its root, in the form of [`StoragePath`]; the empty path
/// is the root. No path, link or `..` leads out of it: absolute link targets start at its root, as in a chroot.
trait Storage: Debug + Send + Sync + 'static {
    /// Whether a call may wait for a disk or a network.
    fn waiting(&self) -> Waiting;

    /// The tree below this folder, whose users cannot leave it. Makes the folder and its parents (0750) if missing.
    fn inside(&self, folder: &OsStr) -> Result<Arc<dyn Storage>>;

    /// Opens a regular file; anything else is refused without waiting for it.
    fn open(&self, path: &OsStr, how: Open) -> Result<Opened>;

    /// Whether opening it so would make a file, a part of one too, that is not there before. What the opening would refuse
    /// is refused, as far as that can be told without making anything: its folder is there and takes files, and the name is
    /// none that no file can have.
    fn would_make(&self, path: &OsStr, write: Write) -> Result<bool>;

    /// Describes what has this name.
    fn metadata(&self, path: &OsStr, links: Links) -> Result<Metadata>;

    /// Opens a folder to list it.
    fn list(&self, path: &OsStr) -> Result<Box<dyn Folder>>;

    /// Makes a folder with these permission bits.
    fn make_folder(&self, path: &OsStr, mode: u32) -> Result<()>;

    /// Removes an empty folder.
    fn remove_folder(&self, path: &OsStr) -> Result<()>;

    /// Removes a name that is not a folder.
    fn remove_file(&self, path: &OsStr) -> Result<()>;

    /// Gives a file or folder another name.
    fn rename(&self, source: &OsStr, target: &OsStr, existing: Existing) -> Result<()>;

    /// Gives a file a second name; a symbolic link is not followed.
    fn hard_link(&self, source: &OsStr, target: &OsStr) -> Result<()>;

    /// Makes a symbolic link with any text.
    fn symlink(&self, text: &OsStr, link: &OsStr) -> Result<()>;

    /// The text of a symbolic link.
    fn read_link(&self, path: &OsStr) -> Result<Vec<u8>>;

    /// Changes size, mode and times; the owner was dealt with before.
    fn set_attributes(&self, path: &OsStr, attributes: Attributes, links: Links) -> Result<()>;

    /// The space of the file system that holds this path.
    fn space(&self, path: &OsStr) -> Result<Space>;
}

/// An open file, by blocking calls. Closed when dropped; see [`File::finish`].
trait File: Debug + Send + Sync + 'static {
    /// At most `length` bytes; fewer only at the end of the file.
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes>;

    /// As [`File::read_at`] if it needs no waiting; None if it might.
    fn read_now(&self, offset: u64, length: usize) -> Option<Result<Bytes>>;

    /// Writes all the pieces, one after another, at the offset (or at the end, if opened so). On an error the number
    /// of bytes written before it is told too.
    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> std::result::Result<(), WriteError>;

    /// Describes the file.
    fn metadata(&self) -> Result<Metadata>;

    /// Changes size, mode and times; the owner was dealt with before.
    fn set_attributes(&self, attributes: Attributes) -> Result<()>;

    /// The space of the file system that holds the file.
    fn space(&self) -> Result<Space>;

    /// Returns when the content is on the disk.
    fn sync(&self) -> Result<()>;

    /// Makes what was written visible under its name, and durable if so configured. A file that is dropped without it
    /// was broken off.
    fn finish(&self) -> Result<()>;

    /// The same for every handle of one file, and different for most others; tells caches what a write touches.
    fn identity(&self) -> u64;
}

/// A folder that is read page by page.
trait Folder: Debug + Send + 'static {
    /// The next entries, `.` and `..` first, at most `count`; empty at the end.
    fn next(&mut self, count: usize) -> Result<Vec<Entry>>;
}

/// Whether calls on a storage may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// All is in memory.
    Never,
    /// For a disk or a network.
    Sometimes,
}

/// A file just opened.
#[derive(Debug)]
struct Opened {
    file: Arc<dyn File>,
    before: Before,
}

/// What was there before a file was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing: the opening made it.
    Nothing,
    /// A file of this many bytes.
    Size(u64),
}

/// A write that failed after some bytes.
#[derive(Debug)]
struct WriteError {
    written: usize,
    error: Error,
}

/// Locks; a panic elsewhere does not spread, since every holder leaves the state whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
