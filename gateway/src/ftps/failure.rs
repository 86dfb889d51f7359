//! Why storage refused, in the words of the FTP core.

use ftp::{Failure, TransferFailure};

use crate::storage::{Error, InvalidPath};

/// What the client is told of it.
pub(super) fn refused(error: &Error) -> Failure {
    match error {
        Error::NotFound => Failure::NotFound,
        Error::Denied => Failure::Denied,
        Error::Exists => Failure::Exists,
        Error::NotAFolder => Failure::NotAFolder,
        Error::IsAFolder => Failure::NotAFile,
        Error::NotEmpty => Failure::NotEmpty,
        Error::NoSpace | Error::Quota | Error::TooLarge => Failure::NoSpace,
        Error::ReadOnly => Failure::ReadOnly,
        Error::InvalidName => Failure::InvalidName,
        Error::Busy => Failure::InUse,
        Error::Unsupported => Failure::Unsupported,
        Error::Stuck => Failure::Unavailable,
        Error::Io(error) => {
            tracing::warn!(%error, "storage failed");
            Failure::Failed
        }
    }
}

/// The same in the middle of a transfer.
pub(super) fn broken_off(error: &Error) -> TransferFailure {
    TransferFailure::Storage(refused(error))
}

/// What the client is told of a path that no file can have.
pub(super) fn invalid(error: InvalidPath) -> Failure {
    match error {
        InvalidPath::Nul | InvalidPath::TooLong => Failure::InvalidName,
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::{Failure, refused};

    #[test]
    fn whatever_has_no_room_exceeds_the_allocation() {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            assert_eq!(refused(&errno.into()), Failure::NoSpace, "{errno}");
        }
    }
}
