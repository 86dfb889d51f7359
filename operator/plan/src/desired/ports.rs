//! The ports of an endpoint as it is written, whether each of them can be served yet or not: what is mended later must
//! not replace pods.

use std::collections::{BTreeMap, BTreeSet};

use crds::{Passive, SecureFtpEndpoint};
use k8s_openapi::api::apps::v1::StatefulSet;

use crate::{Observed, Share, data_connections::is_ftps};

/// The port of the gateways' admin server, and its name.
pub const ADMIN_PORT: u16 = 9090;
pub(super) const ADMIN_PORT_NAME: &str = "metrics";

pub(super) const TCP: &str = "TCP";

/// The ports of an endpoint.
pub(super) struct Ports<'a> {
    /// Where clients connect.
    pub(super) listeners: BTreeSet<u16>,
    /// Through which files go; none without FTPS.
    passive: Option<&'a Passive>,
}

impl<'a> Ports<'a> {
    pub(super) fn of(endpoint: &'a SecureFtpEndpoint) -> Self {
        let spec = &endpoint.spec;
        let listeners = spec.listeners.iter();
        let speaks_ftps = listeners.clone().any(|listener| is_ftps(listener.protocol));
        let data_connections = spec.data_connections.as_ref().filter(|_| speaks_ftps);
        Self {
            listeners: listeners
                .map(|listener| listener.port)
                .filter(|port| *port != ADMIN_PORT)
                .collect(),
            passive: data_connections.map(|data| &data.passive),
        }
    }

    /// The passive ports of one gateway or of all; a port that something else has is none.
    pub(super) fn passive(&self, share: Share) -> Vec<u16> {
        let mut ports = self
            .passive
            .map(|passive| share.of(passive))
            .unwrap_or_default();
        ports.retain(|port| *port != ADMIN_PORT && !self.listeners.contains(port));
        ports
    }
}

/// The ports at which the gateways of an endpoint are reached, and their names.
pub(super) fn reached(endpoint: &SecureFtpEndpoint, observed: &Observed) -> BTreeMap<u16, String> {
    let ports = Ports::of(endpoint);
    let listeners = ports.listeners.iter();
    let listeners = listeners.map(|port| (*port, listener_port_name(*port)));
    let passive = ports.passive(Share::Whole).into_iter();
    let passive = passive.map(|port| (port, passive_port_name(port)));
    // Until the last gateway has its new pod, those that wait for theirs are reached at the old ports.
    let mut reached = declared(&observed.stateful_sets);
    reached.extend(listeners.chain(passive));
    reached
}

/// The ports of the pods without those of their admin servers.
fn declared(sets: &[StatefulSet]) -> BTreeMap<u16, String> {
    let pods = sets
        .iter()
        .filter_map(|set| set.spec.template.spec.as_ref());
    let containers = pods.flat_map(|pod| &pod.containers);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports
        .filter_map(|port| Some((port.container_port.try_into().ok()?, port.name.clone()?)))
        .filter(|(port, name)| [listener_port_name(*port), passive_port_name(*port)].contains(name))
        .collect()
}

/// The name of a listener's port.
pub(crate) fn listener_port_name(port: u16) -> String {
    format!("c{port}")
}

/// The name of a passive port. A pod has this name only if it serves this port, so the Service sends each passive port to
/// the one gateway that has it.
pub(crate) fn passive_port_name(port: u16) -> String {
    format!("p{port}")
}
