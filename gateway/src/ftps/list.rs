//! Folders as listings: storage's entries → lines, page by page; with a pattern (`NLST *.txt`), those that it stands for.

use std::{
    os::unix::ffi::OsStringExt,
    time::{SystemTime, UNIX_EPOCH},
};

use ftp::{Entry, Failure, Kind, ListFormat, Timestamp, TransferFailure};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    try_join,
};

use super::{
    failure::{broken_off, refused},
    files::Place,
    pattern::Pattern,
    progress::Progress,
    socket::DataSocket,
    transfer,
};
use crate::storage::{self, Error, Links, Listing, Metadata};

/// Entries that are read at a time.
const PAGE: usize = 256;

/// Bytes that the answer to `STAT PATH` holds at most.
const STATUS_MAX: usize = 64 * 1024;

/// What a listing shows.
#[derive(Debug)]
enum Source {
    /// A folder's entries.
    Folder(Listing, Selection),
    /// One file.
    File(Entry),
}

/// Which entries of a folder are shown, and under which names.
#[derive(Debug)]
enum Selection {
    /// All, under their own names.
    All,
    /// Those that a pattern stands for, behind what the client wrote before it: so they are names that it can ask for.
    Matching(Vec<u8>, Pattern),
}

/// A listing to be sent.
#[derive(Debug)]
pub(super) struct List {
    source: Source,
    format: ListFormat,
    now: Timestamp,
}

impl List {
    /// Opens the folder, or finds the file; that is called in the listing what the client called it. Where nothing has
    /// that name, its last part may be a pattern.
    pub(super) async fn open(
        place: &Place,
        name: Vec<u8>,
        format: ListFormat,
    ) -> Result<Self, Failure> {
        let path = place.resolve(&name)?;
        let source = match place.files.list(&path).await {
            Ok(listing) => Source::Folder(listing, Selection::All),
            Err(Error::NotAFolder) if shows_files(format) => {
                let metadata = place.files.metadata(&path, Links::Follow).await;
                let metadata = metadata.map_err(|error| refused(&error))?;
                Source::File(entry(name, &metadata))
            }
            Err(Error::NotFound) if shows_files(format) => matching(place, &name).await?,
            Err(error) => return Err(refused(&error)),
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
            Source::Folder(listing, selection) => {
                let mut page = next(&listing, progress).await?;
                while !page.is_empty() {
                    let lines = lines(page, &selection, format, now);
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
            Source::Folder(listing, selection) => loop {
                let page = listing.next(PAGE).await?;
                if page.is_empty() {
                    break;
                }
                for entry in page.into_iter().filter_map(|entry| selection.show(entry)) {
                    let before = shown.len();
                    entry.write(format, now, &mut shown);
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

/// The entries that the last part of a name stands for; no folder is looked into for a part before it.
async fn matching(place: &Place, name: &[u8]) -> Result<Source, Failure> {
    let slash = name.iter().rposition(|byte| *byte == b'/');
    let start = slash.map_or(0, |slash| slash + 1);
    let (before, last) = name.split_at_checked(start).unwrap_or((b"", name));
    let pattern = Pattern::parse(last).ok_or(Failure::NotFound)?;
    let listing = place.files.list(&place.resolve(before)?).await;
    let listing = listing.map_err(|error| refused(&error))?;
    Ok(Source::Folder(
        listing,
        Selection::Matching(before.to_vec(), pattern),
    ))
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

fn lines(
    page: Vec<storage::Entry>,
    selection: &Selection,
    format: ListFormat,
    now: Timestamp,
) -> Vec<u8> {
    let mut lines = Vec::with_capacity(page.len() * 80);
    for entry in page.into_iter().filter_map(|entry| selection.show(entry)) {
        entry.write(format, now, &mut lines);
    }
    lines
}

impl Selection {
    /// What is shown of an entry, if anything is.
    fn show(&self, entry: storage::Entry) -> Option<Entry> {
        let storage::Entry { name, metadata } = entry;
        // Clients know where they are, and some would follow `..` for ever.
        if name == "." || name == ".." {
            return None;
        }
        let name = name.into_vec();
        let name = match self {
            Self::All => name,
            Self::Matching(before, pattern) => pattern
                .matches(&name)
                .then(|| [before.as_slice(), &name].concat())?,
        };
        Some(self::entry(name, &metadata))
    }
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
