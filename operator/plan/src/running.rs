//! What a gateway can serve that waits for its new pod: the pod that it has got other files, and declares other ports.

use std::collections::{BTreeMap, BTreeSet};

use crds::SecureFtpEndpoint;
use gateway_config::{
    ENDPOINT_FILE, Endpoint, HOST_KEYS_FOLDER, Listener, PassivePort, Protocol, TLS_FOLDER,
};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PodSpec, Secret, SecretProjection},
};

use crate::{
    Observed, Told,
    certificate::CHAIN_ENTRY,
    compile::whole_ftps,
    desired::{listener_port_name, passive_port_name},
    references::certificate_secret,
};

/// A gateway that keeps its pod in this turn.
pub(crate) struct Running {
    /// The files that are mounted, as far as their Secrets have them, and the Secret of each.
    files: BTreeMap<String, String>,
    /// The names of its ports.
    ports: BTreeMap<u16, String>,
    /// What it was told until now, if it was told anything.
    told: Option<Endpoint>,
}

impl Running {
    /// The gateway of an observed `StatefulSet`.
    pub(crate) fn of(set: &StatefulSet, observed: &Observed) -> Self {
        let pod = set.spec.template.spec.as_ref();
        let ports = pod.iter().flat_map(|pod| &pod.containers);
        let ports = ports.flat_map(|container| container.ports.iter().flatten());
        let ports = ports
            .filter_map(|port| Some((port.container_port.try_into().ok()?, port.name.clone()?)));
        let mut secrets = observed.secrets.iter();
        let secret = secrets.find(|secret| secret.metadata.name == set.metadata.name);
        Self {
            files: pod.map(files).unwrap_or_default(),
            ports: ports.collect(),
            told: secret.and_then(told),
        }
    }

    /// What of the wanted configuration it can serve: every other part of a configuration needs no new pod.
    pub(crate) fn fit(&self, mut wanted: Endpoint, told: &Told) -> Endpoint {
        let mut taken = BTreeSet::new();
        let listeners = wanted.listeners.into_iter();
        wanted.listeners = listeners
            .filter_map(|listener| self.listener(listener))
            .filter(|listener| taken.insert(listener.address))
            .collect();
        if let Some(data_connections) = &mut wanted.data_connections {
            data_connections.passive.ports = self.passive_ports(told);
        }
        whole_ftps(wanted)
    }

    /// The listener as this gateway knows it: under its old name or at its old port, if one of the two is new.
    fn listener(&self, wanted: Listener) -> Option<Listener> {
        let told = self.told.iter().flat_map(|told| &told.listeners);
        let told = told.filter(|told| is_sftp(told) == is_sftp(&wanted));
        let known = told
            .clone()
            .find(|told| told.name == wanted.name)
            .or_else(|| told.clone().find(|told| told.address == wanted.address));
        let listener = match known {
            Some(known) => Listener {
                name: known.name.clone(),
                address: known.address,
                ..wanted
            },
            None => wanted,
        };
        let folder = match listener.protocol {
            Protocol::Sftp => format!("{HOST_KEYS_FOLDER}/"),
            Protocol::FtpsExplicit | Protocol::FtpsImplicit => {
                format!("{TLS_FOLDER}/{}/", listener.name)
            }
        };
        let has_files = self.files.keys().any(|file| file.starts_with(&folder));
        let port = listener.address.port();
        let is_reached = self.ports.get(&port) == Some(&listener_port_name(port));
        (has_files && is_reached).then_some(listener)
    }

    /// Whether its pod has the Secret with the certificate of this listener.
    pub(crate) fn has_certificate(&self, endpoint: &SecureFtpEndpoint, listener: &str) -> bool {
        let mut listeners = endpoint.spec.listeners.iter();
        let written = listeners.find(|written| written.name == listener);
        let secret = written.and_then(|written| certificate_secret(endpoint, written));
        let mounted = self
            .files
            .get(&format!("{TLS_FOLDER}/{listener}/{CHAIN_ENTRY}"));
        secret.is_some() && secret.as_ref() == mounted
    }

    fn passive_ports(&self, told: &Told) -> Vec<PassivePort> {
        let before: BTreeMap<_, _> = self.told.iter().flat_map(told_ports).collect();
        let ports = self.ports.iter();
        ports
            .filter(|(port, name)| **name == passive_port_name(**port))
            .filter_map(|(port, _)| {
                let known = told.port(*port, *port);
                let advertised = known.or_else(|| before.get(port).copied())?;
                Some(PassivePort {
                    bound: *port,
                    advertised,
                })
            })
            .collect()
    }
}

/// The configuration in the Secret of a gateway.
pub(crate) fn told(secret: &Secret) -> Option<Endpoint> {
    let file = secret.data.as_ref()?.get(ENDPOINT_FILE)?;
    serde_json::from_slice(&file.0).ok()
}

/// The passive ports of a configuration: those that clients are told, by the bound ones.
pub(crate) fn told_ports(configuration: &Endpoint) -> Vec<(u16, u16)> {
    let data_connections = configuration.data_connections.iter();
    let ports = data_connections.flat_map(|data| &data.passive.ports);
    ports.map(|port| (port.bound, port.advertised)).collect()
}

fn is_sftp(listener: &Listener) -> bool {
    listener.protocol == Protocol::Sftp
}

/// The paths of everything in the projected volumes, and the Secret that each comes from.
fn files(pod: &PodSpec) -> BTreeMap<String, String> {
    let files = mounted(pod).flat_map(|secret| {
        let items = secret.items.iter().flatten();
        items.map(|item| (item.path.clone(), secret.name.clone()))
    });
    files.collect()
}

/// The Secrets in the projected volumes of a pod.
pub(crate) fn mounted(pod: &PodSpec) -> impl Iterator<Item = &SecretProjection> {
    let volumes = pod.volumes.iter().flatten();
    let projected = volumes.filter_map(|volume| volume.projected.as_ref());
    let sources = projected.flat_map(|projected| projected.sources.iter().flatten());
    sources.filter_map(|source| source.secret.as_ref())
}
