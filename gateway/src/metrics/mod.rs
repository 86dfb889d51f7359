//! What Prometheus reads.
//!
//! Every series carries the label `endpoint="namespace/name"`. Each endpoint registers series of its own, so that
//! several endpoints may share one registry.

use std::sync::Arc;

use gateway_config::{AuthenticationMethod, Protocol};
use prometheus::{
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::{AtomicU64, Collector, GenericCounter},
};

use crate::{
    drain::{Arrivals, Phase},
    storage::Load,
};

/// The counters and gauges of one endpoint. Cheap to clone. They leave the registry with the last clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    series: Arc<Series>,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The client was served until it or the gateway left.
    Served,
    /// It closed without having sent a byte, as balancers do to see who listens.
    Probe,
    /// Dropped at random, or because the half-open connections were at their limit.
    TooManyHalfOpen,
    /// Its address had too many connections.
    TooManyFromAddress,
    /// Its address was banned.
    Banned,
    /// The gateway was stopping.
    Draining,
}

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Somebody is logged in.
    Accepted,
    /// Wrong user or credential, or not now, or not from there.
    Refused,
    /// Right, but there were too many sessions.
    TooManySessions,
    /// The address was banned in the meantime.
    Banned,
    /// Too many passwords were waiting to be checked.
    Busy,
}

/// Which way a file goes, seen by the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the client.
    Download,
    /// To the gateway.
    Upload,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// The file was closed, and that succeeded.
    Completed,
    /// The session ended before.
    Broken,
    /// Storage refused or failed.
    Failed,
}

/// What became of a changed configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It is served now.
    Applied,
    /// It could not be served; the one before it goes on.
    Refused,
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
}

#[derive(Debug)]
struct Series {
    registry: Registry,
    connections: IntCounterVec,
    logins: IntCounterVec,
    bytes: IntCounterVec,
    transfers: IntCounterVec,
    reloads: IntCounterVec,
    half_open: IntGauge,
    sessions: IntGauge,
    transfers_running: IntGauge,
    drain_phase: IntGauge,
    storage_calls: IntGaugeVec,
    build: IntGaugeVec,
}

impl Metrics {
    /// Registers the series of the endpoint `namespace/name`. Fails when they are registered already.
    pub fn register(registry: &Registry, endpoint: &str) -> Result<Self, prometheus::Error> {
        let series = Series::new(registry.clone(), endpoint)?;
        series
            .build
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        for collector in series.collectors() {
            registry.register(collector)?;
        }
        Ok(Self {
            series: Arc::new(series),
        })
    }

    /// A connection has ended, or was turned away.
    pub fn connection(&self, protocol: Protocol, outcome: Connection) {
        let outcome = match outcome {
            Connection::Served => "served",
            Connection::Probe => "probe",
            Connection::TooManyHalfOpen => "too_many_half_open",
            Connection::TooManyFromAddress => "too_many_from_address",
            Connection::Banned => "banned",
            Connection::Draining => "draining",
        };
        self.series
            .connections
            .with_label_values(&[protocol_label(protocol), outcome])
            .inc();
    }

    /// Somebody tried to log in.
    pub fn login(&self, method: AuthenticationMethod, outcome: Login) {
        let method = match method {
            AuthenticationMethod::PublicKey => "publickey",
            AuthenticationMethod::Password => "password",
            AuthenticationMethod::KeyboardInteractive => "keyboard-interactive",
        };
        let outcome = match outcome {
            Login::Accepted => "accepted",
            Login::Refused => "refused",
            Login::TooManySessions => "too_many_sessions",
            Login::Banned => "banned",
            Login::Busy => "busy",
        };
        self.series
            .logins
            .with_label_values(&[method, outcome])
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
        let direction = match direction {
            Direction::Download => "download",
            Direction::Upload => "upload",
        };
        let outcome = match outcome {
            Transfer::Completed => "completed",
            Transfer::Broken => "broken",
            Transfer::Failed => "failed",
        };
        self.series
            .transfers
            .with_label_values(&[direction, outcome])
            .inc();
    }

    /// The configuration has changed.
    pub fn reload(&self, outcome: Reload) {
        let outcome = match outcome {
            Reload::Applied => "applied",
            Reload::Refused => "refused",
        };
        self.series.reloads.with_label_values(&[outcome]).inc();
    }

    /// Sets the gauges.
    pub fn observe(&self, observation: &Observation) {
        let Observation {
            half_open,
            sessions,
            transfers,
            phase,
            storage,
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
    }
}

impl Series {
    fn new(registry: Registry, endpoint: &str) -> Result<Self, prometheus::Error> {
        let options = |name: &str, help: &str| {
            Opts::new(format!("secureftp_{name}"), help).const_label("endpoint", endpoint)
        };
        Ok(Self {
            registry,
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
                options(
                    "configuration_reloads_total",
                    "Changes of the configuration.",
                ),
                &["outcome"],
            )?,
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
            build: IntGaugeVec::new(
                options("build_info", "The version that serves; always 1."),
                &["version"],
            )?,
        })
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        let Self {
            registry: _,
            connections,
            logins,
            bytes,
            transfers,
            reloads,
            half_open,
            sessions,
            transfers_running,
            drain_phase,
            storage_calls,
            build,
        } = self;
        vec![
            Box::new(connections.clone()),
            Box::new(logins.clone()),
            Box::new(bytes.clone()),
            Box::new(transfers.clone()),
            Box::new(reloads.clone()),
            Box::new(half_open.clone()),
            Box::new(sessions.clone()),
            Box::new(transfers_running.clone()),
            Box::new(drain_phase.clone()),
            Box::new(storage_calls.clone()),
            Box::new(build.clone()),
        ]
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        for collector in self.collectors() {
            // What was never registered, because an earlier one failed, cannot be removed either.
            let _removed = self.registry.unregister(collector);
        }
    }
}

fn protocol_label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Sftp => "sftp",
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
