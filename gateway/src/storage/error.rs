//! Why storage refused.

use std::{io, sync::Arc};

use rustix::io::Errno;

/// Why storage refused; each protocol puts it in its own words.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nothing has that name.
    #[error("no such file or folder")]
    NotFound,
    /// The user, or the gateway itself, may not do that.
    #[error("permission denied")]
    Denied,
    /// The target is there already.
    #[error("it exists already")]
    Exists,
    /// Something on the way, or the target, is no folder.
    #[error("not a folder")]
    NotAFolder,
    /// A file was expected.
    #[error("a folder")]
    IsAFolder,
    /// Only empty folders are removed or replaced.
    #[error("the folder is not empty")]
    NotEmpty,
    /// The disk is full.
    #[error("no space left on the volume")]
    NoSpace,
    /// The file system's quota is used up.
    #[error("the quota is used up")]
    Quota,
    /// Larger than a file may be, on this file system or for this process.
    #[error("the file would be too large")]
    TooLarge,
    /// The volume is mounted read-only.
    #[error("the volume is read-only")]
    ReadOnly,
    /// Too long, too many links on the way, or not possible on this file system or at this place.
    #[error("the name is not valid here")]
    InvalidName,
    /// Another session writes the part of this upload (`uploads: Atomic`).
    #[error("another upload of this file is under way")]
    Busy,
    /// This storage, or this kind of file, cannot do that.
    #[error("not supported by this storage")]
    Unsupported,
    /// Earlier calls hang, so this one was not begun, or its end is unknown.
    #[error("storage does not answer, try later")]
    Stuck,
    /// Anything else the system says.
    #[error("storage failed: {0}")]
    Io(#[source] Arc<io::Error>),
}

/// What storage answers.
pub type Result<T> = std::result::Result<T, Error>;

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotFound,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::EXIST => Self::Exists,
            Errno::NOTDIR => Self::NotAFolder,
            Errno::ISDIR => Self::IsAFolder,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::NOSPC => Self::NoSpace,
            Errno::DQUOT => Self::Quota,
            Errno::FBIG => Self::TooLarge,
            Errno::ROFS => Self::ReadOnly,
            // EINVAL: a name the file system cannot hold, or a folder moved into itself.
            Errno::NAMETOOLONG | Errno::LOOP | Errno::INVAL | Errno::ILSEQ => Self::InvalidName,
            // ENXIO: a FIFO without a reader, or a socket, was opened for writing.
            Errno::OPNOTSUPP | Errno::NOSYS | Errno::XDEV | Errno::NXIO => Self::Unsupported,
            other => Self::Io(Arc::new(other.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Errno, Error};

    #[test]
    fn what_the_system_says_is_told_truthfully() {
        let check = |errno: Errno, words: &str| assert_eq!(Error::from(errno).to_string(), words);

        check(Errno::NOSPC, "no space left on the volume");
        check(Errno::DQUOT, "the quota is used up");
        check(Errno::FBIG, "the file would be too large");
        check(Errno::ACCESS, "permission denied");
        check(Errno::ROFS, "the volume is read-only");
        check(Errno::NOTEMPTY, "the folder is not empty");
        check(Errno::NAMETOOLONG, "the name is not valid here");
        check(Errno::LOOP, "the name is not valid here");
        check(Errno::IO, "storage failed: Input/output error (os error 5)");
    }
}
