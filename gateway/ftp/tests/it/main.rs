//! The protocol as its clients see it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod properties;
mod script;
mod sequence;
mod transcripts;
mod watcher;
mod world;
