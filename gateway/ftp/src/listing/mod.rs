//! How files are described: `LIST` lines, `NLST` names, `MLSx` facts (RFC 3659 §7).
//!
//! ```text
//! -rw-r-----    1 1000     1000              5 Nov 23 21:55 report.csv
//! report.csv
//! type=file;size=5;modify=20261123215500;unix.mode=0640;unique=1f3; report.csv
//! ```
//!
//! All times are UTC, and all names are the bytes that they are on the disk.

mod entry;
mod facts;
mod long;
mod timestamp;

#[cfg(test)]
mod tests;

pub use entry::{Entry, Kind};
pub use facts::Facts;
pub use timestamp::Timestamp;
