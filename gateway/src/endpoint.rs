//! What all clients of one endpoint share.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use gateway_config::{Configuration, Digest, ServedListener};
use zeroize::Zeroizing;

use crate::{
    drain::DrainState,
    ftps::{PassivePorts, ServerTls},
    limits::Limits,
    metrics::Metrics,
    sftp::Ssh,
    storage::Volume,
    users::Users,
};

/// What is served now. Clones are of the same.
#[derive(Clone, Debug)]
pub struct Served(Arc<ArcSwap<Endpoint>>);

impl Served {
    /// This endpoint, until it is replaced.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(endpoint)))
    }

    /// The endpoint of this moment. Whoever comes to a decision keeps it until then, and no longer.
    pub fn now(&self) -> Arc<Endpoint> {
        self.0.load_full()
    }

    /// From now on it is this one.
    pub fn replace(&self, endpoint: Arc<Endpoint>) {
        self.0.store(endpoint);
    }
}

/// What every client's task gets. Immutable: a reload makes a new one for all that begins after it, which on a connection
/// that is older means a login or a TLS handshake of FTPS; what has begun keeps its own. The parts that live on (the
/// counters and bans of the limits, the drain, the metrics) are shared.
#[derive(Debug)]
pub struct Endpoint {
    /// What the files said.
    pub configuration: Configuration,
    /// The digest of `endpoint.json`, and through it of the users files.
    pub digest: Digest,
    /// The SSH host keys, in the order of their file names; none where no listener speaks SFTP.
    pub host_keys: Vec<HostKey>,
    /// How SSH is spoken, made from the host keys and the policy; None where no listener speaks SFTP.
    pub ssh: Option<Ssh>,
    /// How the FTPS listeners speak TLS, by their names.
    pub tls: BTreeMap<String, Arc<ServerTls>>,
    /// The ports of FTPS' data connections; None where no listener speaks FTPS.
    pub passive: Option<PassivePorts>,
    /// Who may log in.
    pub users: Users,
    /// Where the files are.
    pub volume: Volume,
    /// How many clients there may be.
    pub limits: Arc<Limits>,
    /// Whether the gateway is stopping.
    pub drain: DrainState,
    /// What is counted.
    pub metrics: Metrics,
}

impl Endpoint {
    /// `namespace/name`, as logs and metrics call the endpoint.
    pub fn label(&self) -> String {
        label(&self.configuration)
    }

    /// What whoever asks at the admin port is told.
    pub fn served(&self) -> gateway_config::Served {
        let listeners = self.configuration.endpoint.listeners.iter();
        gateway_config::Served {
            configuration: self.digest.clone(),
            listeners: listeners
                .map(|listener| {
                    let tls = self.tls.get(&listener.name);
                    let certificate = tls.and_then(|tls| tls.fingerprint());
                    (listener.name.clone(), ServedListener { certificate })
                })
                .collect(),
        }
    }
}

/// `namespace/name` of the configured endpoint.
pub(crate) fn label(configuration: &Configuration) -> String {
    let endpoint = &configuration.endpoint;
    format!("{}/{}", endpoint.namespace, endpoint.name)
}

/// A private key in OpenSSH format, as in its file; Debug shows the name only.
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey {
    /// The name of the file in `host-keys`.
    pub name: String,
    /// The file's text.
    pub pem: Zeroizing<String>,
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
