//! What is mounted into a gateway: its configuration, the files that people keep, and the folder of its control socket.

use std::collections::BTreeSet;

use crds::SecureFtpEndpoint;
use gateway_config::{ENDPOINT_FILE, HOST_KEYS_FOLDER, TLS_FOLDER, USERS_FOLDER, users_file};
use k8s_openapi::{
    api::core::v1::{
        EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource, ProjectedVolumeSource,
        SecretProjection, Volume, VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::{host_keys::HOST_KEY_ENTRIES, pod::Gateways};
use crate::{
    certificate::{CHAIN_ENTRY, KEY_ENTRY},
    data_connections::is_ftps,
    names::{self, USER_SHARDS_MAX},
    problem::name_of,
    references::certificate_secret,
};

/// The folder that the gateway reads.
pub(super) const CONFIGURATION_FOLDER: &str = "/etc/secureftp";
/// The folder with the files of the users.
pub(crate) const DATA_FOLDER: &str = "/data";
/// The folder of the control socket.
const RUN_FOLDER: &str = "/run/secureftp";

const CONFIGURATION: &str = "configuration";
const DATA: &str = "data";
const RUN: &str = "run";

/// For the gateway's group to read.
const FILE_MODE: i32 = 0o440;

/// The Secret with the host keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostKeySource {
    pub(crate) secret: String,
    /// The entries that are mounted, besides the usual names.
    pub(crate) entries: BTreeSet<String>,
}

pub(super) fn volumes(gateways: &Gateways<'_>, slot: u16) -> Vec<Volume> {
    let storage = &gateways.endpoint.spec.storage;
    vec![
        Volume {
            name: CONFIGURATION.to_owned(),
            projected: Some(ProjectedVolumeSource {
                default_mode: Some(FILE_MODE),
                sources: Some(sources(gateways, slot)),
                ..ProjectedVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: DATA.to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: storage.persistent_volume_claim.claim_name.clone(),
                read_only: None,
            }),
            ..Volume::default()
        },
        Volume {
            name: RUN.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource {
                medium: Some("Memory".to_owned()),
                size_limit: Some(Quantity("1Mi".to_owned())),
                ..EmptyDirVolumeSource::default()
            }),
            ..Volume::default()
        },
    ]
}

pub(super) fn volume_mounts() -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str, read_only| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..VolumeMount::default()
    };
    vec![
        mount(CONFIGURATION, CONFIGURATION_FOLDER, Some(true)),
        mount(DATA, DATA_FOLDER, None),
        mount(RUN, RUN_FOLDER, None),
    ]
}

/// One volume of many Secrets, so that all of them change at once. The shards that are not used yet are in it, too: a new
/// source would be a new pod.
fn sources(gateways: &Gateways<'_>, slot: u16) -> Vec<VolumeProjection> {
    let endpoint = gateways.endpoint;
    let name = name_of(&endpoint.metadata);
    let configuration = secret(
        names::slot(name, slot),
        [(ENDPOINT_FILE.to_owned(), ENDPOINT_FILE.to_owned())],
    );
    let users = (0..USER_SHARDS_MAX).map(|shard| {
        let file = users_file(shard);
        let path = format!("{USERS_FOLDER}/{file}");
        secret(names::users(name, shard), [(file, path)])
    });
    let host_keys = gateways.host_keys.iter().map(host_keys);
    let certificates = certificates(endpoint).into_iter();
    let certificates = certificates.map(|(listener, from)| {
        let path = |entry: &str| format!("{TLS_FOLDER}/{listener}/{entry}");
        let entries = [CHAIN_ENTRY, KEY_ENTRY];
        secret(from, entries.map(|entry| (entry.to_owned(), path(entry))))
    });
    [configuration]
        .into_iter()
        .chain(users)
        .chain(host_keys)
        .chain(certificates)
        .collect()
}

/// The usual names are mounted even if they are not in the Secret, so that a key that is added under one of them replaces
/// no pod.
fn host_keys(source: &HostKeySource) -> VolumeProjection {
    let usual = HOST_KEY_ENTRIES.map(str::to_owned);
    let others = source.entries.iter().cloned();
    let others = others.filter(|entry| !usual.contains(entry));
    let entries: Vec<_> = usual.iter().cloned().chain(others).collect();
    let entries = entries.into_iter().map(|entry| {
        let path = format!("{HOST_KEYS_FOLDER}/{entry}");
        (entry, path)
    });
    secret(source.secret.clone(), entries)
}

/// The listeners with FTPS, and the Secret with the certificate of each.
fn certificates(endpoint: &SecureFtpEndpoint) -> Vec<(&str, String)> {
    let listeners = endpoint.spec.listeners.iter();
    listeners
        .filter(|listener| is_ftps(listener.protocol))
        .filter_map(|listener| Some((&*listener.name, certificate_secret(endpoint, listener)?)))
        .collect()
}

/// Optional, as every source: what is missing is a condition, and no reason for a pod not to start.
fn secret(name: String, items: impl IntoIterator<Item = (String, String)>) -> VolumeProjection {
    let items = items.into_iter().map(|(key, path)| KeyToPath {
        key,
        path,
        mode: None,
        user: None,
    });
    VolumeProjection {
        secret: Some(SecretProjection {
            name,
            items: Some(items.collect()),
            optional: Some(true),
        }),
        ..VolumeProjection::default()
    }
}
