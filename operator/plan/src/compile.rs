//! One endpoint with its users and Secrets becomes one configuration.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use gateway_config::{
    ClientAddress, Configuration, Endpoint, Listener, Protocol, ProxyProtocol, Storage, User,
    UserName, VERSION,
};

use crate::{
    Certificate, Mistake, PassivePlacement, Problem, SecretKey, Secrets, Share,
    authentication::credentials,
    data_connections::compile_data_connections,
    host_keys::host_keys,
    listeners::compile_listeners,
    offer::Offer,
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

/// The hashes of [`crate::plaintext_passwords`] and those of [`crate::known_hashes`] that are still good, by the entry that
/// holds the password.
pub type PasswordHashes = BTreeMap<SecretKey, String>;

/// Where the gateway will run: what no manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The address that listeners and passive ports are bound to.
    pub address: IpAddr,
    /// The port to bind for a port of the manifest, of a listener or passive; one that is not here is bound as it is.
    pub ports: BTreeMap<u16, u16>,
    /// The port of the gateway's own admin server, where it has this address too.
    pub admin: Option<u16>,
    /// The passive ports of this gateway.
    pub passive: PassivePlacement,
    /// What the issuers answered, by the name of the listener that names one; a listener that is not here has no answer yet.
    pub certificates: BTreeMap<String, Result<Certificate, Mistake>>,
    /// The folder at which the endpoint's claim is found.
    pub volume: PathBuf,
    /// Whether the gateway sees the addresses of its clients.
    pub client_address: ClientAddress,
}

impl Placement {
    pub(crate) fn bound(&self, port: u16) -> u16 {
        self.ports.get(&port).copied().unwrap_or(port)
    }
}

/// What became of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What the gateway is told.
    pub configuration: Configuration,
    /// The host keys of the endpoint's Secret, by file name, in OpenSSH's format. If the endpoint names no Secret,
    /// there are none, and where a listener speaks SFTP, keys are made once and kept. If it names one that is of no
    /// use, there are none and a problem: then none may be made, for clients would meet a stranger's key.
    pub host_keys: BTreeMap<String, Vec<u8>>,
    /// The certificate of every FTPS listener of the configuration, by the listener's name.
    pub certificates: BTreeMap<String, Certificate>,
    /// What people have to mend. Everything else is in the configuration.
    pub problems: Vec<Problem>,
}

/// Compiles one endpoint for its only gateway.
pub fn compile(sources: Sources<'_>, hashes: &PasswordHashes, placement: &Placement) -> Compiled {
    let mut problems = Vec::new();
    let shared = Shared::compile(sources, placement, &mut problems);
    let endpoint = shared.gateway(placement.passive.share, &mut problems);
    let host_keys = host_keys(sources.endpoint, sources.secrets, &mut problems);
    let users = compile_users(sources, hashes, placement, &mut problems);
    Compiled {
        certificates: shared.certificates_of(&endpoint),
        configuration: Configuration { endpoint, users },
        host_keys,
        problems,
    }
}

/// What the gateways of one endpoint have in common.
pub(crate) struct Shared<'a> {
    endpoint: &'a SecureFtpEndpoint,
    placement: &'a Placement,
    /// The listeners that can be served as far as they go by themselves.
    listeners: Vec<Listener>,
    certificates: BTreeMap<String, Certificate>,
    proxy_protocol: ProxyProtocol,
}

impl<'a> Shared<'a> {
    pub(crate) fn compile(
        sources: Sources<'a>,
        placement: &'a Placement,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let endpoint = sources.endpoint;
        let (listeners, certificates) =
            compile_listeners(endpoint, sources.secrets, placement, problems);
        Self {
            endpoint,
            placement,
            listeners,
            certificates,
            proxy_protocol: compile_proxy_protocol(endpoint, problems),
        }
    }

    /// Without the listeners that need host keys.
    pub(crate) fn without_sftp(mut self) -> Self {
        self.listeners
            .retain(|listener| listener.protocol != Protocol::Sftp);
        self
    }

    /// What the gateway is told that has this share of the passive ports.
    pub(crate) fn gateway(&self, share: Share, problems: &mut Vec<Problem>) -> Endpoint {
        let Self {
            endpoint,
            placement,
            proxy_protocol,
            ..
        } = self;
        let data_connections =
            compile_data_connections(endpoint, placement, share, proxy_protocol, problems);
        let storage = &endpoint.spec.storage;
        whole_ftps(Endpoint {
            version: VERSION,
            namespace: namespace_of(&endpoint.metadata).to_owned(),
            name: name_of(&endpoint.metadata).to_owned(),
            generation: endpoint.metadata.generation.unwrap_or_default(),
            listeners: self.listeners.clone(),
            client_address: placement.client_address,
            proxy_protocol: proxy_protocol.clone(),
            data_connections,
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
        })
    }

    /// The certificates of the listeners that this gateway serves.
    pub(crate) fn certificates_of(&self, endpoint: &Endpoint) -> BTreeMap<String, Certificate> {
        endpoint
            .listeners
            .iter()
            .filter_map(|listener| self.certificates.get_key_value(&listener.name))
            .map(|(name, certificate)| (name.clone(), certificate.clone()))
            .collect()
    }
}

/// FTPS and its data connections are served together or not at all.
pub(crate) fn whole_ftps(mut endpoint: Endpoint) -> Endpoint {
    let data_connections = endpoint.data_connections.take();
    endpoint.data_connections = data_connections.filter(|data| !data.passive.ports.is_empty());
    let is_sftp = |listener: &Listener| listener.protocol == Protocol::Sftp;
    if endpoint.data_connections.is_none() {
        endpoint.listeners.retain(is_sftp);
    }
    endpoint
        .data_connections
        .take_if(|_| endpoint.listeners.iter().all(is_sftp));
    endpoint
}

fn compile_proxy_protocol(
    endpoint: &SecureFtpEndpoint,
    problems: &mut Vec<Problem>,
) -> ProxyProtocol {
    let written = &endpoint.spec.exposure.proxy_protocol;
    let mut trusted_cidrs = Vec::new();
    for (index, text) in written.trusted_cidrs.iter().enumerate() {
        match text.parse() {
            Ok(network) => trusted_cidrs.push(network),
            Err(_) => problems.push(Problem::of_endpoint(
                endpoint,
                &format!("spec.exposure.proxyProtocol.trustedCIDRs[{index}]"),
                Mistake::Network(text.clone()),
            )),
        }
    }
    ProxyProtocol {
        mode: translate::proxy_mode(written.mode),
        trusted_cidrs,
    }
}

/// Compiles the users that the endpoint selects. They are the same for all its gateways.
pub(crate) fn compile_users(
    sources: Sources<'_>,
    hashes: &PasswordHashes,
    placement: &Placement,
    problems: &mut Vec<Problem>,
) -> BTreeMap<UserName, User> {
    let offer = Offer::of(sources.endpoint, placement);
    let mut compiled = BTreeMap::new();
    for user in without_duplicates(sources.endpoint, selected(sources), problems) {
        let known = problems.len();
        let credentials = credentials(user, sources.secrets, hashes, problems);
        let said_why = problems.len() > known;
        match compile_user(user, credentials, &offer) {
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
