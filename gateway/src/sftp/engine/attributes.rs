//! Attributes and names between SFTP and storage.

use std::{
    os::unix::ffi::OsStringExt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sftp::{Answer, Name, longname};

use crate::storage::{self, Entry, Kind, Metadata, Space};

/// The bits of `st_mode` that say what a file is (POSIX).
const KIND_BITS: u32 = 0o170_000;
/// Permissions, set-uid, set-gid and sticky.
const PERMISSION_BITS: u32 = 0o7777;

/// What the client is told of a file.
pub(super) fn from_metadata(metadata: &Metadata) -> sftp::Attributes {
    let kind = match metadata.kind {
        Kind::File => 0o100_000,
        Kind::Folder => 0o040_000,
        Kind::Symlink => 0o120_000,
        Kind::Other => metadata.mode & KIND_BITS,
    };
    sftp::Attributes {
        size: Some(metadata.size),
        owner: Some((metadata.owner, metadata.group)),
        mode: Some(kind | metadata.mode & PERMISSION_BITS),
        times: Some((seconds(metadata.accessed), seconds(metadata.modified))),
    }
}

/// What the client wants changed.
pub(super) fn to_storage(attributes: &sftp::Attributes) -> storage::Attributes {
    let sftp::Attributes {
        size,
        owner,
        mode,
        times,
    } = *attributes;
    storage::Attributes {
        size,
        mode: mode.map(|mode| mode & PERMISSION_BITS),
        owner,
        times: times.map(|(accessed, modified)| (time(accessed), time(modified))),
    }
}

/// The permissions of what is made.
pub(super) fn permissions(attributes: &sftp::Attributes) -> Option<u32> {
    attributes.mode.map(|mode| mode & PERMISSION_BITS)
}

/// One line of a listing.
pub(super) fn name(entry: Entry, now: SystemTime) -> Name<'static> {
    let attributes = from_metadata(&entry.metadata);
    let name = entry.name.into_vec();
    let line = longname(
        &name,
        &attributes,
        entry.metadata.links,
        i64::from(seconds(now)),
    );
    Name {
        name: name.into(),
        line: line.into(),
        attributes,
    }
}

/// The answer to REALPATH and READLINK: a name of which nothing else is said.
pub(super) fn one_name(name: Vec<u8>) -> Answer<'static> {
    Answer::Names(vec![Name {
        name: name.clone().into(),
        line: name.into(),
        attributes: sftp::Attributes::default(),
    }])
}

/// statvfs(3) for the client.
pub(super) const fn space(space: &Space) -> sftp::Space {
    let Space {
        block_size,
        fragment_size,
        blocks,
        blocks_free,
        blocks_available,
        files,
        files_free,
        files_available,
        filesystem,
        flags,
        name_max,
    } = *space;
    sftp::Space {
        block_size,
        fragment_size,
        blocks,
        blocks_free,
        blocks_available,
        files,
        files_free,
        files_available,
        filesystem,
        flags,
        name_max,
    }
}

/// Version 3 counts 32 bits of seconds from 1970; what lies outside becomes its nearest.
fn seconds(time: SystemTime) -> u32 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    })
}

fn time(seconds: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.into())
}
