//! What is served now, and to whom.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use gateway_config::{Digest, Listener, Protocol};
use prometheus::Registry;
use rustls_pki_types::UnixTime;
use tokio::{net::TcpStream, sync::Semaphore};
use tracing::Instrument as _;

use super::{
    StartError,
    client::{Arrival, Identity},
    listener::{Listening, accept_all, bind, claim},
    passive::DataPorts,
    refusal::Refusal,
};
use crate::{
    accept::Acceptor,
    drain::{Drain, DrainState},
    endpoint::{Endpoint, Served, label},
    ftps::{self, PassivePorts},
    limits::Limits,
    metrics::{Metrics, Observation, Reload},
    proxy::{Origins, Sight},
    reload::{Loaded, load},
    sftp,
    storage::Volume,
    users::{Shared, Users, Verifier},
};

/// Clients that are told at the same time why they are turned away; further ones are dropped without a word.
const FAREWELLS_MAX: usize = 64;

/// One endpoint in service.
#[derive(Debug)]
pub(super) struct Gateway {
    folder: PathBuf,
    pub(super) drain: Drain,
    served: Served,
    listeners: Mutex<Listeners>,
    farewells: Arc<Semaphore>,
    origins: Arc<Origins>,
    data_ports: DataPorts,
    users: Shared,
    /// The last reason why a change was refused, so that it is said once.
    complaint: Mutex<String>,
}

/// Where clients arrive.
#[derive(Debug)]
enum Listeners {
    Open(Vec<Listening>),
    /// For good: somebody else may listen there by now.
    Closed,
}

impl Gateway {
    /// Loads the folder and opens the volume; nobody is served yet.
    pub(super) async fn load(folder: &Path, registry: &Registry) -> Result<Self, StartError> {
        let loaded = read(folder).await?;
        let label = label(&loaded.configuration);
        let limits = Arc::new(Limits::new(&loaded.configuration.endpoint.limits));
        let verifier = Verifier::new().map_err(|_unspecified| StartError::Random)?;
        let metrics = Metrics::register(registry, &label).map_err(StartError::Metrics)?;
        let users = Shared::new(limits, Arc::new(verifier), metrics);
        let origins = Arc::new(Origins::new(&loaded.configuration.endpoint));
        let drain = Drain::default();
        let volume = open(&loaded).await?;
        let data_ports = DataPorts::new(Arc::clone(&origins), users.metrics.clone())?;
        let passive = data_ports.of(&loaded.configuration.endpoint);
        let endpoint = assemble(loaded, volume, passive, users.clone(), drain.state());
        Ok(Self {
            folder: folder.to_owned(),
            drain,
            served: Served::new(endpoint),
            listeners: Mutex::new(Listeners::Open(Vec::new())),
            farewells: Arc::new(Semaphore::new(FAREWELLS_MAX)),
            origins,
            data_ports,
            users,
            complaint: Mutex::default(),
        })
    }

    /// Binds every listener and serves.
    pub(super) fn listen(self: &Arc<Self>) -> Result<(), StartError> {
        let endpoint = self.served.now();
        self.listen_as(&endpoint.configuration.endpoint, || {})
    }

    /// Looks at the folder again. What cannot be served changes nothing, and is counted and said once.
    pub(super) async fn reload(self: &Arc<Self>) -> Reload {
        let error = match self.replace().await {
            Ok(replaced) => {
                self.complaint().clear();
                if replaced == Replaced::Everything {
                    self.users.metrics.reload(Reload::Applied);
                    let generation = self.served.now().configuration.endpoint.generation;
                    tracing::info!(generation, digest = %self.digest(), "configuration reloaded");
                }
                return Reload::Applied;
            }
            Err(error) => chain(&error),
        };
        let mut complaint = self.complaint();
        if *complaint != error {
            self.users.metrics.reload(Reload::Refused);
            tracing::error!(error, "changed configuration not served");
            *complaint = error;
        }
        Reload::Refused
    }

    async fn replace(self: &Arc<Self>) -> Result<Replaced, StartError> {
        let loaded = read(&self.folder).await?;
        let current = self.served.now();
        // The digest stands for endpoint.json and, through it, for the users; keys and certificates change on their own.
        if loaded.digest == current.digest
            && loaded.host_keys == current.host_keys
            && loaded.tls == current.tls
        {
            return Ok(Replaced::Nothing);
        }
        let (served, found) = (current.label(), label(&loaded.configuration));
        if served != found {
            return Err(StartError::AnotherEndpoint { served, found });
        }
        let endpoint = &loaded.configuration.endpoint;
        // A volume knows what is being written on it, so it is kept while it stays the same.
        let volume = if endpoint.storage == current.configuration.endpoint.storage {
            current.volume.clone()
        } else {
            open(&loaded).await?
        };
        let passive = self.data_ports.of(endpoint);
        let (users, drain) = (self.users.clone(), self.drain.state());
        // Many users take their time, so they are read before anything changes.
        let next = Arc::new(assemble(loaded, volume, passive, users, drain));
        let configuration = &next.configuration.endpoint;
        self.listen_as(configuration, || {
            self.origins.change(configuration);
            self.users.limits.change(&configuration.limits);
            self.served.replace(Arc::clone(&next));
        })?;
        Ok(Replaced::Everything)
    }

