//! From the start of the operator to its end: the lease, then the watches and the turns.

use std::{convert::Infallible, sync::Arc, time::Duration};

use crds::SecureFtpEndpoint;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use kube::{
    Client, Config,
    core::DeserializeGuard,
    runtime::{
        applier,
        controller::{self, Action},
        events::{Recorder, Reporter},
        reflector::ObjectRef,
    },
};
use plan::names::OPERATOR;
use prometheus::Registry;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use crate::{
    addresses::Addresses,
    admin::{Admin, Readiness},
    apply::ApplyError,
    causes::causes,
    hash::Hasher,
    leader::{Candidate, Held, Leadership, Lost},
    metrics::Metrics,
    questions::Questions,
    reconcile::{Memories, TurnError, reconcile},
    report,
    request::DEADLINE,
    retry::Retries,
    settings::Arguments,
    stores::Stores,
    turn::{Tools, Turn},
    wake::{AnyEndpoint, EndpointRef},
    watch::{self as watches, Scope, WATCH_SECONDS, Watches},
};

/// A change seldom comes alone: turns wait a little for the rest of it.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// Everything is listed sooner unless something is wrong.
const FIRST_LISTS: Duration = Duration::from_secs(30);
/// How long turns may go on when the operator ends.
const FAREWELL: Duration = Duration::from_secs(10);
/// Nothing at all came for so long: a watch is asked to end before, so the connection is dead.
const SILENCE: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 10);

