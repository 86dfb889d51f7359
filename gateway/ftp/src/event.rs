//! What the gateway reports.

use alloc::{string::String, vec::Vec};
use core::{fmt, net::Ipv4Addr};

use crate::Entry;

/// What the gateway reports: what happened, and its answers. Its `Debug` shows no line, because a line may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// The control connection is there (with implicit FTPS: after its TLS handshake).
    Connected,
    /// The client sent this line, without its ending. Handed in only while [`crate::Session::wants_line`].
    Line(Vec<u8>),
    /// The client sent a line that was too long; it was thrown away.
    LineTooLong,
    /// The handshake that [`crate::Action::StartTls`] asked for has succeeded.
    TlsStarted,
    /// The answer to [`crate::Action::CheckUser`].
    UserChecked(UserCheck),
    /// The answer to [`crate::Action::CheckPassword`].
    PasswordChecked(Result<Entered, LoginFailure>),
    /// The answer to [`crate::Action::OpenDataPort`]; none comes after [`crate::Action::CloseDataPort`].
    DataPortOpened(Result<Opened, PassiveFailure>),
    /// The reserved data port has waited for its connection for too long and is gone.
    DataPortExpired,
    /// The answer to [`crate::Action::File`].
    FileDone(Result<Done, Failure>),
    /// The answer to [`crate::Action::Prepare`]: the file or folder is open.
    Prepared(Result<Prepared, Failure>),
    /// The answer to [`crate::Action::Start`], after so many bytes.
    TransferEnded(Result<u64, TransferFailure>),
    /// So many bytes of the running transfer have moved: the answer to [`crate::Action::ReportProgress`].
    Progress(u64),
    /// The client was silent for too long. Nothing comes of it while something is under way for the client.
    Idle,
    /// The login took too long.
    LoginTimeout,
    /// The gateway is stopping: say so and close, now or (with a running transfer) after it.
    Stopping,
    /// The account of whoever is logged in has ended: say so and close, whatever is under way.
    AccountEnded,
}

/// How a user goes on after `USER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserCheck {
    /// With the password.
    Password,
    /// Not without TLS: the password must not travel.
    TlsRequired,
}

/// What holds for somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The folder where they start: absolute, in their root.
    pub directory: Vec<u8>,
    /// How their data connections must be protected.
    pub data: DataPolicy,
}

/// How the data connections of a user must be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataPolicy {
    /// As [`crate::Encryption`] says for everybody.
    AsListener,
    /// By TLS, whatever is allowed to others.
    Private,
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// Wrong name or password.
    Credential,
    /// Too many sessions, of this user or in all.
    TooManySessions,
    /// Too many failed logins from there.
    Banned,
    /// Too many logins at once.
    Busy,
    /// The user's folder cannot be reached.
    Storage,
}

/// A data port that is reserved for this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The address to tell; None: not known, or not an IPv4 address (then only `EPSV` works).
    pub address: Option<Ipv4Addr>,
    /// The port to tell.
    pub port: u16,
}

/// Why there is no data port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassiveFailure {
    /// All were in use until the waiting time was over.
    NoneFree,
}

/// What became of a [`crate::FileTask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is done.
    Done,
    /// It is done, and this absolute path is what the reply names (`CWD`, `CDUP`, `MKD`).
    Path(Vec<u8>),
    /// What was asked for (`SIZE`, `MDTM`, `MLST`), with its absolute path.
    Entry(Vec<u8>, Entry),
    /// What `LIST` would send, each line with its CR LF (`STAT PATH`).
    Listing(Vec<u8>),
}

/// What is open now for a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// A folder, or a file that is written.
    Open,
    /// A file of so many bytes (`RETR`).
    Sized(u64),
    /// A new file of this name (`STOU`).
    Named(Vec<u8>),
}

/// Why a file or folder was not reached; each has its own reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is nothing of that name.
    NotFound,
    /// The user may not.
    Denied,
    /// There is something of that name.
    Exists,
    /// It is not a folder.
    NotAFolder,
    /// It is a folder, or something that has no content.
    NotAFile,
    /// The folder is not empty.
    NotEmpty,
    /// No name for a file.
    InvalidName,
    /// `REST` named a place beyond its end.
    BeyondEnd,
    /// The disk or the quota is full.
    NoSpace,
    /// The file would be larger than the volume takes files.
    TooLarge,
    /// The volume is read-only.
    ReadOnly,
    /// Somebody else is writing it.
    InUse,
    /// What was asked for is not possible there.
    Unsupported,
    /// The storage does not answer.
    Unavailable,
    /// Anything else.
    Failed,
}

/// Why a transfer ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferFailure {
    /// There was no usable data connection.
    Data(DataFailure),
    /// The storage failed.
    Storage(Failure),
    /// The data connection broke.
    Broken,
    /// The client closed without TLS's `close_notify`: what it sent may be cut short.
    Truncated,
    /// Nothing moved for too long.
    Stalled,
}

/// Why there was no usable data connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataFailure {
    /// Nobody connected in time.
    TimedOut,
    /// The TLS handshake failed, for this reason.
    Handshake(String),
    /// It did not belong to this session, for this reason; the text says what to change.
    Unbound(String),
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => formatter.write_str("Connected"),
            Self::Line(line) => write!(formatter, "Line({} bytes)", line.len()),
            Self::LineTooLong => formatter.write_str("LineTooLong"),
            Self::TlsStarted => formatter.write_str("TlsStarted"),
            Self::UserChecked(check) => write!(formatter, "UserChecked({check:?})"),
            Self::PasswordChecked(result) => write!(formatter, "PasswordChecked({result:?})"),
            Self::DataPortOpened(result) => write!(formatter, "DataPortOpened({result:?})"),
            Self::DataPortExpired => formatter.write_str("DataPortExpired"),
            Self::FileDone(result) => write!(formatter, "FileDone({result:?})"),
            Self::Prepared(result) => write!(formatter, "Prepared({result:?})"),
            Self::TransferEnded(result) => write!(formatter, "TransferEnded({result:?})"),
            Self::Progress(bytes) => write!(formatter, "Progress({bytes})"),
            Self::Idle => formatter.write_str("Idle"),
            Self::LoginTimeout => formatter.write_str("LoginTimeout"),
            Self::Stopping => formatter.write_str("Stopping"),
            Self::AccountEnded => formatter.write_str("AccountEnded"),
        }
    }
}
