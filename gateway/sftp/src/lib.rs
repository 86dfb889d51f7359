//! The SFTP version 3 wire format (draft-ietf-secsh-filexfer-02 and OpenSSH's `PROTOCOL`) and the state of requests, as
//! pure code.
//!
//! ```text
//! bytes → Packets → Message::decode → Request … Answer::encode → bytes
//!                                       Reads, Effect: what waits, and what may run beside what
//! ```
//!
//! Nothing here opens a file, touches a socket, reads a clock or awaits. Names are bytes, exactly as the client wrote
//! them. `no_std` makes the compiler the guard of that promise.

#![no_std]

extern crate alloc;

mod answer;
mod attributes;
mod extension;
mod longname;
mod order;
mod packets;
mod reads;
mod request;
mod request_encode;
mod status;
mod wire;

pub use answer::{Answer, DATA_HEADER, InvalidAnswer, Name, Space, data_header};
pub use attributes::Attributes;
pub use extension::{ADVERTISED, Extension, Limits};
pub use longname::longname;
pub use order::{Effect, Range};
pub use packets::{PACKET_MAX, Packet, Packets, TooLong};
pub use reads::{Read, Reads};
pub use request::{InvalidMessage, Message, OpenFlags, Request};
pub use status::Code;

/// The longest READ that is answered whole, and the longest WRITE that is advertised, in bytes. OpenSSH's clients take
/// no packet over 256 KiB, so the data must leave space for its header.
pub const TRANSFER_MAX: u32 = 262_144 - 1024;
