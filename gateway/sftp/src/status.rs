//! `SSH_FXP_STATUS` codes (section 7).

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// It was done.
    Ok = 0,
    /// Nothing is left to read.
    Eof = 1,
    /// There is no such file.
    NoSuchFile = 2,
    /// The user may not.
    PermissionDenied = 3,
    /// Everything that version 3 has no code for; the message says what.
    Failure = 4,
    /// The packet could not be read.
    BadMessage = 5,
    /// The server has no connection. Only clients use it.
    NoConnection = 6,
    /// The connection is lost. Only clients use it.
    ConnectionLost = 7,
    /// The server does not do this.
    OpUnsupported = 8,
}

impl Code {
    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Ok,
            1 => Self::Eof,
            2 => Self::NoSuchFile,
            3 => Self::PermissionDenied,
            4 => Self::Failure,
            5 => Self::BadMessage,
            6 => Self::NoConnection,
            7 => Self::ConnectionLost,
            8 => Self::OpUnsupported,
            _ => return None,
        })
    }
}
