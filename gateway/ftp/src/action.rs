//! What the gateway is to do.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{Reply, Timestamp};

/// What the gateway is to do, in order. Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this reply.
    Send(Reply),
    /// Throw away what the client has sent until now; only then let the replies out that wait, 234 the last of them, and
    /// go on inside TLS. In the other order the beginning of the handshake could be thrown away.
    StartTls,
    /// Ask whether this user's password may travel in clear; never asked over TLS.
    CheckUser(String),
    /// Ask whether this user may log in.
    CheckPassword {
        /// The name given with `USER`.
        user: String,
        /// The password given with `PASS`.
        password: String,
    },
    /// Forget the login, the folder and the data port (`REIN`, `AUTH` in a session that is logged in).
    Logout,
    /// Reserve a port for a data connection; one reserved before is given back.
    OpenDataPort,
    /// Give the reserved data port back, with whatever has connected to it, or wait no longer for one.
    CloseDataPort,
    /// Do this with a file or folder.
    File(FileTask),
    /// Open what this transfer needs, before anything is promised to the client. A file that is missing is made no
    /// earlier than [`Self::Start`] has bound the data connection; whether it could be is the answer.
    Prepare(Transfer),
    /// Let the data connection come, bind it, and run the prepared transfer over it.
    Start(DataProtection),
    /// Ask how many bytes the running transfer has moved.
    ReportProgress,
    /// Drop the running transfer, what waits for its beginning, or the work on a file; nothing more is heard of it.
    Abort,
    /// Send what is to be sent, and close the control connection; a reserved data port is given back.
    Close,
}

/// What is done with a file or folder. Paths are as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileTask {
    /// `CWD`, `CDUP` (as `..`): check that this is a folder the user may be in.
    ChangeDirectory(Vec<u8>),
    /// `MKD`.
    MakeDirectory(Vec<u8>),
    /// `RMD`.
    RemoveDirectory(Vec<u8>),
    /// `DELE`.
    Delete(Vec<u8>),
    /// `RNFR`: check that it is there.
    RenameSource(Vec<u8>),
    /// `RNTO`.
    Rename {
        /// What `RNFR` named.
        source: Vec<u8>,
        /// Its new name.
        target: Vec<u8>,
    },
    /// `SIZE`, `MDTM`, `MLST`: describe it.
    Describe(Vec<u8>),
    /// `STAT PATH`: what `LIST` would send, as far as it fits into memory set aside for it.
    List(Vec<u8>),
    /// `MFMT`.
    SetModified(Vec<u8>, Timestamp),
    /// `SITE CHMOD`: permission bits.
    SetMode(Vec<u8>, u32),
}

/// What moves over a data connection. Paths are as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// `RETR`: from this byte on.
    Download {
        /// The file.
        path: Vec<u8>,
        /// Where it begins (`REST`).
        offset: u64,
        /// How its bytes become those of the wire.
        representation: Representation,
    },
    /// `STOR`: from this byte on; from 0 the file is made anew. Also `APPE` after `REST` (RFC 3659 §5.3).
    Upload {
        /// The file.
        path: Vec<u8>,
        /// Where it begins (`REST`).
        offset: u64,
        /// How the bytes of the wire become its own.
        representation: Representation,
    },
    /// `APPE`.
    Append {
        /// The file.
        path: Vec<u8>,
        /// How the bytes of the wire become its own.
        representation: Representation,
    },
    /// `STOU`: under a name that is free.
    UploadUnique {
        /// How the bytes of the wire become its own.
        representation: Representation,
    },
    /// `LIST`, `NLST`, `MLSD`.
    List {
        /// The folder or (`LIST`, `NLST`) file; None: the current folder.
        path: Option<Vec<u8>>,
        /// How entries are written.
        format: ListFormat,
    },
}

/// What `TYPE` says: how the bytes of a file become those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// As they are (`TYPE I`).
    Image,
    /// Lines end with CR LF on the wire and with a line feed in files (`TYPE A`).
    Ascii,
}

/// How entries of a folder are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// As `ls -l` does (`LIST`).
    Long,
    /// The names alone (`NLST`).
    Names,
    /// Facts (`MLSD`), as chosen by `OPTS MLST`.
    Facts(crate::listing::Facts),
}

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the client.
    Download,
    /// From the client.
    Upload,
}

/// How a data connection is protected (`PROT`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataProtection {
    /// Not at all (`PROT C`).
    #[default]
    Clear,
    /// By TLS (`PROT P`).
    Private,
}

impl fmt::Debug for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(reply) => write!(formatter, "Send({reply:?})"),
            Self::StartTls => formatter.write_str("StartTls"),
            Self::CheckUser(user) => write!(formatter, "CheckUser({user:?})"),
            Self::CheckPassword { user, password: _ } => {
                write!(formatter, "CheckPassword({user:?})")
            }
            Self::Logout => formatter.write_str("Logout"),
            Self::OpenDataPort => formatter.write_str("OpenDataPort"),
            Self::CloseDataPort => formatter.write_str("CloseDataPort"),
            Self::File(task) => write!(formatter, "File({task:?})"),
            Self::Prepare(transfer) => write!(formatter, "Prepare({transfer:?})"),
            Self::Start(protection) => write!(formatter, "Start({protection:?})"),
            Self::ReportProgress => formatter.write_str("ReportProgress"),
            Self::Abort => formatter.write_str("Abort"),
            Self::Close => formatter.write_str("Close"),
        }
    }
}
