//! The wire format and the order of requests, through the public door.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod answers;
mod order;
mod packets;
mod reads;
mod requests;
