//! The states of a session. Each holds what is known in it, and nothing else.

use alloc::{string::String, vec::Vec};

use crate::{DataPolicy, DataProtection, Facts, Representation, Timestamp, Transfer};

/// Where a session stands.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing has been said.
    Opening,
    /// `AUTH` was answered: no line is heard until TLS is there, and then the control connection is as protected as this.
    Securing(Protection),
    /// Nobody is logged in.
    Login(Login),
    /// Somebody is logged in, and this is under way.
    LoggedIn(Account, Task),
    /// Nothing will be said any more.
    Closed,
}

/// How far the login is.
#[derive(Debug)]
pub(super) enum Login {
    /// `USER` has not been sent.
    Nobody,
    /// Whether this user's password may travel in clear is being asked.
    Asking(String),
    /// This user's password is awaited.
    Named(String),
    /// This user's password is being checked.
    Checking(String),
}

/// How the control connection is protected, and with it what `PROT` may say (RFC 4217 §9: `AUTH`, then `PBSZ`, then
/// `PROT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Not at all.
    Clear,
    /// By TLS; `PBSZ` was not sent.
    Encrypted,
    /// By TLS, and data connections like this.
    Sized(DataProtection),
}

/// What is kept for whoever is logged in.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) user: String,
    /// Absolute, in the user's root.
    pub(super) directory: Vec<u8>,
    pub(super) data: DataPolicy,
    pub(super) representation: Representation,
    /// What `MLSD` and `MLST` tell.
    pub(super) facts: Facts,
    pub(super) port: Port,
    pub(super) setup: Setup,
    pub(super) prelude: Prelude,
}

/// The data port of the next transfer. The transfer uses it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// None was asked for.
    Absent,
    /// One is reserved.
    Reserved,
    /// Nobody connected to it in time.
    Expired,
}

/// Which commands may ask for a data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// All.
    Any,
    /// `EPSV` alone: `EPSV ALL` was sent (RFC 2428 §4).
    Extended,
}

/// What the command before has prepared for this one; any other command forgets it, but `PASV` and `EPSV` keep `REST`.
#[derive(Debug, Default)]
pub(super) enum Prelude {
    #[default]
    None,
    /// `REST`.
    Restart(u64),
    /// `RNFR`, found.
    RenameFrom(Vec<u8>),
}

/// What is under way.
#[derive(Debug)]
pub(super) enum Task {
    /// Nothing: the next command is obeyed.
    Nothing,
    /// A data port is awaited.
    OpeningPort(Passive),
    /// A file or folder is being dealt with.
    File(Purpose),
    /// A transfer's file or folder is being opened.
    Preparing(Transfer),
    /// A transfer runs.
    Transferring(Transfer, Progress),
}

/// How a data port was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passive {
    /// `PASV`.
    Plain,
    /// `EPSV`.
    Extended,
}

/// Whether `STAT` awaits how far the transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Unasked,
    Asked,
}

/// What something is done with a file or folder for.
#[derive(Debug)]
pub(super) enum Purpose {
    ChangeDirectory,
    MakeDirectory,
    RemoveDirectory,
    Delete,
    /// The path that `RNFR` names.
    RenameSource(Vec<u8>),
    Rename,
    Size,
    ModificationTime,
    Facts,
    /// The time and the path of `MFMT`, to be repeated in its reply.
    SetModified(Timestamp, Vec<u8>),
    SetMode,
    Status,
}
