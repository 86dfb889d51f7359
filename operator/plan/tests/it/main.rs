//! Plans, as data.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod changes;
mod cluster;
mod clusters;
mod conditions;
mod example;
mod golden;
mod hashes;
mod keys;
mod manifests;
mod pages;
mod passwords;
mod references;
mod rolls;
mod shards;
