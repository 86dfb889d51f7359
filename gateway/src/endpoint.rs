//! What all clients of one endpoint share.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
};

use gateway_config::{ClientAddress, Configuration};
use zeroize::Zeroizing;

use crate::{
    drain::DrainState,
    limits::{HalfOpen, Limits},
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
    /// The SSH host keys, in the order of their file names.
    pub host_keys: Vec<HostKey>,
    /// How SSH is spoken, made from the host keys and the policy.
    pub ssh: Ssh,
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

/// One connection: where it comes from, and its place among those that are not logged in. Clones are of the same
/// connection. A successful login by [`Users`] gives the place up; so does the end of the connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The other end of the connection.
    pub address: SocketAddr,
    /// Whether that is the client.
    pub visibility: ClientAddress,
    connection: Arc<Connection>,
}

#[derive(Debug)]
struct Connection {
    half_open: std::sync::Mutex<Option<HalfOpen>>,
    heard: AtomicBool,
}

impl Peer {
    /// A connection without a place among the half-open ones.
    pub fn new(address: SocketAddr, visibility: ClientAddress) -> Self {
        Self::with_place(address, visibility, None)
    }

    pub(crate) fn with_place(
        address: SocketAddr,
        visibility: ClientAddress,
        half_open: Option<HalfOpen>,
    ) -> Self {
        Self {
            address,
            visibility,
            connection: Arc::new(Connection {
                half_open: std::sync::Mutex::new(half_open),
                heard: AtomicBool::new(false),
            }),
        }
    }

    /// To be called when the first byte of the client arrives. A connection that ends without it was a probe of a
    /// balancer, and no failure.
    pub fn mark_heard(&self) {
        self.connection.heard.store(true, Ordering::Relaxed);
    }

    /// Whether the client has sent anything.
    pub fn was_heard(&self) -> bool {
        self.connection.heard.load(Ordering::Relaxed)
    }

    /// Gives up the place among the half-open connections.
    pub(crate) fn leave_half_open(&self) {
        let place = self
            .connection
            .half_open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        drop(place);
    }
}
