//! The folder that crosses.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod parse;
mod round_trip;
mod samples;
