//! What manifests may use at most, so that a wrong PATH or a hostile file costs no more than a message.

/// Bytes of one file: as much as an API server takes in one request.
pub(super) const FILE_BYTES_MAX: u64 = 3 * 1024 * 1024;

/// Files below one PATH.
pub(super) const FILES_MAX: usize = 10_000;

/// Folders inside each other below PATH.
pub(super) const FOLDERS_DEPTH_MAX: usize = 32;

/// Values of one file, aliases counted as what they stand for.
pub(super) const NODES_MAX: usize = 500_000;

/// Lists and maps inside each other.
pub(super) const DEPTH_MAX: usize = 64;
