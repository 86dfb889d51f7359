//! What the operator counts.

use prometheus::{
    Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector,
};

/// The operator's metrics. Clones count into the same.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Turns by `result`: `done`, `failed` or `unreadable`.
    pub(crate) turns: IntCounterVec,
    /// How long turns take, in seconds.
    pub(crate) turn_seconds: Histogram,
    /// Turns that are running or wait for a place.
    pub(crate) turns_pending: IntGauge,
    /// Endpoints whose last turn failed.
    pub(crate) endpoints_failing: IntGauge,
    /// Writes by `kind` and `verb`.
    pub(crate) writes: IntCounterVec,
    /// What people have to mend, by `namespace` and `endpoint`.
    pub(crate) problems: IntGaugeVec,
    /// 1 while this operator leads.
    pub(crate) leader: IntGauge,
}

impl Metrics {
    /// Metrics that this registry shows.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let name = |name: &str| format!("secureftp_operator_{name}");
        let opts = |short: &str, help: &str| Opts::new(name(short), help);
        let turn_seconds = HistogramOpts::new(name("turn_seconds"), "How long turns take")
            .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0]);
        let metrics = Self {
            turns: IntCounterVec::new(opts("turns_total", "Turns of endpoints"), &["result"])?,
            turn_seconds: Histogram::with_opts(turn_seconds)?,
            turns_pending: IntGauge::with_opts(opts("turns_pending", "Turns not yet done"))?,
            endpoints_failing: IntGauge::with_opts(opts(
                "endpoints_failing",
                "Endpoints whose last turn failed",
            ))?,
            writes: IntCounterVec::new(
                opts("writes_total", "Writes to the cluster"),
                &["kind", "verb"],
            )?,
            problems: IntGaugeVec::new(
                opts("problems", "What people have to mend"),
                &["namespace", "endpoint"],
            )?,
            leader: IntGauge::with_opts(opts("leader", "1 while this operator leads"))?,
        };
        let collectors: [Box<dyn Collector>; 7] = [
            Box::new(metrics.turns.clone()),
            Box::new(metrics.turn_seconds.clone()),
            Box::new(metrics.turns_pending.clone()),
            Box::new(metrics.endpoints_failing.clone()),
            Box::new(metrics.writes.clone()),
            Box::new(metrics.problems.clone()),
            Box::new(metrics.leader.clone()),
        ];
        for collector in collectors {
            registry.register(collector)?;
        }
        Ok(metrics)
    }

    /// Forgets an endpoint that has gone.
    pub(crate) fn forget(&self, namespace: &str, endpoint: &str) {
        // An endpoint that never had a turn was never counted.
        let _was_there = self
            .problems
            .remove_label_values(&[namespace, endpoint])
            .is_ok();
    }
}
