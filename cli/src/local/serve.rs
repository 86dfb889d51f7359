//! Serves what was compiled: one gateway an endpoint, until a signal comes; edits are picked up meanwhile.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use gateway::{
    admin::{Admin, Heartbeat, Subject},
    drain::{Arrivals, Waiting},
    server::{Server, StartError},
};
use gateway_config::Digest;
use prometheus::Registry;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    Ending, Error,
    changes::changes,
    compile, counted,
    materials::Materials,
    renewal::{Calendar, renewed},
    service::Service,
    sheet::{self, Sheet, Span},
    signals::Signals,
    state::State,
    told,
    voice::Voice,
    watch::{self, Fingerprint, Watch},
    write::{public_host_keys, write, write_known_hosts},
};
use crate::{arguments::Local, manifest};

/// How often a drain is looked at.
const DRAIN_INTERVAL: Duration = Duration::from_millis(200);

/// How long a gateway may take until it serves what was written.
const RELOAD_MAX: Duration = Duration::from_secs(10);

/// Serves until a signal comes, then drains.
pub(super) async fn serve(
    arguments: &Local,
    state: &State,
    services: Vec<Service>,
    voice: &mut Voice<'_>,
) -> Result<Ending, Error> {
    let mut signals = Signals::take().map_err(Error::Runtime)?;
    // Taken before the start, so that an edit during it is seen after it.
    let mut watch = Watch::new(Fingerprint::of(&arguments.path));
    let mut serving = Serving {
        arguments,
        state,
        registry: Registry::new(),
        running: BTreeMap::new(),
        edit: Edit::Good,
        wanted: BTreeMap::new(),
        leaving: Vec::new(),
    };
    for service in services {
        serving.start(service).await?;
    }
    serving.announce()?;
    let ready = Arc::new(AtomicBool::new(true));
    let admin = admin(arguments.metrics_port, &serving.registry, &ready)?;
    voice.say(serving.sheet(admin.address())?.to_string().trim_end());

    let mut ticks = interval(watch::INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut calendar = Calendar::new(SystemTime::now());
    loop {
        tokio::select! {
            number = signals.next() => {
                tracing::info!(number, "stopping");
                break;
            }
            _tick = ticks.tick() => {
                serving.start_wanted(voice).await;
                // Whatever fails, whoever is served now goes on being served.
                if watch.is_edited(Fingerprint::of(&arguments.path))
                    && let Err(error) = serving.reload(voice).await
                {
                    voice.complain(&chain(&error));
                }
                let now = SystemTime::now();
                if calendar.is_due(now)
                    && let Err(error) = serving.renew(now, voice).await
                {
                    voice.complain(&chain(&error));
                }
            }
        }
    }
    ready.store(false, Ordering::Relaxed);
    Ok(serving.drain(&mut signals, voice).await)
}

struct Serving<'a> {
    arguments: &'a Local,
    state: &'a State,
    registry: Registry,
    running: BTreeMap<String, Running>,
    /// What the last edit was.
    edit: Edit,
    /// Endpoints that do not run yet, for example because another one has not let go of their port.
    wanted: BTreeMap<String, Wanted>,
    /// Gateways of endpoints that are gone, while their last transfers run.
    leaving: Vec<Server>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Good,
    Broken,
}

struct Wanted {
    service: Service,
    /// Why it does not run, as it was last said.
    complaint: String,
}

struct Running {
    server: Server,
    service: Service,
}

