//! What all clients of one endpoint share.

use std::{collections::BTreeMap, fmt, sync::Arc};

use gateway_config::Configuration;
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

/// What every client's task gets. Immutable: a reload makes a new one for new clients, and running sessions keep
/// theirs. The parts that live on (the counters and bans of the limits, the drain, the metrics) are shared.
#[derive(Debug)]
pub struct Endpoint {
    /// What the files said.
    pub configuration: Configuration,
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
