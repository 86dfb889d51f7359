//! Between the data connection and storage.
//!
//! Both ways run in one task and move [`CHUNK`]s: while one is on the network the next is at storage. A chunk is
//! written to storage when it is full, so a slow client costs no more calls than a fast one.

use std::{cmp::Ordering, time::Duration};

use bytes::Bytes;
use ftp::{Failure, Representation, TransferFailure};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
    try_join,
};

use super::{
    ascii::{FromWire, ToWire},
    failure::broken_off,
    progress::Progress,
    socket::DataSocket,
    tls::finish,
    writes::Writes,
};
use crate::storage::{Attributes, OpenFile};

/// Bytes that are read or written at a time.
pub(super) const CHUNK: usize = 256 * 1024;

/// How long the last words of a data connection may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// After storage has failed: how much of what the client still sends is thrown away, and for how long, before the
/// connection is closed. A client whose sending fails may never look at the reply that says why.
const DISCARDED_MAX: u64 = 64 * 1024 * 1024;
const DISCARDED_FOR: Duration = Duration::from_secs(1);

/// A file to be sent.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) file: OpenFile,
    /// Where it begins, in the file.
    pub(super) offset: u64,
    /// What the file held when it was opened.
    pub(super) size: u64,
    pub(super) representation: Representation,
}

impl Download {
    /// Sends what the file held when it was opened, as the client was promised, and nothing that has come since;
    /// returns the bytes of the file that were sent.
    pub(super) async fn run(
        self,
        stream: &mut impl DataSocket,
        progress: &Progress,
    ) -> Result<u64, TransferFailure> {
        let Self {
            file,
            mut offset,
            size,
            representation,
        } = self;
        let mut to_wire = match representation {
            Representation::Image => None,
            Representation::Ascii => Some(ToWire::default()),
        };
        let mut chunk = read(&file, offset, size, progress).await?;
        while !chunk.is_empty() {
            offset += chunk.len() as u64;
            let sent = send(stream, &mut to_wire, &chunk, progress);
            let next = read(&file, offset, size, progress);
            let ((), next) = try_join!(sent, next)?;
            chunk = next;
        }
        end(stream).await?;
        Ok(progress.moved())
    }
}

/// What follows at `offset` in a file of this size; nothing at its end. A file that has shrunk since is a failure: what
/// is left of it must not look whole.
async fn read(
    file: &OpenFile,
    offset: u64,
    size: u64,
    progress: &Progress,
) -> Result<Bytes, TransferFailure> {
    let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(CHUNK);
    let length = CHUNK.min(left);
    if length == 0 {
        return Ok(Bytes::new());
    }
    let read = progress.at_storage(file.read_at(offset, length)).await;
    let chunk = read.map_err(|error| broken_off(&error))?;
    if chunk.len() < length {
        tracing::warn!(offset, size, "the file has shrunk while it was sent");
        return Err(TransferFailure::Storage(Failure::Failed));
    }
    Ok(chunk)
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    to_wire: &mut Option<ToWire>,
    chunk: &[u8],
    progress: &Progress,
) -> Result<(), TransferFailure> {
    let sent = match to_wire {
        None => stream.write_all(chunk).await,
        Some(to_wire) => stream.write_all(&to_wire.convert(chunk)).await,
    };
    sent.map_err(|_error| TransferFailure::Broken)?;
    progress.note(chunk.len());
    Ok(())
}

/// Sends what waits, `close_notify` and FIN: only then is everything on its way.
pub(super) async fn end(stream: &mut impl DataSocket) -> Result<(), TransferFailure> {
    let ended = async {
        stream.flush().await?;
        finish(stream, FAREWELL).await
    };
    ended.await.map_err(|_error| TransferFailure::Broken)
}

/// A file to be received.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) file: OpenFile,
    /// Where it begins, in the file.
    pub(super) offset: u64,
    /// What the file held when it was opened.
    pub(super) size: u64,
    /// What becomes of that which it holds from the offset on.
    pub(super) rest: Rest,
    pub(super) representation: Representation,
    /// Chunks that may be at storage or wait for it; see [`super::writes::chunks_within`].
    pub(super) chunks_max: usize,
}

/// What becomes of that which a file holds beyond the beginning of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It is thrown away: however the upload ends, nothing old follows it.
    Goes,
    /// It stays: it is what others have added at the end.
    Stays,
}

impl Upload {
    /// Stores everything that the client sends and then finishes the file; returns the bytes that came. Where the client
    /// ends early, all that came before is written, and the file is not finished. After a write that failed nothing more
    /// is written, nor is what still waits for storage when this is dropped.
    pub(super) async fn run(
        self,
        stream: &mut impl DataSocket,
        progress: &Progress,
    ) -> Result<u64, TransferFailure> {
        let stored = self.store(stream, progress).await;
        match &stored {
            Ok(_) => {
                // The client has everything it needs: one that has already hung up takes nothing away.
                let _ended = finish(stream, FAREWELL).await.is_ok();
            }
            Err(TransferFailure::Storage(_)) => discard(stream).await,
            Err(_) => {}
        }
        stored
    }