impl Serving<'_> {
    async fn start(&mut self, service: Service) -> Result<(), Error> {
        let (folder, _digest) = write(self.state, &service)?;
        let name = service.name();
        let server = Server::start(&folder, &self.registry)
            .await
            .map_err(|error| failed(&service, error))?;
        self.running.insert(name, Running { server, service });
        Ok(())
    }

    fn sheet(&self, metrics: SocketAddr) -> Result<Sheet, Error> {
        let endpoints = self
            .running
            .values()
            .map(|running| running.sheet(self.state))
            .collect::<Result<_, Error>>()?;
        Ok(Sheet {
            path: self.arguments.path.display().to_string(),
            state: self.arguments.state.display().to_string(),
            endpoints,
            metrics,
        })
    }

    /// Lets clients know the host keys of what is served now.
    fn announce(&self) -> Result<(), Error> {
        let mut hosts = Vec::new();
        for Running { server, service } in self.running.values() {
            let addresses = service.ssh_addresses(server.addresses());
            hosts.push((addresses, public_host_keys(service)?));
        }
        write_known_hosts(self.state, &hosts)?;
        Ok(())
    }

    /// Applies an edit: whole, or not at all if it has mistakes.
    async fn reload(&mut self, voice: &mut Voice<'_>) -> Result<(), Error> {
        let place = (self.arguments.bind, self.arguments.ports());
        let mut reading = manifest::read(&self.arguments.path);
        compile::compile(&mut reading, place, &mut Materials::Imagined)?;
        voice.complain(&told(&reading));
        if reading.is_broken() {
            self.edit = Edit::Broken;
            voice.complain("what is served goes on as it was");
            return Ok(());
        }
        if std::mem::replace(&mut self.edit, Edit::Good) == Edit::Broken {
            let path = self.arguments.path.display();
            voice.say(format!("{path}: no mistakes any more"));
        }
        let mut materials = Materials::of(self.state, SystemTime::now())?;
        let services = compile::compile(&mut reading, place, &mut materials)?;
        let mut services: BTreeMap<String, Service> = services
            .into_iter()
            .map(|service| (service.name(), service))
            .collect();
        let gone: Vec<String> = self
            .running
            .keys()
            .filter(|name| !services.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.leave(&name, voice);
        }
        let before = self.change(&mut services, voice).await?;
        let wanted = |(name, service)| {
            let complaint = String::new();
            (name, Wanted { service, complaint })
        };
        // Started at the next tick: an endpoint that left has closed its sockets by then.
        self.wanted = services.into_iter().map(wanted).collect();
        self.announce()?;
        for (name, before) in before {
            self.tell_anew(&name, Some(&before), voice)?;
        }
        Ok(())
    }

    /// Changes those of these services that run, and takes them out. Gives what the sheet said of them before.
    async fn change(
        &mut self,
        services: &mut BTreeMap<String, Service>,
        voice: &mut Voice<'_>,
    ) -> Result<Vec<(String, sheet::Endpoint)>, Error> {
        // All are written before any is waited for: one may get a port only when another lets go of it.
        let mut changed = Vec::new();
        for (name, running) in &mut self.running {
            let before = running.sheet(self.state)?;
            if let Some(service) = services.remove(name)
                && let Some(change) = running.change(self.state, service)?
            {
                changed.push((name, &running.server, before, change));
            }
        }
        let mut befores = Vec::new();
        for (name, server, before, change) in changed {
            let outcome = change.outcome(server).await;
            voice.say(format_args!("{name}: {} ({outcome})", change.what));
            befores.push((name.clone(), before));
        }
        Ok(befores)
    }

    /// Shows an endpoint's part of the sheet, unless the commands that were printed before still work.
    fn tell_anew(
        &self,
        name: &str,
        before: Option<&sheet::Endpoint>,
        voice: &mut Voice<'_>,
    ) -> Result<(), Error> {
        let Some(running) = self.running.get(name) else {
            return Ok(());
        };
        let now = running.sheet(self.state)?;
        if before.is_none_or(|before| !now.is_reached_like(before)) {
            voice.say(format_args!("\n{now}"));
        }
        Ok(())
    }

    /// Replaces the certificates that end soon; also while the manifests have mistakes, for they are not read again.
    async fn renew(&mut self, now: SystemTime, voice: &mut Voice<'_>) -> Result<(), Error> {
        let materials = Materials::of(self.state, now)?;
        let mut services = BTreeMap::new();
        for (name, running) in &self.running {
            let renewed = renewed(&running.service, self.arguments.bind, &materials)?;
            services.extend(renewed.map(|service| (name.clone(), service)));
        }
        for (name, before) in self.change(&mut services, voice).await? {
            self.tell_anew(&name, Some(&before), voice)?;
        }
        Ok(())
    }

    /// Starts what is to be served and does not run yet. The others go on if that fails.
    async fn start_wanted(&mut self, voice: &mut Voice<'_>) {
        // Who has left makes room for a successor of the same name.
        self.leaving
            .retain(|server| server.waiting_for() != Waiting::default());
        for (name, mut wanted) in std::mem::take(&mut self.wanted) {
            // Both would read one folder.
            if self.leaving.iter().any(|server| server.endpoint() == name) {
                self.wanted.insert(name, wanted);
                continue;
            }
            let addresses = shown(&wanted.service.addresses());
            let started = self.start(wanted.service.clone()).await;
            let announced = started.and_then(|()| self.announce());
            let told = announced.and_then(|()| {
                voice.say(format_args!("{name}: served now at {addresses}"));
                self.tell_anew(&name, None, voice)
            });
            if let Err(error) = told {
                let complaint = chain(&error);
                if complaint != wanted.complaint {
                    voice.complain(&format!("{complaint}; this is tried again and again"));
                }
                wanted.complaint = complaint;
                self.wanted.insert(name, wanted);
            }
        }
    }

    fn leave(&mut self, name: &str, voice: &mut Voice<'_>) {
        let Some(Running { server, service }) = self.running.remove(name) else {
            return;
        };
        let deadline = service.drain_timeout();
        server.drain(deadline, Arrivals::Refuse);
        // Another endpoint may have its ports already.
        server.stop_listening();
        self.leaving.push(server);
        voice.say(format_args!(
            "{name}: gone; running transfers may finish for up to {}",
            Span(deadline)
        ));
    }

    /// Everything that runs, also what is leaving.
    fn servers(&self) -> impl Iterator<Item = &Server> {
        let running = self.running.values().map(|running| &running.server);
        running.chain(&self.leaving)
    }

    fn waiting_for(&self) -> Waiting {
        let each = self.servers().map(Server::waiting_for);
        each.fold(Waiting::default(), Waiting::and)
    }

    /// Waits for running transfers. A second signal ends at once.
    async fn drain(self, signals: &mut Signals, voice: &mut Voice<'_>) -> Ending {
        for Running { server, service } in self.running.values() {
            server.drain(service.drain_timeout(), Arrivals::Refuse);
        }
        let finished = async {
            for server in self.servers() {
                server.finished().await;
            }
        };
        tokio::pin!(finished);
        let mut ticks = interval(DRAIN_INTERVAL);
        let mut said = Waiting::default();
        loop {
            tokio::select! {
                biased;
                () = &mut finished => break,
                number = signals.next() => {
                    let cut = match self.waiting_for().transfers {
                        0 => "no transfer was running".to_owned(),
                        transfers => format!("{} cut off", counted(transfers, "transfer")),
                    };
                    voice.say(format_args!("Stopped at once; {cut}"));
                    return Ending::Signal(number);
                }
                _tick = ticks.tick() => {
                    let waiting = self.waiting_for();
                    if waiting != said {
                        said = waiting;
                        voice.say(format_args!("Stopping: waiting for {waiting}"));
                    }
                }
            }
        }
        voice.say("Stopped");
        Ending::Good
    }
}

