//! How requests end, in the words of SFTP: a code for programs, a message for people.
//!
//! Version 3 has few codes. What has none is FAILURE, and only the message says what happened.

use std::borrow::Cow;

use sftp::{Answer, Code};

use crate::storage::{Error, InvalidPath};

const fn status(code: Code, message: &'static str) -> Answer<'static> {
    Answer::Status {
        code,
        message: Cow::Borrowed(message),
    }
}

pub(super) const DONE: Answer<'static> = status(Code::Ok, "done");
pub(super) const END_OF_FILE: Answer<'static> = status(Code::Eof, "end of the file");
pub(super) const END_OF_FOLDER: Answer<'static> = status(Code::Eof, "end of the folder");
pub(super) const NO_SUCH_HANDLE: Answer<'static> =
    status(Code::Failure, "the handle is closed or was never open");
pub(super) const NOT_A_FILE: Answer<'static> = status(Code::Failure, "the handle is a folder's");
pub(super) const NOT_A_FOLDER: Answer<'static> = status(Code::Failure, "the handle is a file's");
pub(super) const TOO_MANY_HANDLES: Answer<'static> = status(
    Code::Failure,
    "too many open files and folders; close some first",
);
pub(super) const MALFORMED: Answer<'static> =
    status(Code::BadMessage, "the request's fields do not fit its type");
pub(super) const UNKNOWN_REQUEST: Answer<'static> =
    status(Code::OpUnsupported, "there is no such request in version 3");
pub(super) const UNKNOWN_EXTENSION: Answer<'static> =
    status(Code::OpUnsupported, "this extension is not offered");
pub(super) const NO_OTHER_HOME: Answer<'static> = status(
    Code::NoSuchFile,
    "no user's home is known here but your own, which is /",
);
pub(super) const LOST: Answer<'static> = status(
    Code::Failure,
    "the gateway failed to do this; its log says why",
);

/// The answer to a request that storage refused.
pub(super) fn refused(error: &Error) -> Answer<'static> {
    let code = match error {
        // A component that is no folder means that there is no such path: clients look for exactly this code.
        Error::NotFound | Error::NotAFolder => Code::NoSuchFile,
        Error::Denied | Error::ReadOnly => Code::PermissionDenied,
        Error::Unsupported => Code::OpUnsupported,
        Error::Exists
        | Error::IsAFolder
        | Error::NotEmpty
        | Error::NoSpace
        | Error::Quota
        | Error::TooLarge
        | Error::InvalidName
        | Error::Busy
        | Error::Stuck
        | Error::Io(_) => Code::Failure,
    };
    Answer::Status {
        code,
        message: error.to_string().into(),
    }
}

/// The answer to a path that no file can have.
pub(super) fn invalid(error: InvalidPath) -> Answer<'static> {
    Answer::Status {
        code: Code::Failure,
        message: error.to_string().into(),
    }
}
