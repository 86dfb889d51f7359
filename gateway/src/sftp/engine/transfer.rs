//! What is said of an upload or a download: to the drain while it runs, to the log and the metrics when it ends.

use std::time::Instant;

use super::{handle::WritesAt, paths::Opening, running::Outcome};
use crate::{
    drain::{DrainState, TransferGuard},
    metrics::{self, Direction, Metrics},
    storage::StoragePath,
};

/// The file of a handle, and what was moved through it.
#[derive(Debug)]
pub(super) struct Transfer {
    path: StoragePath,
    writes: Option<WritesAt>,
    read: u64,
    written: u64,
    opened: Instant,
    /// The drain waits while this is here.
    guard: Option<TransferGuard>,
    /// Where its end is counted.
    metrics: Option<Metrics>,
}

impl Transfer {
    pub(super) fn new(opening: Opening, metrics: Option<Metrics>) -> Self {
        let Opening { path, writes } = opening;
        Self {
            path,
            writes,
            read: 0,
            written: 0,
            opened: Instant::now(),
            guard: None,
            metrics,
        }
    }

    /// Where WRITEs go; `None`: nowhere.
    pub(super) const fn writes(&self) -> Option<WritesAt> {
        self.writes
    }

    /// From its first READ or WRITE a handle is a transfer.
    pub(super) fn begin(&mut self, drain: &DrainState) {
        if self.guard.is_none() {
            self.guard = Some(drain.transfer());
        }
    }

    /// Whether the drain waits for it.
    pub(super) fn runs(&self) -> bool {
        self.guard.is_some()
    }

    /// Bytes arrived at the client; none at the end of the file. Nobody needs to wait for a client that has read
    /// everything, even if it never closes.
    pub(super) fn read(&mut self, bytes: usize) {
        self.read += bytes as u64;
        if bytes == 0 && self.written == 0 {
            self.guard = None;
        }
    }

    pub(super) fn written(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// CLOSE was answered.
    pub(super) fn close(self, outcome: &Outcome) {
        match outcome {
            Outcome::Done(Ok(())) => self.finish(metrics::Transfer::Completed, &"complete"),
            Outcome::Done(Err(error)) => self.finish(metrics::Transfer::Failed, error),
            _ => self.finish(metrics::Transfer::Broken, &"lost"),
        }
    }

    /// The session ended before CLOSE.
    pub(super) fn break_off(self) {
        self.finish(metrics::Transfer::Broken, &"broken off");
    }

    /// One event per transfer: `outcome` is "complete", "lost", "broken off" or storage's error.
    fn finish(self, counted: metrics::Transfer, outcome: &dyn std::fmt::Display) {
        self.count(counted);
        let path = &self.path;
        let seconds = self.opened.elapsed().as_secs_f64();
        match (self.writes, self.written, self.read) {
            (None, 0, 0) => tracing::debug!(?path, %outcome, "closed"),
            (None, _, bytes) => {
                tracing::info!(?path, bytes, seconds, %outcome, "download");
            }
            // Nothing moved: an upload of an empty file.
            (Some(_), bytes, 0) => tracing::info!(?path, bytes, seconds, %outcome, "upload"),
            (Some(_), bytes, read) => {
                tracing::info!(?path, bytes, bytes_read = read, seconds, %outcome, "edit");
            }
        }
    }

    /// A handle that moved nothing was no transfer.
    fn count(&self, outcome: metrics::Transfer) {
        let direction = match (self.written, self.read) {
            (0, 0) => return,
            (0, _) => Direction::Download,
            _ => Direction::Upload,
        };
        if let Some(metrics) = &self.metrics {
            metrics.transfer(direction, outcome);
        }
    }
}
