//! What Prometheus reads.
//!
//! Every series carries the label `endpoint="namespace/name"`. Each endpoint registers series of its own, so that
//! several endpoints may share one registry.

mod certificates;
mod outcome;
mod passive;

use std::sync::Arc;

use gateway_config::{AuthenticationMethod, Protocol};
use prometheus::{
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::{AtomicU64, Collector, GenericCounter},
};

pub use self::outcome::{Connection, DataConnection, Direction, Login, Reload, Transfer};
use self::{
    certificates::CertificateSeries,
    outcome::{PROTOCOLS, method_label, protocol_label},
    passive::PassiveSeries,
};
use crate::{
    drain::{Arrivals, Phase},
    ftps::PassiveUse,
    storage::Load,
};

/// The counters and gauges of one endpoint. Cheap to clone. They leave the registry with the last clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    series: Arc<Series>,
}

/// What is looked at now and then instead of counted.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Connections that are not logged in.
    pub half_open: usize,
    /// Sessions that are logged in.
    pub sessions: usize,
    /// Transfers that run.
    pub transfers: usize,
    /// How far the drain is.
    pub phase: Phase,
    /// What the volume has to do.
    pub storage: Load,
    /// How the passive ports are used. Its counters only grow.
    pub passive: PassiveUse,
    /// Whether the folder holds a configuration that cannot be served.
    pub is_refused: bool,
}

#[derive(Debug)]
struct Series {
    registry: Registry,
    /// How many of the collectors the registry has taken: another endpoint's of the same name are not ours to remove.
    registered: usize,
    connections: IntCounterVec,
    logins: IntCounterVec,
    bytes: IntCounterVec,
    transfers: IntCounterVec,
    reloads: IntCounterVec,
    configuration_refused: IntGauge,
    half_open: IntGauge,
    sessions: IntGauge,
    transfers_running: IntGauge,
    drain_phase: IntGauge,
    storage_calls: IntGaugeVec,
    passive: PassiveSeries,
    certificates: CertificateSeries,
    build: IntGaugeVec,
}

impl Metrics {
    /// Registers the series of the endpoint `namespace/name`. Fails when they are registered already.
    pub fn register(registry: &Registry, endpoint: &str) -> Result<Self, prometheus::Error> {
        let mut series = Series::new(registry.clone(), endpoint)?;
        series.begin();
        for collector in series.collectors() {
            registry.register(collector)?;
            series.registered += 1;
        }
        Ok(Self {
            series: Arc::new(series),
        })
    }

    /// A connection has ended, or was turned away.
    pub fn connection(&self, protocol: Protocol, outcome: Connection) {
        self.series
            .connections
            .with_label_values(&[protocol_label(protocol), outcome.label()])
            .inc();
    }

    /// A connection to a passive port was closed before anybody could know whose it is.
    pub fn data_connection(&self, outcome: DataConnection) {
        self.series.passive.count(outcome, 1);
    }

    /// Somebody tried to log in.
    pub fn login(&self, method: AuthenticationMethod, outcome: Login) {
        self.series
            .logins
            .with_label_values(&[method_label(method), outcome.label()])
            .inc();
    }

    /// The counter of bytes that came from clients. To be kept by who counts often: looking it up takes a lock.
    pub fn bytes_received(&self) -> GenericCounter<AtomicU64> {
        self.series.bytes.with_label_values(&["received"])
    }

    /// The counter of bytes that went to clients.
    pub fn bytes_sent(&self) -> GenericCounter<AtomicU64> {
        self.series.bytes.with_label_values(&["sent"])
    }

    /// A transfer has ended.
    pub fn transfer(&self, direction: Direction, outcome: Transfer) {
        self.series
            .transfers
            .with_label_values(&[direction.label(), outcome.label()])
            .inc();
    }

    /// The configuration has changed.
    pub fn reload(&self, outcome: Reload) {
        self.series
            .reloads
            .with_label_values(&[outcome.label()])
            .inc();
    }

    /// Sets when the certificate of each listener ends, in seconds since 1970. These listeners are all that there are.
    pub fn certificate_ends<'a>(&self, ends: impl Iterator<Item = (&'a str, u64)>) {
        self.series.certificates.observe(ends);
    }

    /// Sets the gauges.
    pub fn observe(&self, observation: &Observation) {
        let Observation {
            half_open,
            sessions,
            transfers,
            phase,
            storage,
            passive,
            is_refused,
        } = *observation;
        let series = &self.series;
        series.half_open.set(gauge(half_open));
        series.sessions.set(gauge(sessions));
        series.transfers_running.set(gauge(transfers));
        series.drain_phase.set(match phase {
            Phase::Serving => 0,
            Phase::Draining(Arrivals::Serve) => 1,
            Phase::Draining(Arrivals::Refuse) => 2,
            Phase::Over => 3,
        });
        let calls = |state| series.storage_calls.with_label_values(&[state]);
        calls("running").set(gauge(storage.running));
        calls("waiting").set(gauge(storage.waiting));
        calls("stuck").set(gauge(storage.stuck));
        series.passive.observe(passive);
        series.configuration_refused.set(is_refused.into());
    }
}

