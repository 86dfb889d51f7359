//! The FTP control connection as pure code: lines and outcomes in, actions out.
//!
//! ```text
//! bytes → Lines → Event::Line ─┐
//!                              ├→ Session::handle → Action … → Reply::to_bytes → bytes
//! what the gateway answered ───┘
//! ```
//!
//! Nothing here opens a socket, touches a disk, reads a clock or awaits. `gateway::ftps` does what the [`Action`]s say
//! and reports back with [`Event`]s. `no_std` makes the compiler the guard of that promise.
//!
//! The protocol itself is described by conversations, in `tests/transcripts`: begin there.

#![no_std]

extern crate alloc;

mod action;
mod command;
mod event;
mod lines;
mod listing;
mod reply;
mod session;

pub use action::{
    Action, DataProtection, Direction, FileTask, ListFormat, Representation, Transfer,
};
pub use command::Command;
pub use event::{
    DataFailure, DataPolicy, Done, Entered, Event, Failure, LoginFailure, Opened, PassiveFailure,
    Prepared, TransferFailure, UserCheck,
};
pub use lines::{Line, Lines};
pub use listing::{Entry, Facts, Kind, Timestamp};
pub use reply::Reply;
pub use session::{Encryption, Family, Mode, Session, Settings};
