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
        Error::NoSpace | Error::Quota => Failure::NoSpace,
        Error::TooLarge => Failure::TooLarge,
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
    fn a_full_volume_is_told_from_a_file_that_is_too_large() {
        let check = |errno: Errno, failure| assert_eq!(refused(&errno.into()), failure, "{errno}");

        check(Errno::NOSPC, Failure::NoSpace);
        check(Errno::DQUOT, Failure::NoSpace);
        check(Errno::FBIG, Failure::TooLarge);
    }
}
