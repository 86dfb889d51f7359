//! Listeners → limits → one task per client → drain.
//!
//! ```text
//! listener.rs (sockets) → gateway.rs (what is served now, and to whom) → client.rs (one task a client) → sftp, ftps
//!                          ↓ refusal.rs (why somebody is not served)
//!                          ↓ passive.rs (the ports of data connections)
//! ```

mod client;
mod gateway;
mod listener;
mod passive;
mod refusal;

use std::{io, net::SocketAddr, path::Path, path::PathBuf, sync::Arc, time::Duration};

use gateway_config::{Digest, Served};
use prometheus::Registry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{task::JoinHandle, time::timeout};

use self::gateway::Gateway;
pub use self::listener::BindError;
use crate::{
    drain::{Arrivals, Waiting},
    metrics::Reload,
    reload::{FolderWatch, LoadError},
    storage,
};

/// How often gauges are set.
const OBSERVATION_PERIOD: Duration = Duration::from_secs(1);
/// How often it is looked whether accounts have ended: that of a user who was removed, and that whose last day is over.
const DISMISSAL_PERIOD: Duration = Duration::from_secs(1);
/// How often a folder that could not be served is tried again, though its files stay the same: a port may have become
/// free, or a volume may have been mounted.
const RETRY_PERIOD: Duration = Duration::from_secs(1);

/// A running gateway of one endpoint. Needs a tokio runtime. Dropping it ends everything at once.
#[derive(Debug)]
pub struct Server {
    gateway: Arc<Gateway>,
    tasks: Vec<JoinHandle<()>>,
}

/// Why a gateway does not start, or why a changed folder is not served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder is not a valid configuration.
    #[error("the folder {} cannot be served", folder.display())]
    Load {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<LoadError>,
    },
    /// The volume cannot be opened.
    #[error("the volume {} cannot be opened", folder.display())]
    Volume {
        /// The volume's folder.
        folder: PathBuf,
        /// Why.
        source: storage::Error,
    },
    /// A listener cannot listen.
    #[error(transparent)]
    Bind(BindError),
    /// A port for data connections cannot be bound.
    #[error("passive port {port} cannot be bound: {}", passive::mend(source))]
    PassivePort {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The changed configuration is another endpoint's; a gateway serves one.
    #[error("the configuration is that of {found}, this gateway serves {served}")]
    AnotherEndpoint {
        /// What is served.
        served: String,
        /// What was found.
        found: String,
    },
    /// An endpoint of this name counts in this registry already.
    #[error(
        "a gateway of this endpoint still runs in this process, and both would count in the same metrics"
    )]
    Metrics(#[source] prometheus::Error),
    /// The system gives no randomness.
    #[error("the system gives no random bytes")]
    Random,
}

impl StartError {
    /// Whether waiting may help: [`LoadError::may_pass`].
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Load { source, .. } if source.may_pass())
    }
}

impl Server {
    /// Loads the folder, binds every listener, serves, and goes on reloading. The process may from now on have as many
    /// open files as the system admits.
    pub async fn start(folder: &Path, metrics: &Registry) -> Result<Self, StartError> {
        allow_open_files();
        // The watch is older than what is loaded, so no change falls between them.
        let watch = FolderWatch::new(folder).await;
        let gateway = Arc::new(Gateway::load(folder, metrics).await?);
        gateway.listen()?;
        let tasks = vec![
            tokio::spawn(reload(Arc::clone(&gateway), watch)),
            tokio::spawn(observe(Arc::clone(&gateway))),
            tokio::spawn(dismiss(Arc::clone(&gateway))),
            tokio::spawn({
                let drain = gateway.drain.clone();
                async move { drain.keep_deadline().await }
            }),
        ];
        Ok(Self { gateway, tasks })
    }

    /// Address each listener really has, by listener name.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.gateway.addresses()
    }

    /// Digest of the `endpoint.json` that is served now.
    pub fn serves(&self) -> Digest {
        self.gateway.digest()
    }

    /// `namespace/name` of the endpoint.
    pub fn endpoint(&self) -> String {
        self.gateway.label()
    }

    /// How long a drain waits for transfers, as configured.
    pub fn drain_timeout(&self) -> Duration {
        self.gateway.drain_timeout()
    }

    /// Starts the drain, or hastens the one that runs: [`crate::drain::Drain::start`].
    pub fn drain(&self, deadline: Duration, arrivals: Arrivals) {
        self.gateway.drain.start(deadline, arrivals);
    }

    /// Ends every session at once.
    pub fn end(&self) {
        self.gateway.drain.end();
    }

    /// Closes every listener, so that somebody else may listen there; sessions go on.
    pub fn stop_listening(&self) {
        self.gateway.stop_listening();
    }

    /// Whom a drain still waits for.
    pub fn waiting_for(&self) -> Waiting {
        self.gateway.drain.waiting_for()
    }

    /// Resolves when drained (all clients gone).
    pub async fn finished(&self) {
        self.gateway.drain.finished().await;
    }

    /// Whether a balancer may send clients here. A drain that serves arrivals does not change it: the balancer is told
    /// by others, and a client that still comes is served.
    pub fn is_ready(&self) -> bool {
        self.gateway.serves_arrivals()
    }

    /// [`Server::is_ready`], to be asked from another thread while the server lives.
    pub fn readiness(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let gateway = Arc::downgrade(&self.gateway);
        move || {
            gateway
                .upgrade()
                .is_some_and(|gateway| gateway.serves_arrivals())
        }
    }

    /// What is served now, to be asked from another thread; None once the server is gone.
    pub fn serving(&self) -> impl Fn() -> Option<Served> + Send + Sync + 'static {
        let gateway = Arc::downgrade(&self.gateway);
        move || Some(gateway.upgrade()?.endpoint().served())
    }

    /// What starts and follows the drain elsewhere, as the control socket does.
    pub fn drain_handle(&self) -> crate::drain::Drain {
        self.gateway.drain.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.gateway.close();
    }
}

/// Each client is an open file, and so is each file that it transfers; the usual soft limit of 1,024 is soon reached.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn reload(gateway: Arc<Gateway>, mut watch: FolderWatch) {
    loop {
        watch.changed().await;
        while gateway.reload().await == Reload::Refused {
            // Either way it is time to look again.
            let _changed = timeout(RETRY_PERIOD, watch.changed()).await;
        }
    }
}

async fn observe(gateway: Arc<Gateway>) {
    loop {
        gateway.observe();
        tokio::time::sleep(OBSERVATION_PERIOD).await;
    }
}

async fn dismiss(gateway: Arc<Gateway>) {
    loop {
        gateway.dismiss();
        tokio::time::sleep(DISMISSAL_PERIOD).await;
    }
}