    /// Binds what is new, keeps the sockets of what is not, closes the others. All or nothing: `change` is called when
    /// nothing can fail any more, and before the first client arrives at what is new. Where listening has been stopped it
    /// is not begun again; all else counts for the sessions that go on.
    fn listen_as(
        self: &Arc<Self>,
        endpoint: &gateway_config::Endpoint,
        change: impl FnOnce(),
    ) -> Result<(), StartError> {
        let mut listeners = self.listeners();
        let Listeners::Open(listening) = &mut *listeners else {
            self.data_ports.listen(endpoint)?;
            change();
            return Ok(());
        };
        let mut unclaimed: Vec<Option<&Listening>> = listening.iter().map(Some).collect();
        let mut claims = Vec::new();
        for listener in &endpoint.listeners {
            let kept = claim(&mut unclaimed, listener);
            let acceptor = match kept {
                Some(_) => None,
                None => Some(bind(listener).map_err(StartError::Bind)?),
            };
            claims.push((listener, kept, acceptor));
        }
        // The last that can fail, so the passive ports change with the listeners or not at all.
        self.data_ports.listen(endpoint)?;
        change();
        let mut old: Vec<_> = listening.drain(..).map(Some).collect();
        for (listener, kept, acceptor) in claims {
            let kept = kept.and_then(|index| old.get_mut(index)?.take());
            if let Some(kept) = kept {
                kept.listener.store(Arc::new(listener.clone()));
                listening.push(kept);
            } else if let Some(acceptor) = acceptor {
                listening.push(self.accept_from(acceptor, listener));
            }
        }
        drop(listeners);
        Ok(())
    }

    fn accept_from(self: &Arc<Self>, acceptor: Acceptor, listener: &Listener) -> Listening {
        let address = acceptor.address().unwrap_or(listener.address);
        tracing::info!(listener = listener.name, %address, "listening");
        let listener = Arc::new(ArcSwap::from_pointee(listener.clone()));
        let gateway = Arc::clone(self);
        let current = Arc::clone(&listener);
        let task = tokio::spawn(accept_all(acceptor, move |stream, address| {
            gateway.welcome(stream, address, &current.load());
        }));
        Listening {
            listener,
            address,
            task,
        }
    }

    /// Decides as far as an address is enough, and leaves the rest to a task of its own.
    fn welcome(self: &Arc<Self>, stream: TcpStream, address: SocketAddr, listener: &Listener) {
        match self.admit(address, listener) {
            Ok(arrival) => {
                let span = arrival.span();
                let attending = Arc::clone(self).attend(stream, address, arrival);
                tokio::spawn(attending.instrument(span));
            }
            Err(why) => self.refuse(stream, address, listener.protocol, why),
        }
    }

    fn admit(&self, address: SocketAddr, listener: &Listener) -> Result<Arrival, Refusal> {
        if !self.serves_arrivals() {
            return Err(Refusal::Draining);
        }
        let endpoint = self.served.now();
        let limits = &endpoint.limits;
        let sight = self.origins.at_sight(address).map_err(Refusal::Origin)?;
        let (identity, half_open) = match sight {
            Sight::Known(origin) => {
                let places = limits.arrive(origin.address.ip(), origin.visibility);
                let (half_open, place) = places.map_err(Refusal::Limit)?;
                (Identity::Known(origin, place), half_open)
            }
            Sight::Awaited(awaited) => {
                let half_open = limits.arrive_unidentified().map_err(Refusal::Limit)?;
                (Identity::Awaited(awaited), half_open)
            }
        };
        Ok(Arrival {
            identity,
            half_open,
            listener: listener.clone(),
            guard: self.drain.client(),
            served: self.served.clone(),
        })
    }

    async fn attend(self: Arc<Self>, mut stream: TcpStream, address: SocketAddr, arrival: Arrival) {
        let protocol = arrival.listener.protocol;
        match arrival.identify(&mut stream).await {
            Ok(client) => {
                drop(self);
                client.serve(stream).await;
            }
            Err(why) => self.refuse(stream, address, protocol, why),
        }
    }

