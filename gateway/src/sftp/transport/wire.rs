//! What everybody may know about a connection: what it has moved, what waits, and its kill switch.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Context,
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;

use crate::{metrics::Metrics, traffic::Traffic};

/// How long a client is silent before its buffers are given back, and before a drain that serves arrivals ends it.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// Bytes that the kernel did not take, from which on channels produce nothing more.
const CONGESTED: usize = 128 * 1024;

/// What everybody may know about a connection, and its kill switch.
#[derive(Debug)]
pub(super) struct Wire {
    traffic: Traffic,
    /// Bytes that wait for the kernel to take them.
    kept: AtomicUsize,
    cut: AtomicBool,
    quiet: AtomicBool,
    /// Why the client must leave.
    dismissal: OnceLock<&'static str>,
    task: AtomicWaker,
}

impl Wire {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let traffic = Traffic::default();
        traffic.count_for(metrics);
        Self {
            traffic,
            kept: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            dismissal: OnceLock::new(),
            task: AtomicWaker::new(),
        }
    }

    /// What has moved.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The client takes less than it is sent: nothing should be added, until [`super::channels::Channels::wake`] tells of the end.
    pub(super) fn is_congested(&self) -> bool {
        self.kept.load(Ordering::Acquire) >= CONGESTED
    }

    /// No byte has moved for a while, in either direction.
    pub(super) fn is_quiet(&self) -> bool {
        self.traffic.last_active() + QUIET <= Instant::now()
    }

    /// Ends the connection at its next read or write, even one that waits for a client that has stalled.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Tells a client to leave that is still in its first key exchange, and hears nothing of it any more. Does nothing
    /// once something may be encrypted: then russh alone can tell it.
    pub(super) fn dismiss(&self, reason: &'static str) {
        // The first reason stands.
        let _first = self.dismissal.set(reason).is_ok();
        self.task.wake();
    }

    /// Why the client must leave, if it must.
    pub(super) fn dismissal(&self) -> Option<&'static str> {
        self.dismissal.get().copied()
    }

    /// The client has been silent for a while: the buffer is given back, because there may be thousands like it.
    pub(super) fn settle(&self) {
        self.quiet.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Whether the client has been silent since this was last asked.
    pub(super) fn take_quiet(&self) -> bool {
        self.quiet.swap(false, Ordering::AcqRel)
    }

    /// So many bytes wait for the kernel to take them; whether that ends a congestion.
    pub(super) fn note_kept(&self, bytes: usize) -> bool {
        let before = self.kept.swap(bytes, Ordering::AcqRel);
        before >= CONGESTED && bytes < CONGESTED
    }

    /// `Err` once the connection has been cut; otherwise `cx` will hear of it.
    pub(super) fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        // Registered first: a cut between the two lines would otherwise wake nobody.
        self.task.register(cx.waker());
        if self.cut.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}
