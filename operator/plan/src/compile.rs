//! One endpoint with its users and Secrets becomes one configuration.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use gateway_config::{
    ClientAddress, Configuration, Endpoint, Listener, ProxyProtocol, Storage, User, UserName,
    VERSION,
};

use crate::{
    Mistake, Problem, SecretKey, Secrets,
    authentication::credentials,
    host_keys::host_keys,
    problem::{name_of, namespace_of},
    selection::{selected, username, without_duplicates},
    translate,
    user::compile_user,
};

/// What people wrote.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The endpoint to compile.
    pub endpoint: &'a SecureFtpEndpoint,
    /// All users; those that the endpoint does not select are ignored.
    pub users: &'a [SecureFtpUser],
    /// The data of all Secrets that the endpoint and its users may name.
    pub secrets: &'a Secrets,
}

/// The hashes of [`crate::plaintext_passwords`], by the entry that holds the password.
pub type PasswordHashes = BTreeMap<SecretKey, String>;

/// Where the gateway will run: what no manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The address that listeners are bound to.
    pub address: IpAddr,
    /// The port to bind for a port of the manifest; one that is not here is bound as it is.
    pub ports: BTreeMap<u16, u16>,
    /// The folder at which the endpoint's claim is found.
    pub volume: PathBuf,
    /// Whether the gateway sees the addresses of its clients.
    pub client_address: ClientAddress,
}

/// What became of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What the gateway is told.
    pub configuration: Configuration,
    /// The host keys of the endpoint's Secret, by file name, in OpenSSH's format. If the endpoint names no Secret,
    /// there are none, and keys are made once and kept. If it names one that is of no use, there are none and a
    /// problem: then none may be made, for clients would meet a stranger's key.
    pub host_keys: BTreeMap<String, Vec<u8>>,
    /// What people have to mend. Everything else is in the configuration.
    pub problems: Vec<Problem>,
}

/// Compiles one endpoint.
pub fn compile(sources: Sources<'_>, hashes: &PasswordHashes, placement: &Placement) -> Compiled {
    let mut problems = Vec::new();
    let endpoint = compile_endpoint(sources.endpoint, placement, &mut problems);
    let host_keys = host_keys(sources.endpoint, sources.secrets, &mut problems);
    let users = compile_users(sources, hashes, &endpoint, &mut problems);
    Compiled {
        configuration: Configuration { endpoint, users },
        host_keys,
        problems,
    }
}

fn compile_endpoint(
    endpoint: &SecureFtpEndpoint,
    placement: &Placement,
    problems: &mut Vec<Problem>,
) -> Endpoint {
    let storage = &endpoint.spec.storage;
    Endpoint {
        version: VERSION,
        namespace: namespace_of(&endpoint.metadata).to_owned(),
        name: name_of(&endpoint.metadata).to_owned(),
        generation: endpoint.metadata.generation.unwrap_or_default(),
        listeners: compile_listeners(endpoint, placement, problems),
        client_address: placement.client_address,
        proxy_protocol: ProxyProtocol::default(),
        data_connections: None,
        ssh: translate::ssh(&endpoint.spec.ssh),
        limits: translate::limits(&endpoint.spec.limits),
        storage: Storage {
            volume: placement.volume.clone(),
            uploads: translate::uploads(storage.uploads),
            durability: translate::durability(storage.durability),
            stuck_seconds: storage.stuck_seconds.into(),
            stuck_threads_max: storage.stuck_threads_max,
        },
        drain_seconds: Duration::from(endpoint.spec.drain_timeout).as_secs(),
        users: BTreeMap::new(),
    }
}

fn compile_listeners(
    endpoint: &SecureFtpEndpoint,
    placement: &Placement,
    problems: &mut Vec<Problem>,
) -> Vec<Listener> {
    let mut taken = BTreeMap::new();
    let mut listeners = Vec::new();
    for (index, listener) in endpoint.spec.listeners.iter().enumerate() {
        let port = listener.port;
        let bound = placement.ports.get(&port).copied().unwrap_or(port);
        match taken.entry(bound) {
            Entry::Occupied(other) => problems.push(Problem::of_endpoint(
                endpoint,
                &format!("spec.listeners[{index}].port"),
                Mistake::PortTaken {
                    port,
                    bound,
                    other: String::clone(other.get()),
                },
            )),
            Entry::Vacant(free) => {
                free.insert(listener.name.clone());
                listeners.push(Listener {
                    name: listener.name.clone(),
                    protocol: translate::protocol(listener.protocol),
                    address: SocketAddr::new(placement.address, bound),
                    tls: None,
                });
            }
        }
    }
    listeners
}

fn compile_users(
    sources: Sources<'_>,
    hashes: &PasswordHashes,
    endpoint: &Endpoint,
    problems: &mut Vec<Problem>,
) -> BTreeMap<UserName, User> {
    let mut compiled = BTreeMap::new();
    for user in without_duplicates(sources.endpoint, selected(sources), problems) {
        let known = problems.len();
        let credentials = credentials(user, sources.secrets, hashes, problems);
        let said_why = problems.len() > known;
        match compile_user(user, credentials, endpoint) {
            Ok(user_configuration) => {
                compiled.insert(UserName::new(username(user)), user_configuration);
            }
            // That nothing is left needs no saying when it was said what is broken.
            Err(found) => problems.extend(
                found
                    .into_iter()
                    .filter(|problem| !(said_why && problem.mistake == Mistake::NoWayIn)),
            ),
        }
    }
    compiled
}