impl Series {
    fn new(registry: Registry, endpoint: &str) -> Result<Self, prometheus::Error> {
        let options = |name: &str, help: &str| {
            Opts::new(format!("secureftp_{name}"), help).const_label("endpoint", endpoint)
        };
        Ok(Self {
            registry,
            registered: 0,
            connections: IntCounterVec::new(
                options(
                    "connections_total",
                    "Connections that have ended or were turned away.",
                ),
                &["protocol", "outcome"],
            )?,
            logins: IntCounterVec::new(
                options("logins_total", "Attempts to log in."),
                &["method", "outcome"],
            )?,
            bytes: IntCounterVec::new(
                options(
                    "network_bytes_total",
                    "Bytes exchanged with clients, as on the wire.",
                ),
                &["direction"],
            )?,
            transfers: IntCounterVec::new(
                options("transfers_total", "Transfers of files that have ended."),
                &["direction", "outcome"],
            )?,
            reloads: IntCounterVec::new(
                options("configuration_reloads_total", "Changed configurations."),
                &["outcome"],
            )?,
            configuration_refused: IntGauge::with_opts(options(
                "configuration_refused",
                "1 while the folder holds a configuration that cannot be served and an older one goes on.",
            ))?,
            half_open: IntGauge::with_opts(options(
                "connections_half_open",
                "Connections that are not logged in yet.",
            ))?,
            sessions: IntGauge::with_opts(options("sessions", "Sessions that are logged in."))?,
            transfers_running: IntGauge::with_opts(options(
                "transfers_running",
                "Transfers of files that run now.",
            ))?,
            drain_phase: IntGauge::with_opts(options(
                "drain_phase",
                "0 serving, 1 draining and serving arrivals, 2 draining and refusing them, 3 over.",
            ))?,
            storage_calls: IntGaugeVec::new(
                options("storage_calls", "Calls on the volume that are under way."),
                &["state"],
            )?,
            passive: PassiveSeries::new(options)?,
            certificates: CertificateSeries::new(options)?,
            build: IntGaugeVec::new(
                options("build_info", "The version that serves; always 1."),
                &["version"],
            )?,
        })
    }

    /// Shows every counter at 0: one that appeared with its first event would hide this event from `increase()`.
    fn begin(&self) {
        self.build
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        for protocol in PROTOCOLS {
            for outcome in Connection::ALL {
                let labels = [protocol_label(protocol), outcome.label()];
                self.connections.with_label_values(&labels);
            }
        }
        self.passive.begin();
        for method in [
            AuthenticationMethod::PublicKey,
            AuthenticationMethod::Password,
            AuthenticationMethod::KeyboardInteractive,
        ] {
            for outcome in Login::ALL {
                let labels = [method_label(method), outcome.label()];
                self.logins.with_label_values(&labels);
            }
        }
        for direction in ["received", "sent"] {
            self.bytes.with_label_values(&[direction]);
        }
        for direction in Direction::ALL {
            for outcome in Transfer::ALL {
                let labels = [direction.label(), outcome.label()];
                self.transfers.with_label_values(&labels);
            }
        }
        for outcome in Reload::ALL {
            self.reloads.with_label_values(&[outcome.label()]);
        }
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let Self {
            registry: _,
            registered: _,
            connections,
            logins,
            bytes,
            transfers,
            reloads,
            configuration_refused,
            half_open,
            sessions,
            transfers_running,
            drain_phase,
            storage_calls,
            passive,
            certificates,
            build,
        } = self;
        let mut collectors: Vec<Box<dyn Collector>> = vec![
            Box::new(connections.clone()),
            Box::new(logins.clone()),
            Box::new(bytes.clone()),
            Box::new(transfers.clone()),
            Box::new(reloads.clone()),
            Box::new(configuration_refused.clone()),
            Box::new(half_open.clone()),
            Box::new(sessions.clone()),
            Box::new(transfers_running.clone()),
            Box::new(drain_phase.clone()),
            Box::new(storage_calls.clone()),
            certificates.collector(),
            Box::new(build.clone()),
        ];
        collectors.extend(passive.collectors());
        collectors
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        for collector in self.collectors().into_iter().take(self.registered) {
            // If it is gone already, all the better.
            let _removed = self.registry.unregister(collector);
        }
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(registry: &Registry) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap()
    }

    #[test]
    fn counters_begin_at_zero() {
        let registry = Registry::new();
        let _metrics = Metrics::register(&registry, "b2b/partners").unwrap();

        let text = text(&registry);

        for series in [
            "configuration_reloads_total{endpoint=\"b2b/partners\",outcome=\"refused\"} 0",
            "connections_total{endpoint=\"b2b/partners\",outcome=\"banned\",protocol=\"sftp\"} 0",
            "logins_total{endpoint=\"b2b/partners\",method=\"password\",outcome=\"busy\"} 0",
            "network_bytes_total{direction=\"sent\",endpoint=\"b2b/partners\"} 0",
            "transfers_total{direction=\"upload\",endpoint=\"b2b/partners\",outcome=\"failed\"} 0",
        ] {
            assert!(text.contains(&format!("secureftp_{series}\n")), "{series}");
        }
    }

    #[test]
    fn a_second_endpoint_of_the_same_name_takes_nothing_from_the_first() {
        let registry = Registry::new();
        let _first = Metrics::register(&registry, "b2b/partners").unwrap();
        let before = text(&registry);

        assert!(Metrics::register(&registry, "b2b/partners").is_err());

        assert_eq!(text(&registry), before);
    }
}
