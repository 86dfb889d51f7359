//! The gateway through its public door.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod engine;
mod fixture;
mod ftps;
mod gateway;
mod ssh;