    async fn store(
        self,
        stream: &mut (impl AsyncRead + Unpin),
        progress: &Progress,
    ) -> Result<u64, TransferFailure> {
        let Self {
            file,
            offset,
            size: _,
            rest,
            representation,
            chunks_max,
        } = self;
        progress.goes_into(&file);
        if rest == Rest::Goes {
            progress.at_storage(cut(&file, offset)).await?;
        }
        let mut writes = Writes::new(file, offset, chunks_max);
        let from_wire = match representation {
            Representation::Image => None,
            Representation::Ascii => Some(FromWire::default()),
        };
        let received = writes.fill(stream, from_wire, progress).await;
        let storing = async {
            writes.settle().await?;
            received?;
            writes.finish().await
        };
        progress.at_storage(storing).await?;
        Ok(progress.moved())
    }
}

/// Throws away what the file holds from the offset on, as much as that is now: others may have written since it was
/// opened. Where they have cut it, a hole would look like content.
async fn cut(file: &OpenFile, offset: u64) -> Result<(), TransferFailure> {
    let metadata = file.metadata().await.map_err(|error| broken_off(&error))?;
    match metadata.size.cmp(&offset) {
        Ordering::Less => return Err(TransferFailure::Storage(Failure::BeyondEnd)),
        Ordering::Equal => return Ok(()),
        Ordering::Greater => {}
    }
    let cut = Attributes {
        size: Some(offset),
        ..Attributes::default()
    };
    let cut = file.set_attributes(cut).await;
    cut.map_err(|error| broken_off(&error))
}

/// Says goodbye and lets the client send for a while longer; nobody decrypts that any more.
pub(super) async fn discard(stream: &mut impl DataSocket) {
    let discarding = async {
        // Nothing depends on how this ends.
        let _ended = finish(stream, FAREWELL).await.is_ok();
        let mut sink = tokio::io::sink();
        let mut unwanted = stream.socket_mut().take(DISCARDED_MAX);
        tokio::io::copy(&mut unwanted, &mut sink).await
    };
    let _discarded = timeout(DISCARDED_FOR, discarding).await.is_ok();
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{
        super::writes::{CHUNKS_MAX, chunks_within},
        *,
    };
    use crate::storage::{Create, Open, StoragePath, Truncate, Write, doors::Doors};

    /// More than storage is given at a time.
    static CONTENT: [u8; 8 * CHUNK] = [7; 8 * CHUNK];

    /// An upload of a new file, and where its calls hang.
    async fn begin() -> (Doors, Upload) {
        let doors = Doors::new().await;
        let path = StoragePath::resolve(&StoragePath::root(), b"file").unwrap();
        let how = Open {
            read: false,
            write: Some(Write {
                create: Create::IfMissing,
                truncate: Truncate::Later,
                append: false,
            }),
            mode: None,
        };
        let upload = Upload {
            file: doors.files.open(&path, how).await.unwrap(),
            offset: 0,
            size: 0,
            rest: Rest::Stays,
            representation: Representation::Image,
            chunks_max: CHUNKS_MAX,
        };
        doors.close("file");
        (doors, upload)
    }

    fn writes(doors: &Doors) -> Vec<String> {
        let mut calls = doors.calls();
        calls.retain(|call| call.starts_with("write"));
        calls
    }

    #[tokio::test]
    async fn what_has_come_meanwhile_is_one_write() {
        let (doors, upload) = begin().await;
        let (progress, mut content) = (Progress::default(), CONTENT.as_slice());

        let mut storing = Box::pin(upload.store(&mut content, &progress));
        assert!((&mut storing).now_or_never().is_none());
        doors.until_hanging();
        doors.open("file");

        assert!(storing.await.is_ok());
        let first = ["write 0+262144 file", "write 262144+786432 file"];
        assert_eq!(writes(&doors)[..2], first);
    }

    #[tokio::test]
    async fn after_a_write_that_failed_there_is_none() {
        let (doors, upload) = begin().await;
        let (progress, mut content) = (Progress::default(), CONTENT.as_slice());

        let mut storing = Box::pin(upload.store(&mut content, &progress));
        assert!((&mut storing).now_or_never().is_none());
        doors.until_hanging();
        doors.fail_a_write();
        doors.open("file");

        let failed = storing.await;
        let failure = TransferFailure::Storage(Failure::NoSpace);
        assert_eq!(failed, Err(failure));
        doors.until_closed();
        assert_eq!(writes(&doors), ["write 0+262144 file"]);
    }

    #[tokio::test]
    async fn what_waits_for_storage_is_dropped_with_the_upload() {
        let (doors, upload) = begin().await;
        let (progress, mut content) = (Progress::default(), CONTENT.as_slice());

        let mut storing = Box::pin(upload.store(&mut content, &progress));
        assert!((&mut storing).now_or_never().is_none());
        doors.until_hanging();
        drop(storing);
        doors.open("file");

        doors.until_closed();
        assert_eq!(writes(&doors), ["write 0+262144 file"]);
    }

    #[tokio::test]
    async fn no_more_is_held_than_memory_admits() {
        for (memory_bytes_max, held) in [(0, 1), (4 * CHUNK, 1), (5 * CHUNK, 2), (1 << 30, 4)] {
            let (doors, mut upload) = begin().await;
            upload.chunks_max = chunks_within(memory_bytes_max);
            let (progress, mut content) = (Progress::default(), CONTENT.as_slice());

            let storing = upload.store(&mut content, &progress);
            assert!(storing.now_or_never().is_none());

            assert_eq!(CONTENT.len() - content.len(), held * CHUNK);
            doors.open("file");
        }
    }
}
