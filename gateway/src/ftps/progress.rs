//! What is known of a transfer while it runs, and what is said of it when it ends.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use ftp::{Direction, TransferFailure};

use crate::{
    drain::{DrainState, TransferGuard},
    metrics::{self, Metrics},
    storage::{Closing, OpenFile, StoragePath},
    traffic::Traffic,
};

/// How far a transfer is: written by the transfer, read by the connection.
#[derive(Debug, Default)]
pub(super) struct Progress {
    moved: AtomicU64,
    at_storage: AtomicBool,
    stored: OnceLock<Closing>,
    wire: OnceLock<Arc<Traffic>>,
}

impl Progress {
    /// Notes bytes of the file that have moved.
    pub(super) fn note(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of the file that have moved.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Over which connection it runs.
    pub(super) fn runs_over(&self, wire: &Arc<Traffic>) {
        // One transfer has one connection.
        let _known_already = self.wire.set(Arc::clone(wire)).is_err();
    }

    /// Into which file it goes.
    pub(super) fn goes_into(&self, file: &OpenFile) {
        // One upload has one file.
        let _known_already = self.stored.set(file.closing()).is_err();
    }

    /// Tells when nothing can come into that file any more; None: nothing ever did.
    pub(super) fn closing(&self) -> Option<Closing> {
        self.stored.get().cloned()
    }

    /// Waits for storage; meanwhile a standstill is not the client's.
    pub(super) async fn at_storage<T>(&self, call: impl Future<Output = T>) -> T {
        self.at_storage.store(true, Ordering::Relaxed);
        let _until_dropped = AtStorage(&self.at_storage);
        call.await
    }

    /// When the last byte moved; None while there is no data connection.
    pub(super) fn last_active(&self) -> Option<Instant> {
        self.wire.get().map(|wire| wire.last_active())
    }

    /// Bytes that have come and gone, as on the wire.
    pub(super) fn on_the_wire(&self) -> (u64, u64) {
        self.wire
            .get()
            .map_or((0, 0), |wire| (wire.received(), wire.sent()))
    }

    /// Why nothing moves any more.
    pub(super) fn standstill(&self) -> TransferFailure {
        if self.at_storage.load(Ordering::Relaxed) {
            TransferFailure::Storage(ftp::Failure::Unavailable)
        } else {
            TransferFailure::Stalled
        }
    }
}

/// While this is there, storage is waited for.
struct AtStorage<'a>(&'a AtomicBool);

impl Drop for AtStorage<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// An upload or download that runs: the drain waits for it, and its end is counted and logged, however it ends.
#[derive(Debug)]
pub(super) struct Record {
    path: StoragePath,
    direction: Direction,
    progress: Arc<Progress>,
    begun: Instant,
    metrics: Metrics,
    ended: Ended,
    _guard: TransferGuard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl Record {
    /// Begins now.
    pub(super) fn new(
        path: StoragePath,
        direction: Direction,
        progress: Arc<Progress>,
        drain: &DrainState,
        metrics: &Metrics,
    ) -> Self {
        Self {
            path,
            direction,
            progress,
            begun: Instant::now(),
            metrics: metrics.clone(),
            ended: Ended::No,
            _guard: drain.transfer(),
        }
    }

    /// It has ended by itself.
    pub(super) fn end(mut self, outcome: &Result<u64, TransferFailure>) {
        match outcome {
            Ok(_) => self.finish(metrics::Transfer::Completed, &"complete"),
            Err(TransferFailure::Storage(failure)) => {
                self.finish(metrics::Transfer::Failed, &format_args!("{failure:?}"));
            }
            Err(failure) => self.finish(metrics::Transfer::Broken, &format_args!("{failure:?}")),
        }
    }

    fn finish(&mut self, counted: metrics::Transfer, outcome: &dyn fmt::Display) {
        self.ended = Ended::Yes;
        let path = &self.path;
        let bytes = self.progress.moved();
        let seconds = self.begun.elapsed().as_secs_f64();
        match self.direction {
            Direction::Download => {
                self.metrics.transfer(metrics::Direction::Download, counted);
                tracing::info!(?path, bytes, seconds, %outcome, "download");
            }
            Direction::Upload => {
                self.metrics.transfer(metrics::Direction::Upload, counted);
                tracing::info!(?path, bytes, seconds, %outcome, "upload");
            }
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.ended == Ended::No {
            self.finish(metrics::Transfer::Broken, &"broken off");
        }
    }
}
