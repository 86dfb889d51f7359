//! The program as people meet it.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking, in its helpers too"
)]

mod check;
mod ftps;
mod hashes;
mod mistakes;
mod place;
mod serve;
mod sheet;
