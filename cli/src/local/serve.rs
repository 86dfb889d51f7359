//! Serves what was compiled: one gateway an endpoint, until a signal comes; edits are picked up meanwhile.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gateway::{
    admin::{Admin, Heartbeat, Subject},
    drain::Arrivals,
    server::Server,
};
use prometheus::Registry;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Ending, Error,
    changes::changes,
    compile, counted,
    materials::Materials,
    service::Service,
    sheet::{Sheet, Span},
    signals::Signals,
    state::State,
    told,
    voice::Voice,
    watch::{self, Fingerprint},
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
    let mut seen = Fingerprint::of(&arguments.path);
    let mut serving = Serving {
        arguments,
        state,
        registry: Registry::new(),
        running: BTreeMap::new(),
        leaving: JoinSet::new(),
    };
    for service in services {
        serving.start(service).await?;
    }
    serving.announce()?;
    let ready = Arc::new(AtomicBool::new(true));
    let admin = admin(&serving.registry, &ready)?;
    voice.say(serving.sheet(admin.address())?.to_string().trim_end());

    let mut ticks = interval(watch::INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            number = signals.next() => {
                tracing::info!(number, "stopping");
                break;
            }
            _tick = ticks.tick() => {
                let now = Fingerprint::of(&arguments.path);
                if now != seen {
                    seen = now;
                    // Whoever is served now goes on being served.
                    if let Err(error) = serving.reload(voice).await {
                        voice.complain(&chain(&error));
                    }
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
    /// Gateways of endpoints that are gone, while their last transfers run.
    leaving: JoinSet<()>,
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
            .map_err(|source| Error::Start {
                endpoint: name.clone(),
                source: Box::new(source),
            })?;
        self.running.insert(name, Running { server, service });
        Ok(())
    }

    fn sheet(&self, metrics: SocketAddr) -> Result<Sheet, Error> {
        let endpoints = self
            .running
            .values()
            .map(|Running { server, service }| {
                let keys = public_host_keys(service)?;
                Ok(service.sheet(self.state, &server.addresses(), &keys))
            })
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
            let addresses = server.addresses();
            let addresses = addresses.into_iter().map(|(_, address)| address).collect();
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
            return Ok(());
        }
        let services = compile::compile(&mut reading, place, &mut Materials::of(self.state)?)?;
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
        for (name, running) in &mut self.running {
            if let Some(service) = services.remove(name) {
                running.change(self.state, service, voice).await?;
            }
        }
        for (name, service) in services {
            let addresses = shown(&service.addresses());
            match self.start(service).await {
                Ok(()) => voice.say(format_args!("{name}: served now at {addresses}")),
                // The others go on.
                Err(error) => voice.complain(&chain(&error)),
            }
        }
        self.announce()
    }

    fn leave(&mut self, name: &str, voice: &mut Voice<'_>) {
        let Some(Running { server, service }) = self.running.remove(name) else {
            return;
        };
        let deadline = service.drain_timeout();
        server.drain(deadline, Arrivals::Refuse);
        self.leaving.spawn(async move { server.finished().await });
        voice.say(format_args!(
            "{name}: gone; running transfers may finish for up to {}",
            Span(deadline)
        ));
    }

    /// Waits for running transfers. A second signal ends at once.
    async fn drain(mut self, signals: &mut Signals, voice: &mut Voice<'_>) -> Ending {
        for Running { server, service } in self.running.values() {
            server.drain(service.drain_timeout(), Arrivals::Refuse);
        }
        let finished = async {
            for running in self.running.values() {
                running.server.finished().await;
            }
            while self.leaving.join_next().await.is_some() {}
        };
        tokio::pin!(finished);
        let mut ticks = interval(DRAIN_INTERVAL);
        let mut said = 0;
        loop {
            tokio::select! {
                biased;
                () = &mut finished => break,
                number = signals.next() => return Ending::Signal(number),
                _tick = ticks.tick() => {
                    let waiting = self.running.values().map(|running| running.server.waiting_for()).sum();
                    if waiting != said {
                        said = waiting;
                        voice.say(format_args!("Stopping: waiting for {}", counted(waiting, "transfer")));
                    }
                }
            }
        }
        voice.say("Stopped");
        Ending::Good
    }
}

impl Running {
    async fn change(
        &mut self,
        state: &State,
        service: Service,
        voice: &mut Voice<'_>,
    ) -> Result<(), Error> {
        let name = service.name();
        let changes = changes(&self.service, &service);
        if changes.is_empty() {
            self.service = service;
            return Ok(());
        }
        let (_folder, digest) = write(state, &service)?;
        let applied = async {
            let mut ticks = interval(DRAIN_INTERVAL);
            while self.server.serves() != digest {
                ticks.tick().await;
            }
        };
        let outcome = match timeout(RELOAD_MAX, applied).await {
            Ok(()) => "applied",
            Err(_elapsed) => "written, but the gateway does not serve it yet; see its messages",
        };
        self.service = service;
        voice.say(format_args!("{name}: {} ({outcome})", changes.join(", ")));
        Ok(())
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

/// The admin port, at a port that the kernel chooses: it is for this machine only.
fn admin(registry: &Registry, ready: &Arc<AtomicBool>) -> Result<Admin, Error> {
    let ready = Arc::clone(ready);
    let subject = Subject {
        heartbeat: Heartbeat::start(),
        is_ready: Box::new(move || ready.load(Ordering::Relaxed)),
        registry: registry.clone(),
    };
    Ok(Admin::start(
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        subject,
    )?)
}
