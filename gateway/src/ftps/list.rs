//! Folders as listings: storage's entries → lines, page by page.

use std::{
    os::unix::ffi::OsStringExt,
    time::{SystemTime, UNIX_EPOCH},
};

use ftp::{Entry, Kind, ListFormat, Timestamp, TransferFailure};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    try_join,
};

use super::{failure::broken_off, progress::Progress, socket::DataSocket, transfer};
use crate::storage::{self, Files, Links, Listing, Metadata, StoragePath};

/// Entries that are read at a time.
const PAGE: usize = 256;

/// Bytes that the answer to `STAT PATH` holds at most.
const STATUS_MAX: usize = 64 * 1024;

/// What a listing shows.
#[derive(Debug)]
pub(super) enum Source {
    /// A folder's entries.
    Folder(Listing),
    /// One file.
    File(Entry),
}

/// A listing to be sent.
#[derive(Debug)]
pub(super) struct List {
    source: Source,
    format: ListFormat,
    now: Timestamp,
}

impl List {
    /// Opens the folder, or finds the file; that is called in the listing what the client called it.
    pub(super) async fn open(
        files: Files,
        path: StoragePath,
        name: Vec<u8>,
        format: ListFormat,
    ) -> storage::Result<Self> {
        let source = match files.list(&path).await {
            Ok(listing) => Source::Folder(listing),
            Err(storage::Error::NotAFolder) if shows_files(format) => {
                let metadata = files.metadata(&path, Links::Follow).await?;
                Source::File(entry(name, &metadata))
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            source,
            format,
            now: timestamp(SystemTime::now()),
        })
    }

    /// Sends it; returns the bytes that were sent.
    pub(super) async fn run(
        self,
        stream: &mut impl DataSocket,
        progress: &Progress,
    ) -> Result<u64, TransferFailure> {
        let Self {
            source,
            format,
            now,
        } = self;
        match source {
            Source::File(entry) => {
                let mut lines = Vec::new();
                entry.write(format, now, &mut lines);
                send(stream, &lines, progress).await?;
            }
            Source::Folder(listing) => {
                let mut page = next(&listing, progress).await?;
                while !page.is_empty() {
                    let lines = lines(page, format, now);
                    let sent = send(stream, &lines, progress);
                    ((), page) = try_join!(sent, next(&listing, progress))?;
                }
            }
        }
        transfer::end(stream).await?;
        Ok(progress.moved())
    }

    /// The first lines of it, as many as fit into the answer to `STAT PATH`.
    pub(super) async fn beginning(self) -> storage::Result<Vec<u8>> {
        let Self {
            source,
            format,
            now,
        } = self;
        let mut shown = Vec::new();
        match source {
            Source::File(entry) => entry.write(format, now, &mut shown),
            Source::Folder(listing) => loop {
                let page = listing.next(PAGE).await?;
                if page.is_empty() {
                    break;
                }
                for entry in page.into_iter().filter(is_shown) {
                    let before = shown.len();
                    write(entry, format, now, &mut shown);
                    if shown.len() > STATUS_MAX {
                        shown.truncate(before);
                        return Ok(shown);
                    }
                }
            },
        }
        Ok(shown)
    }
}

/// `MLSD` is for folders only (RFC 3659 §7.2).
fn shows_files(format: ListFormat) -> bool {
    match format {
        ListFormat::Long | ListFormat::Names => true,
        ListFormat::Facts(_) => false,
    }
}

async fn next(
    listing: &Listing,
    progress: &Progress,
) -> Result<Vec<storage::Entry>, TransferFailure> {
    progress
        .at_storage(listing.next(PAGE))
        .await
        .map_err(|error| broken_off(&error))
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    lines: &[u8],
    progress: &Progress,
) -> Result<(), TransferFailure> {
    let sent = stream.write_all(lines).await;
    sent.map_err(|_error| TransferFailure::Broken)?;
    progress.note(lines.len());
    Ok(())
}

fn lines(page: Vec<storage::Entry>, format: ListFormat, now: Timestamp) -> Vec<u8> {
    let mut lines = Vec::with_capacity(page.len() * 80);
    for entry in page.into_iter().filter(is_shown) {
        write(entry, format, now, &mut lines);
    }
    lines
}

/// Clients know where they are, and some would follow `..` for ever.
fn is_shown(entry: &storage::Entry) -> bool {
    entry.name != "." && entry.name != ".."
}

fn write(entry: storage::Entry, format: ListFormat, now: Timestamp, lines: &mut Vec<u8>) {
    let storage::Entry { name, metadata } = entry;
    self::entry(name.into_vec(), &metadata).write(format, now, lines);
}

/// What the FTP core shows of a file.
pub(super) fn entry(name: Vec<u8>, metadata: &Metadata) -> Entry {
    let Metadata {
        kind,
        size,
        mode,
        owner,
        group,
        accessed: _,
        modified,
        links,
        identity,
    } = *metadata;
    Entry {
        name,
        kind: match kind {
            storage::Kind::File => Kind::File,
            storage::Kind::Folder => Kind::Folder,
            storage::Kind::Symlink => Kind::Link,
            storage::Kind::Other => Kind::Other,
        },
        size,
        mode,
        modified: timestamp(modified),
        owner: (owner, group),
        links,
        unique: identity,
    }
}

/// Whole seconds, rounded down.
fn timestamp(time: SystemTime) -> Timestamp {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -seconds - i64::from(before.subsec_nanos() > 0)
        }
    };
    Timestamp(seconds)
}
