//! The series of the passive ports.

use std::sync::{Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, core::Collector};

use super::{DataConnection, gauge};
use crate::ftps::PassiveUse;

#[derive(Debug)]
pub(super) struct PassiveSeries {
    connections: IntCounterVec,
    ports: IntGaugeVec,
    waiting: IntGauge,
    /// What the counters of the ports were when they were last looked at.
    before: Mutex<PassiveUse>,
}

impl PassiveSeries {
    pub(super) fn new(options: impl Fn(&str, &str) -> Opts) -> Result<Self, prometheus::Error> {
        Ok(Self {
            connections: IntCounterVec::new(
                options(
                    "passive_connections_total",
                    "Connections to passive ports that were no session's, or not provably.",
                ),
                &["outcome"],
            )?,
            ports: IntGaugeVec::new(
                options("passive_ports", "Ports for data connections."),
                &["state"],
            )?,
            waiting: IntGauge::with_opts(options(
                "passive_ports_waiting",
                "Sessions that wait for a passive port.",
            ))?,
            before: Mutex::default(),
        })
    }

    pub(super) fn begin(&self) {
        for outcome in DataConnection::ALL {
            self.count(outcome, 0);
        }
    }

    pub(super) fn count(&self, outcome: DataConnection, count: u64) {
        let counter = self.connections.with_label_values(&[outcome.label()]);
        counter.inc_by(count);
    }

    /// Sets the gauges, and adds what was counted since the last time.
    pub(super) fn observe(&self, now: PassiveUse) {
        let PassiveUse {
            free,
            reserved,
            waiting,
            probes,
            refused,
            unbound,
        } = now;
        let ports = |state| self.ports.with_label_values(&[state]);
        ports("free").set(gauge(free));
        ports("reserved").set(gauge(reserved));
        self.waiting.set(gauge(waiting));
        let mut last = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *last, now);
        drop(last);
        for (outcome, now, before) in [
            (DataConnection::Probe, probes, before.probes),
            (DataConnection::Refused, refused, before.refused),
            (DataConnection::Unbound, unbound, before.unbound),
        ] {
            self.count(outcome, now.saturating_sub(before));
        }
    }

    pub(super) fn collectors(&self) -> [Box<dyn Collector>; 3] {
        let Self {
            connections,
            ports,
            waiting,
            before: _,
        } = self;
        [
            Box::new(connections.clone()),
            Box::new(ports.clone()),
            Box::new(waiting.clone()),
        ]
    }
}
