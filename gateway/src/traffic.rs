//! What moves over one connection: how much, and when it last did.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus::core::{AtomicU64 as AtomicCounter, GenericCounter};

use crate::metrics::Metrics;

/// The account of one connection, kept by its socket and read by whoever watches over it.
#[derive(Debug)]
pub(crate) struct Traffic {
    started: Instant,
    /// Milliseconds from `started` to the last byte in either direction.
    active: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// The same for all of the endpoint, once it is known whose connection this is.
    everywhere: OnceLock<Counters>,
}

#[derive(Debug)]
struct Counters {
    received: GenericCounter<AtomicCounter>,
    sent: GenericCounter<AtomicCounter>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            active: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            everywhere: OnceLock::new(),
        }
    }
}

impl Traffic {
    /// Counts everything for the endpoint too: what has moved already, and what will. To be called by the task that
    /// reads and writes.
    pub(crate) fn count_for(&self, metrics: &Metrics) {
        let counters = Counters {
            received: metrics.bytes_received(),
            sent: metrics.bytes_sent(),
        };
        counters.received.inc_by(self.received());
        counters.sent.inc_by(self.sent());
        // Whoever counts already goes on.
        let _counted_already = self.everywhere.set(counters).is_err();
    }

    /// Bytes that came from the client, as on the wire.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes that went to the client, as on the wire.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// When the last byte moved, in either direction.
    pub(crate) fn last_active(&self) -> Instant {
        self.started + Duration::from_millis(self.active.load(Ordering::Relaxed))
    }

    /// Notes bytes that came.
    pub(crate) fn note_received(&self, bytes: usize) {
        let bytes = self.note(&self.received, bytes);
        if let Some(counters) = self.everywhere.get() {
            counters.received.inc_by(bytes);
        }
    }

    /// Notes bytes that went.
    pub(crate) fn note_sent(&self, bytes: usize) {
        let bytes = self.note(&self.sent, bytes);
        if let Some(counters) = self.everywhere.get() {
            counters.sent.inc_by(bytes);
        }
    }

    fn note(&self, counter: &AtomicU64, bytes: usize) -> u64 {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes > 0 {
            counter.fetch_add(bytes, Ordering::Relaxed);
            let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.active.store(now, Ordering::Relaxed);
        }
        bytes
    }
}
