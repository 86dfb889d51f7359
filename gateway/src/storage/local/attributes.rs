//! Between the kernel's words for attributes and ours.

use std::{
    ffi::OsStr,
    os::fd::AsFd,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp, Timespec, Timestamps, statx},
    io::Errno,
};

use super::super::{Kind, Metadata, Result};

/// Tells files apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: (u32, u32),
    /// The number of the file on its device.
    pub(super) inode: u64,
}

/// Describes a name in a folder; links are not followed.
pub(super) fn of_name(folder: impl AsFd, name: &OsStr) -> Result<(Metadata, Identity)> {
    // No AT_STATX_DONT_SYNC: on a network volume it would tell the size from before another gateway's upload, and a
    // client that resumes by it would leave a hole.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let found = statx(folder, name, flags, StatxFlags::BASIC_STATS)?;
    Ok(translate(&found))
}

/// Describes an open file or folder.
pub(super) fn of_open(file: impl AsFd) -> Result<(Metadata, Identity)> {
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    Ok(translate(&found))
}

/// As [`of_name`]; None if nothing has that name.
pub(super) fn of_name_if_any(
    folder: impl AsFd,
    name: &OsStr,
) -> Result<Option<(Metadata, Identity)>> {
    match of_name(folder, name) {
        Err(super::super::Error::NotFound) => Ok(None),
        found => found.map(Some),
    }
}

fn translate(found: &Statx) -> (Metadata, Identity) {
    let raw_mode = u32::from(found.stx_mode);
    let kind = match FileType::from_raw_mode(raw_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    };
    let metadata = Metadata {
        kind,
        size: found.stx_size,
        mode: raw_mode & 0o7777,
        owner: found.stx_uid,
        group: found.stx_gid,
        accessed: time(found.stx_atime),
        modified: time(found.stx_mtime),
        links: u64::from(found.stx_nlink),
        identity: found.stx_ino,
    };
    let identity = Identity {
        device: (found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
    };
    (metadata, identity)
}

fn time(stamp: StatxTimestamp) -> SystemTime {
    let seconds = Duration::from_secs(stamp.tv_sec.unsigned_abs());
    let whole = if stamp.tv_sec < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    whole
        .and_then(|whole| whole.checked_add(Duration::from_nanos(stamp.tv_nsec.into())))
        .unwrap_or(UNIX_EPOCH)
}

/// Times for utimensat(2).
pub(super) fn timestamps(accessed: SystemTime, modified: SystemTime) -> Timestamps {
    Timestamps {
        last_access: timespec(accessed),
        last_modification: timespec(modified),
    }
}

fn timespec(time: SystemTime) -> Timespec {
    let (seconds, nanoseconds) = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (
            i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            after.subsec_nanos(),
        ),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match before.subsec_nanos() {
                0 => (-seconds, 0),
                // Nanoseconds count forward, so the second before is the one they count from.
                nanoseconds => (-seconds - 1, 1_000_000_000 - nanoseconds),
            }
        }
    };
    Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds.into(),
    }
}

/// What a regular file is expected to be.
pub(super) fn expect_file(metadata: &Metadata) -> Result<()> {
    match metadata.kind {
        Kind::File => Ok(()),
        Kind::Folder => Err(Errno::ISDIR.into()),
        Kind::Symlink => Err(Errno::LOOP.into()),
        Kind::Other => Err(Errno::OPNOTSUPP.into()),
    }
}