    fn refuse(&self, stream: TcpStream, address: SocketAddr, protocol: Protocol, why: Refusal) {
        self.users.metrics.connection(protocol, why.outcome());
        let text = match why {
            // Who is not known to come through the balancer is told nothing.
            Refusal::Origin(why) => return self.origins.complain(address, &why),
            Refusal::Draining | Refusal::Limit(_) => why.to_string(),
        };
        let Ok(permit) = Arc::clone(&self.farewells).try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            match protocol {
                Protocol::Sftp => sftp::refuse(stream, &text).await,
                Protocol::FtpsExplicit | Protocol::FtpsImplicit => {
                    ftps::refuse(stream, &text, protocol).await;
                }
            }
            drop(permit);
        });
    }

    pub(super) fn observe(&self) {
        let endpoint = self.served.now();
        endpoint.metrics.observe(&Observation {
            half_open: endpoint.limits.half_open(),
            sessions: endpoint.limits.sessions(),
            transfers: endpoint.drain.transfers(),
            phase: endpoint.drain.phase(),
            storage: endpoint.volume.load(),
            passive: self.data_ports.ports().observe(),
            is_refused: !self.complaint().is_empty(),
        });
        self.observe_certificates(&endpoint, UnixTime::now());
    }

    /// Shows when certificates end, and says so when one has.
    fn observe_certificates(&self, endpoint: &Endpoint, now: UnixTime) {
        let ends = endpoint.tls.iter().filter_map(|(listener, tls)| {
            let end = tls.certificate_end()?;
            Some((listener.as_str(), end))
        });
        self.users.metrics.certificate_ends(ends);
        for (listener, tls) in &endpoint.tls {
            if tls.ends_unnoticed(now) {
                tracing::warn!(
                    endpoint = endpoint.label(),
                    listener,
                    "the certificate has expired, and clients may refuse it"
                );
            }
        }
    }

    /// Ends the sessions of those whose account has ended.
    pub(super) fn dismiss(&self) {
        self.served.now().users.dismiss_others();
    }

    /// Whether clients that arrive are served.
    pub(super) fn serves_arrivals(&self) -> bool {
        self.drain.state().phase().serves_arrivals()
    }

    /// Ends every session and closes every socket.
    pub(super) fn close(&self) {
        self.drain.end();
        self.stop_listening();
        self.data_ports.close();
    }

    /// Closes the sockets where clients arrive. Sessions go on, and so do the ports of their data connections.
    pub(super) fn stop_listening(&self) {
        *self.listeners() = Listeners::Closed;
    }

    pub(super) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        match &*self.listeners() {
            Listeners::Open(listening) => {
                listening.iter().map(Listening::name_and_address).collect()
            }
            Listeners::Closed => Vec::new(),
        }
    }

    /// What is served at this moment.
    pub(super) fn endpoint(&self) -> Arc<Endpoint> {
        self.served.now()
    }

    pub(super) fn digest(&self) -> Digest {
        self.served.now().digest.clone()
    }

    pub(super) fn label(&self) -> String {
        self.served.now().label()
    }

    pub(super) fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.served.now().configuration.endpoint.drain_seconds)
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn complaint(&self) -> MutexGuard<'_, String> {
        self.complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replaced {
    Nothing,
    Everything,
}

fn assemble(
    loaded: Loaded,
    volume: Volume,
    passive: Option<PassivePorts>,
    users: Shared,
    drain: DrainState,
) -> Endpoint {
    let Loaded {
        configuration,
        host_keys,
        ssh,
        tls,
        digest,
    } = loaded;
    Endpoint {
        digest,
        host_keys,
        tls,
        passive,
        ssh,
        volume,
        limits: Arc::clone(&users.limits),
        drain,
        metrics: users.metrics.clone(),
        users: Users::new(&configuration.users, users),
        configuration,
    }
}

/// [`load`], beside the async threads.
async fn read(folder: &Path) -> Result<Loaded, StartError> {
    let path = folder.to_owned();
    let failed = |source| StartError::Load {
        folder: folder.to_owned(),
        source: Box::new(source),
    };
    match tokio::task::spawn_blocking(move || load(&path)).await {
        Ok(loaded) => loaded.map_err(failed),
        Err(error) => Err(failed(crate::reload::LoadError::Read {
            path: folder.to_owned(),
            source: std::io::Error::other(error),
        })),
    }
}

/// Opens the volume beside the async threads: a network volume may let one wait.
async fn open(loaded: &Loaded) -> Result<Volume, StartError> {
    let storage = loaded.configuration.endpoint.storage.clone();
    let folder = storage.volume.clone();
    let failed = |source| StartError::Volume { folder, source };
    match tokio::task::spawn_blocking(move || Volume::open(&storage)).await {
        Ok(volume) => volume.map_err(failed),
        Err(error) => Err(failed(crate::storage::Error::Io(Arc::new(
            std::io::Error::other(error),
        )))),
    }
}

/// An error and everything below it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