/// Why the operator ends.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no way to the API server.
    #[error("no configuration for the API server")]
    Configuration(#[source] kube::config::InferConfigError),
    /// There is no client for it.
    #[error("no client for the API server")]
    Client(#[source] kube::Error),
    /// The admin port does not listen.
    #[error("the admin port cannot listen on {address}; is it taken?")]
    Admin {
        /// Where it should.
        address: std::net::SocketAddr,
        /// Why it does not.
        source: std::io::Error,
    },
    /// The metrics contradict each other.
    #[error("the metrics cannot be registered")]
    Metrics(#[source] prometheus::Error),
    /// Another operator may lead.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// What should go on for ever ended.
    #[error("the turns ended by themselves")]
    Ended,
}

/// Works until `stop` is ready, or until it may not work any more.
pub async fn run(arguments: Arguments, stop: impl Future<Output = ()>) -> Result<(), RunError> {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry).map_err(RunError::Metrics)?;
    let readiness = Readiness::default();
    let address = arguments.admin;
    let admin = Admin::start(address, readiness.clone(), registry).await;
    let _admin = admin.map_err(|source| RunError::Admin { address, source })?;
    let client = client().await?;
    let mut stop = std::pin::pin!(stop.fuse());
    let namespace = arguments.lease_namespace.as_deref();
    let namespace = namespace
        .unwrap_or_else(|| client.default_namespace())
        .to_owned();
    let candidate = Candidate::new(
        client.clone(),
        (&namespace, &arguments.lease),
        &arguments.identity,
        readiness.clone(),
    );
    let held = tokio::select! {
        held = candidate.win() => held,
        () = &mut stop => return Ok(()),
    };
    metrics.leader.set(1);
    let outcome = lead(&arguments, (client, metrics, readiness), &held, stop).await;
    held.release().await;
    outcome
}

async fn client() -> Result<Client, RunError> {
    let mut config = Config::infer().await.map_err(RunError::Configuration)?;
    config.connect_timeout = Some(DEADLINE);
    config.read_timeout = Some(SILENCE);
    Client::try_from(config).map_err(RunError::Client)
}

async fn lead(
    arguments: &Arguments,
    (client, metrics, readiness): (Client, Metrics, Readiness),
    held: &Held,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let (stopping, stopped) = watch::channel(());
    let shared = Shared {
        recorder: Recorder::new(
            client.clone(),
            Reporter {
                controller: format!("{}/{OPERATOR}", crds::GROUP),
                instance: Some(arguments.identity.clone()),
            },
        ),
        client,
        leadership: held.leadership.clone(),
        metrics,
        hasher: Hasher::new(),
        questions: Questions::new(),
        retries: Arc::default(),
        places: Arc::new(Semaphore::new(arguments.concurrency())),
    };
    readiness.end();
    let mut scopes = JoinSet::new();
    let mut known = Vec::new();
    for scope in arguments.scopes() {
        let following = Following::start(&shared, &scope, arguments);
        known.push((scope, following.stores.clone()));
        scopes.spawn(following.go_on(stopped.clone()));
    }
    let becoming_ready = async {
        for (scope, stores) in known {
            let mut listed = std::pin::pin!(stores.wait_until_ready());
            let in_time = tokio::time::timeout(FIRST_LISTS, &mut listed).await;
            if in_time.is_err() {
                tracing::warn!(
                    ?scope,
                    "not everything is listed yet, and nothing is done there: see the warnings of watches"
                );
                // One that ended is seen by whoever waits for the scopes.
                let _ready = listed.await.is_ok();
            }
        }
        readiness.begin();
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        lost = held.leadership.clone().lost() => return Err(lost.into()),
        _one = scopes.join_next() => return Err(RunError::Ended),
        never = becoming_ready => match never {},
        () = stop => {}
    }
    tracing::info!("stopping");
    drop((stopping, stopped));
    let running = async { while scopes.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, running).await.is_err() {
        tracing::warn!("turns were cut off");
    }
    Ok(())
}

/// What all scopes share.
struct Shared {
    client: Client,
    recorder: Recorder,
    leadership: Leadership,
    metrics: Metrics,
    hasher: Hasher,
    questions: Questions,
    /// Counted over all scopes.
    retries: Arc<Retries>,
    /// For turns, over all scopes.
    places: Arc<Semaphore>,
}

/// The watches and turns of one scope.
struct Following {
    watches: Watches,
    stores: Stores,
    turns: Turns,
    resolved: mpsc::Receiver<EndpointRef>,
    gone: mpsc::UnboundedReceiver<SecureFtpEndpoint>,
}

/// What every turn needs.
struct Turns {
    tools: Tools,
    stores: Stores,
    memories: Arc<Memories>,
    retries: Arc<Retries>,
}

impl Following {
    fn start(shared: &Shared, scope: &Scope, arguments: &Arguments) -> Self {
        let (addresses, resolved) = Addresses::new();
        // Without a bound, for the watch must not wait: there are never more than there were endpoints.
        let (goodbye, gone) = mpsc::unbounded_channel();
        let memories = Arc::new(Memories::default());
        let deleted = {
            let (addresses, memories) = (addresses.clone(), Arc::clone(&memories));
            let (retries, metrics) = (Arc::clone(&shared.retries), shared.metrics.clone());
            move |endpoint: &AnyEndpoint| {
                let reference = ObjectRef::from_obj(endpoint);
                memories.forget(&reference);
                addresses.forget(&reference);
                retries.forget(&reference.to_string());
                let namespace = reference.namespace.as_deref().unwrap_or_default();
                metrics.forget(namespace, &reference.name);
                if let Ok(endpoint) = &endpoint.0 {
                    // Nobody takes it any more: the operator is ending.
                    let _told = goodbye.send(endpoint.clone()).is_ok();
                }
            }
        };
        let watches = watches::start(&shared.client, scope, deleted);
        let stores = watches.stores.clone();
        let tools = Tools {
            client: shared.client.clone(),
            settings: arguments.settings(),
            leadership: shared.leadership.clone(),
            hasher: shared.hasher.clone(),
            addresses,
            questions: shared.questions.clone(),
            places: Arc::clone(&shared.places),
            recorder: shared.recorder.clone(),
            metrics: shared.metrics.clone(),
        };
        let turns = Turns {
            tools,
            stores: stores.clone(),
            memories,
            retries: Arc::clone(&shared.retries),
        };
        Self {
            watches,
            stores,
            turns,
            resolved,
            gone,
        }
    }

    /// Takes turns until it is stopped, and lets those that run end.
    async fn go_on(self, mut stopped: watch::Receiver<()>) {
        let Self {
            watches,
            stores,
            turns,
            resolved,
            mut gone,
        } = self;
        let Watches {
            woken,
            tasks: _watching,
            queue: _queue,
            ..
        } = watches;
        let endpoints = stores.endpoints.clone();
        let turns = Arc::new(turns);
        // No turn before everything was listed once: users and Secrets would seem to be missing.
        let ready = async move {
            let _ready = stores.wait_until_ready().await.is_ok();
            stream::empty()
        };
        let woken = stream::once(ready)
            .flatten()
            .chain(stream::select(received(woken), received(resolved)));
        // A sender that has gone is the sign to stop.
        let stop = async move { while stopped.changed().await.is_ok() {} };
        let queue = woken.take_until(stop.boxed()).map(Ok::<_, Infallible>);
        let taking = applier(
            |endpoint, turns: Arc<Turns>| async move { turns.take(&endpoint).await }.boxed(),
            |endpoint, error, turns: Arc<Turns>| turns.failed(&endpoint, error),
            Arc::clone(&turns),
            endpoints,
            queue.boxed(),
            controller::Config::default().debounce(DEBOUNCE),
        );
        let goodbyes = async {
            while let Some(endpoint) = gone.recv().await {
                turns.say_goodbye(&endpoint).await;
            }
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            // Each turn has told its own story; an endpoint that has gone before its turn has none.
            () = taking.for_each(|_turn| std::future::ready(())) => {}
            never = goodbyes => match never {},
        }
    }
}

fn received(
    mut receiver: mpsc::Receiver<EndpointRef>,
) -> impl futures_util::Stream<Item = EndpointRef> {
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

impl Turns {
    async fn take(&self, endpoint: &AnyEndpoint) -> Result<Action, TurnError> {
        let metrics = &self.tools.metrics;
        let _pending = Pending::new(metrics);
        let endpoint = match &endpoint.0 {
            Ok(endpoint) => endpoint,
            Err(invalid) => {
                // It is never closed.
                let _place = self.tools.places.acquire().await.ok();
                metrics.turns.with_label_values(&["unreadable"]).inc();
                tracing::warn!(
                    error = invalid.error,
                    "the endpoint cannot be read by this version"
                );
                report::report_unreadable::<SecureFtpEndpoint>(&self.tools, invalid)
                    .await
                    .map_err(TurnError::Report)?;
                self.retries.forget(&name(endpoint));
                self.count_failing();
                return Ok(Action::await_change());
            }
        };
        let next = reconcile(&self.tools, &self.stores, (endpoint, &self.memories)).await?;
        metrics.turns.with_label_values(&["done"]).inc();
        self.retries
            .forget(&name(&DeserializeGuard(Ok(endpoint.clone()))));
        self.count_failing();
        Ok(Action::requeue(next))
    }

    fn failed(&self, endpoint: &AnyEndpoint, error: &TurnError) -> Action {
        self.tools
            .metrics
            .turns
            .with_label_values(&["failed"])
            .inc();
        if matches!(error, TurnError::Apply(ApplyError::Lost(_))) {
            return Action::await_change();
        }
        let wait = self.retries.failed(&name(endpoint), rand::random());
        self.count_failing();
        tracing::warn!(error = causes(error), ?wait, "the turn failed");
        Action::requeue(wait)
    }

    async fn say_goodbye(&self, endpoint: &SecureFtpEndpoint) {
        let turn = Turn {
            tools: &self.tools,
            stores: &self.stores,
            endpoint,
        };
        report::report_gone(&turn).await;
    }

    fn count_failing(&self) {
        let failing = i64::try_from(self.retries.waiting()).unwrap_or(i64::MAX);
        self.tools.metrics.endpoints_failing.set(failing);
    }
}

fn name(endpoint: &AnyEndpoint) -> String {
    ObjectRef::from_obj(endpoint).to_string()
}

/// A turn that is not done, however it ends.
struct Pending<'a>(&'a Metrics);

impl<'a> Pending<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.turns_pending.inc();
        Self(metrics)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.turns_pending.dec();
    }
}
