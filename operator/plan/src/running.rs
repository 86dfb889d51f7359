//! What a gateway can serve that waits for its new pod: the pod that it has got other files, and declares other ports.

use std::collections::{BTreeMap, BTreeSet};

use gateway_config::{
    ENDPOINT_FILE, Endpoint, HOST_KEYS_FOLDER, Listener, PassivePort, Protocol, TLS_FOLDER,
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PodSpec};

use crate::{
    Observed, Told,
    compile::whole_ftps,
    desired::{listener_port_name, passive_port_name},
};

/// A gateway that keeps its pod in this turn.
pub(crate) struct Running {
    /// The files that are mounted, as far as their Secrets have them.
    files: BTreeSet<String>,
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
        let told = secrets.find(|secret| secret.metadata.name == set.metadata.name);
        let told = told.and_then(|secret| secret.data.as_ref()?.get(ENDPOINT_FILE));
        Self {
            files: pod.map(files).unwrap_or_default(),
            ports: ports.collect(),
            told: told.and_then(|file| serde_json::from_slice(&file.0).ok()),
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
        let has_files = self.files.iter().any(|file| file.starts_with(&folder));
        let port = listener.address.port();
        let is_reached = self.ports.get(&port) == Some(&listener_port_name(port));
        (has_files && is_reached).then_some(listener)
    }

    fn passive_ports(&self, told: &Told) -> Vec<PassivePort> {
        let ports = self.ports.iter();
        ports
            .filter(|(port, name)| **name == passive_port_name(**port))
            .filter_map(|(port, _)| {
                let advertised = told.port(*port, *port)?;
                Some(PassivePort {
                    bound: *port,
                    advertised,
                })
            })
            .collect()
    }
}

fn is_sftp(listener: &Listener) -> bool {
    listener.protocol == Protocol::Sftp
}

/// The paths of everything in the projected volumes.
fn files(pod: &PodSpec) -> BTreeSet<String> {
    let volumes = pod.volumes.iter().flatten();
    let projected = volumes.filter_map(|volume| volume.projected.as_ref());
    let sources = projected.flat_map(|projected| projected.sources.iter().flatten());
    let secrets = sources.filter_map(|source| source.secret.as_ref());
    let items = secrets.flat_map(|secret| secret.items.iter().flatten());
    items.map(|item| item.path.clone()).collect()
}
