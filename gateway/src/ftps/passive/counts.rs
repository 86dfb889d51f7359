//! What is counted of the passive ports.

use std::sync::atomic::{AtomicU64, Ordering};

/// How the passive ports are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassiveUse {
    /// Ports that are not reserved now.
    pub free: usize,
    /// Ports that are reserved now.
    pub reserved: usize,
    /// Sessions that wait for a port now.
    pub waiting: usize,
    /// Connections so far to ports that were not reserved.
    pub probes: u64,
    /// Connections so far to reserved ports that were closed because they did not belong there, or for want of a place.
    pub refused: u64,
    /// Data connections so far that were bound without proof: the binding is `TLSPreferred`, addresses were hidden, the
    /// TLS session was not resumed, and nobody else was there.
    pub unbound: u64,
}

/// What has been counted so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    probes: AtomicU64,
    refused: AtomicU64,
    unbound: AtomicU64,
}

impl Counts {
    pub(super) fn add_probes(&self, probes: u64) {
        self.probes.fetch_add(probes, Ordering::Relaxed);
    }

    pub(super) fn add_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_unbound(&self) {
        self.unbound.fetch_add(1, Ordering::Relaxed);
    }

    /// With the gauges still to be filled in.
    pub(super) fn so_far(&self) -> PassiveUse {
        PassiveUse {
            probes: self.probes.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            unbound: self.unbound.load(Ordering::Relaxed),
            ..PassiveUse::default()
        }
    }
}