/// A change that was written for a gateway.
struct Change {
    what: String,
    /// What the gateway serves once it has picked the change up.
    digest: Digest,
}

impl Running {
    /// What the sheet says of it now.
    fn sheet(&self, state: &State) -> Result<sheet::Endpoint, Error> {
        let keys = public_host_keys(&self.service)?;
        let addresses = self.server.addresses();
        Ok(self.service.sheet(state, &addresses, &keys))
    }

    /// Writes what is different; nothing if nothing is.
    fn change(&mut self, state: &State, service: Service) -> Result<Option<Change>, Error> {
        let changes = changes(&self.service, &service);
        let change = if changes.is_empty() {
            None
        } else {
            let (_folder, digest) = write(state, &service)?;
            let what = changes.join(", ");
            Some(Change { what, digest })
        };
        self.service = service;
        Ok(change)
    }
}

impl Change {
    async fn outcome(&self, server: &Server) -> &'static str {
        let applied = async {
            let mut ticks = interval(DRAIN_INTERVAL);
            while server.serves() != self.digest {
                ticks.tick().await;
            }
        };
        match timeout(RELOAD_MAX, applied).await {
            Ok(()) => "applied",
            Err(_elapsed) => "written, but the gateway does not serve it yet; see its messages",
        }
    }
}

fn shown(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The admin port, for this machine only.
fn admin(port: u16, registry: &Registry, ready: &Arc<AtomicBool>) -> Result<Admin, Error> {
    let ready = Arc::clone(ready);
    let subject = Subject {
        heartbeat: Heartbeat::start(),
        is_ready: Box::new(move || ready.load(Ordering::Relaxed)),
        registry: registry.clone(),
        // Here may be several endpoints.
        served: Box::new(|| None),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Admin::start(address, subject).map_err(|error| match error.source.kind() {
        ErrorKind::AddrInUse => Error::Taken {
            what: "the metrics".to_owned(),
            address,
            mend: "another port with --metrics-port".to_owned(),
        },
        _ => Error::Admin(error),
    })
}

/// Why an endpoint cannot be served, with the place in the manifests if that mends it.
fn failed(service: &Service, error: StartError) -> Error {
    match error {
        StartError::Bind(error) if error.source.kind() == ErrorKind::AddrInUse => Error::Taken {
            what: format!("the endpoint {}", service.name()),
            address: error.address,
            mend: format!(
                "another address with --bind, or another port in {}",
                service.place_of_port(&error.name)
            ),
        },
        error => Error::Start {
            endpoint: service.name(),
            source: Box::new(error),
        },
    }
}
