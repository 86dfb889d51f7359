//! From the data connection to storage: what has come is written while more comes.

use bytes::{BufMut as _, Bytes, BytesMut};
use ftp::TransferFailure;
use futures_util::future::BoxFuture;
use tokio::io::AsyncRead;

use super::{
    ascii::FromWire,
    failure::broken_off,
    progress::Progress,
    tls::{self, Received},
    transfer::CHUNK,
};
use crate::storage::{self, OpenFile};

/// Chunks of one upload that are at storage or wait for it, where memory admits so many.
pub(super) const CHUNKS_MAX: usize = 4;

/// Chunks of one upload beside those: one is filled, one is free again, and TLS buffers as much as one.
const CHUNKS_BESIDE: usize = 3;

/// The writes of one upload, one after another: after one that fails nothing is written any more, so the file ends
/// where a client that goes on later must go on.
pub(super) struct Writes {
    file: OpenFile,
    /// Where the next one goes.
    offset: u64,
    running: Option<BoxFuture<'static, storage::Result<Vec<Bytes>>>>,
    /// What the next one takes.
    waiting: Vec<Bytes>,
    /// Chunks that are being written or wait.
    held: usize,
    held_max: usize,
    /// A chunk that was written and can be filled again.
    spare: Option<BytesMut>,
}

impl Writes {
    /// The first one goes to `offset`; storage is busy with `held_max` chunks at most.
    pub(super) fn new(file: OpenFile, offset: u64, held_max: usize) -> Self {
        Self {
            file,
            offset,
            running: None,
            waiting: Vec::new(),
            held: 0,
            held_max,
            spare: None,
        }
    }

    /// Reads until the client ends, and hands full chunks to storage meanwhile.
    pub(super) async fn fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        mut from_wire: Option<FromWire>,
        progress: &Progress,
    ) -> Result<(), TransferFailure> {
        let mut chunk = BytesMut::new();
        let received = loop {
            tokio::select! {
                // Writes first: they begin when they are first looked at.
                biased;
                Some(written) = end_of(&mut self.running) => self.note(written)?,
                // Storage alone can go on; whoever watches must know that it is not the client who stands still.
                () = progress.at_storage(std::future::pending()), if self.held >= self.held_max => {}
                received = receive(stream, &mut chunk, &mut self.spare), if self.held < self.held_max => {
                    match received {
                        Ok(0) => break Ok(()),
                        Ok(count) => progress.note(count),
                        Err(failure) => break Err(failure),
                    }
                    if chunk.len() >= CHUNK {
                        self.push_converted(std::mem::take(&mut chunk), &mut from_wire);
                    }
                }
            }
        };
        self.push_converted(chunk, &mut from_wire);
        if let Some(from_wire) = from_wire {
            self.push(Bytes::from_static(from_wire.rest()));
        }
        received
    }

    fn push_converted(&mut self, chunk: BytesMut, from_wire: &mut Option<FromWire>) {
        match from_wire {
            None => self.push(chunk.freeze()),
            Some(from_wire) => {
                self.push(from_wire.convert(&chunk).into());
                self.keep(chunk);
            }
        }
    }

    fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.held += 1;
        self.waiting.push(chunk);
        if self.running.is_none() {
            self.write_waiting();
        }
    }

    fn write_waiting(&mut self) {
        let chunks = std::mem::take(&mut self.waiting);
        let length: usize = chunks.iter().map(Bytes::len).sum();
        let writing = self.file.write_together(self.offset, chunks.clone());
        self.offset = self.offset.saturating_add(length as u64);
        self.running = Some(Box::pin(async move { writing.await.map(|()| chunks) }));
    }

    fn note(&mut self, written: storage::Result<Vec<Bytes>>) -> Result<(), TransferFailure> {
        let chunks = written.map_err(|error| broken_off(&error))?;
        self.held -= chunks.len();
        if !self.waiting.is_empty() {
            self.write_waiting();
        }
        for chunk in chunks {
            if let Ok(chunk) = chunk.try_into_mut() {
                self.keep(chunk);
            }
        }
        Ok(())
    }

    fn keep(&mut self, mut chunk: BytesMut) {
        chunk.clear();
        if chunk.capacity() >= CHUNK {
            self.spare = Some(chunk);
        }
    }

    /// Waits until everything is written.
    pub(super) async fn settle(&mut self) -> Result<(), TransferFailure> {
        while let Some(written) = end_of(&mut self.running).await {
            self.note(written)?;
        }
        Ok(())
    }

    /// Closes the file.
    pub(super) async fn finish(self) -> Result<(), TransferFailure> {
        let finished = self.file.finish().await;
        finished.map_err(|error| broken_off(&error))
    }
}

/// How many chunks of an upload may be at storage or wait for it, if the upload is to hold this many bytes at most; one is
/// needed.
pub(super) fn chunks_within(memory_bytes_max: usize) -> usize {
    let chunks = memory_bytes_max / CHUNK;
    chunks.saturating_sub(CHUNKS_BESIDE).clamp(1, CHUNKS_MAX)
}

/// Waits until what runs has ended; None: nothing runs. Safe to drop.
async fn end_of<T>(running: &mut Option<BoxFuture<'static, T>>) -> Option<T> {
    let ended = running.as_mut()?.await;
    *running = None;
    Some(ended)
}

/// Adds what the client has sent to `chunk`; 0: it has sent everything. Safe to drop.
async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    chunk: &mut BytesMut,
    spare: &mut Option<BytesMut>,
) -> Result<usize, TransferFailure> {
    if chunk.capacity() == 0 {
        *chunk = spare
            .take()
            .unwrap_or_else(|| BytesMut::with_capacity(CHUNK));
    }
    let room = CHUNK - chunk.len();
    match tls::receive(stream, &mut chunk.limit(room)).await {
        Ok(Received::Bytes(count)) => Ok(count),
        Ok(Received::End) => Ok(0),
        Ok(Received::Cut) => Err(TransferFailure::Truncated),
        Err(_reset) => Err(TransferFailure::Broken),
    }
}
