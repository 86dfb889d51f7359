//! The watches of one namespace, or of the whole cluster, and the queue of endpoints that they wake.

use std::{fmt::Debug, sync::Arc};

use futures_util::StreamExt as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{PersistentVolumeClaim, Secret},
};
use kube::{
    Api, Client, Resource,
    api::ApiResource,
    core::{DynamicObject, PartialObjectMeta},
    runtime::{
        WatchStreamExt as _,
        reflector::{Lookup, ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use plan::names::ENDPOINT_LABEL;
use serde::de::DeserializeOwned;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    causes::causes,
    certificates,
    stores::Stores,
    wake::{AnyEndpoint, AnyUser, Change, EndpointRef, by_claim, by_secret, by_user, owner},
};

/// Endpoints that wait to be taken from the queue. Who wakes one more waits too.
const QUEUE_MAX: usize = 1024;

/// After so long the API server ends a watch, and another goes on where it ended. It may happen that a watch says nothing
/// though things change (seen once, in the first seconds of an API server): then this is how long nobody notices.
pub(crate) const WATCH_SECONDS: u32 = 60;

/// Where an operator looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In all namespaces.
    Cluster,
    /// In one.
    Namespace(String),
}

impl Scope {
    fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match self {
            Self::Cluster => Api::all(client.clone()),
            Self::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
        }
    }

    pub(crate) fn dynamic(&self, client: &Client, kind: &ApiResource) -> Api<DynamicObject> {
        match self {
            Self::Cluster => Api::all_with(client.clone(), kind),
            Self::Namespace(namespace) => Api::namespaced_with(client.clone(), namespace, kind),
        }
    }
}

/// Where endpoints are woken.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<EndpointRef>,
    endpoints: Store<AnyEndpoint>,
}

impl Queue {
    /// A queue for these endpoints, and where they are taken from it.
    pub(crate) fn new(endpoints: Store<AnyEndpoint>) -> (Self, mpsc::Receiver<EndpointRef>) {
        let (sender, woken) = mpsc::channel(QUEUE_MAX);
        (Self { sender, endpoints }, woken)
    }

    /// Wakes these endpoints.
    pub(crate) async fn wake(&self, woken: impl IntoIterator<Item = EndpointRef>) {
        for endpoint in woken {
            // Nobody takes from it any more: the operator is ending.
            let _sent = self.sender.send(endpoint).await.is_ok();
        }
    }

    /// Wakes every endpoint.
    pub(crate) async fn wake_all(&self) {
        let mut all = Vec::new();
        for endpoint in self.endpoints.state() {
            all.push(ObjectRef::from_obj(endpoint.as_ref()));
        }
        self.wake(all).await;
    }
}

/// Every object of a kind.
fn all_objects() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// The objects that carry the label of an endpoint.
pub(crate) fn labelled_objects() -> watcher::Config {
    all_objects().labels(ENDPOINT_LABEL)
}

/// The running watches; they end when dropped.
pub(crate) struct Watches {
    pub(crate) stores: Stores,
    pub(crate) queue: Queue,
    /// What was woken.
    pub(crate) woken: mpsc::Receiver<EndpointRef>,
    /// The tasks.
    pub(crate) tasks: JoinSet<()>,
}

/// Starts to watch. `deleted` is told which endpoints have gone.
pub(crate) fn start(
    client: &Client,
    scope: &Scope,
    deleted: impl Fn(&AnyEndpoint) + Send + 'static,
) -> Watches {
    let mut tasks = JoinSet::new();
    let endpoints_writer = Writer::default();
    let endpoints = endpoints_writer.as_reader();
    let users_writer = Writer::default();
    let users: Store<AnyUser> = users_writer.as_reader();
    let (queue, woken) = Queue::new(endpoints.clone());
    let watches = Starting {
        client,
        scope,
        queue: &queue,
    };
    watches.endpoints(&mut tasks, endpoints_writer, deleted);
    watches.users(&mut tasks, users_writer);
    let secret_versions = watches.secret_versions(&mut tasks, &users);
    let claims = watches.claims(&mut tasks);
    let (certificates, cert_manager) = watches.certificates(&mut tasks);
    let stores = Stores {
        endpoints,
        users,
        stateful_sets: watches.own(&mut tasks),
        pods: watches.own(&mut tasks),
        services: watches.own(&mut tasks),
        network_policies: watches.own(&mut tasks),
        disruption_budgets: watches.own(&mut tasks),
        secrets: watches.own(&mut tasks),
        secret_versions,
        claims,
        certificates,
        cert_manager,
    };
    Watches {
        stores,
        queue,
        woken,
        tasks,
    }
}

fn readable(endpoints: &[Arc<AnyEndpoint>]) -> impl Iterator<Item = &crds::SecureFtpEndpoint> {
    endpoints.iter().filter_map(|one| one.0.as_ref().ok())
}

struct Starting<'a> {
    client: &'a Client,
    scope: &'a Scope,
    queue: &'a Queue,
}

impl Starting<'_> {
    fn endpoints(
        &self,
        tasks: &mut JoinSet<()>,
        writer: Writer<AnyEndpoint>,
        deleted: impl Fn(&AnyEndpoint) + Send + 'static,
    ) {
        self.follow_all(tasks, writer, move |change| match change {
            Change {
                after: Some(after), ..
            } => vec![ObjectRef::from_obj(after)],
            Change {
                before,
                after: None,
            } => {
                if let Some(gone) = before {
                    deleted(gone);
                }
                Vec::new()
            }
        });
    }

    fn users(&self, tasks: &mut JoinSet<()>, writer: Writer<AnyUser>) {
        let endpoints = self.queue.endpoints.clone();
        self.follow_all(tasks, writer, move |change| {
            by_user(change, readable(&endpoints.state()))
        });
    }

    /// Watches all Secrets without their data.
    fn secret_versions(
        &self,
        tasks: &mut JoinSet<()>,
        users: &Store<AnyUser>,
    ) -> Store<PartialObjectMeta<Secret>> {
        let writer = Writer::default();
        let store = writer.as_reader();
        let (endpoints, users) = (self.queue.endpoints.clone(), users.clone());
        self.follow_all(tasks, writer, move |change| {
            let (endpoints, users) = (endpoints.state(), users.state());
            let secret: Option<&PartialObjectMeta<Secret>> = change.sides().next();
            let users = users.iter().filter_map(|one| one.0.as_ref().ok());
            secret.map_or_else(Vec::new, |secret| {
                by_secret(&secret.metadata, readable(&endpoints), users)
            })
        });
        store
    }

    fn claims(&self, tasks: &mut JoinSet<()>) -> Store<PersistentVolumeClaim> {
        let writer = Writer::default();
        let store = writer.as_reader();
        let endpoints = self.queue.endpoints.clone();
        self.follow_all(tasks, writer, move |change| {
            let endpoints = endpoints.state();
            let claim: Option<&PersistentVolumeClaim> = change.sides().next();
            claim.map_or_else(Vec::new, |claim| {
                by_claim(&claim.metadata, readable(&endpoints))
            })
        });
        store
    }

    /// Watches every object of a kind.
    fn follow_all<K>(
        &self,
        tasks: &mut JoinSet<()>,
        writer: Writer<K>,
        wake: impl Fn(&Change<'_, K>) -> Vec<EndpointRef> + Send + 'static,
    ) where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Watched,
    {
        let events = watcher(self.scope.api::<K>(self.client), all_objects());
        tasks.spawn(follow(
            events.default_backoff().boxed(),
            writer,
            self.queue.clone(),
            wake,
        ));
    }

    /// Watches the objects of a kind that the operator made.
    fn own<K>(&self, tasks: &mut JoinSet<()>) -> Store<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Watched,
    {
        let writer = Writer::default();
        let store = writer.as_reader();
        let events = watcher(self.scope.api::<K>(self.client), labelled_objects());
        let wake = |change: &Change<'_, K>| {
            let one = change.sides().next();
            one.and_then(|one| owner(one.meta())).into_iter().collect()
        };
        tasks.spawn(follow(
            events.default_backoff().boxed(),
            writer,
            self.queue.clone(),
            wake,
        ));
        store
    }

    fn certificates(
        &self,
        tasks: &mut JoinSet<()>,
    ) -> (
        Store<DynamicObject>,
        watch::Receiver<Option<plan::CertManager>>,
    ) {
        let writer = Writer::new(certificates::resource());
        let store = writer.as_reader();
        let (state, cert_manager) = watch::channel(None);
        tasks.spawn(certificates::follow(
            self.client.clone(),
            self.scope.clone(),
            writer,
            (state, self.queue.clone()),
        ));
        (store, cert_manager)
    }
}

/// What every watched kind can.
pub(crate) trait Watched:
    Lookup<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Watched for K where
    K: Lookup<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// Keeps a store as the watch says, and wakes endpoints. A list from the start wakes everybody: what was missed is not
/// known.
async fn follow<K>(
    mut events: impl futures_util::Stream<Item = watcher::Result<Event<K>>> + Unpin,
    mut writer: Writer<K>,
    queue: Queue,
    wake: impl Fn(&Change<'_, K>) -> Vec<EndpointRef>,
) where
    K: Resource<DynamicType = ()> + Watched,
{
    let store = writer.as_reader();
    while let Some(event) = events.next().await {
        let event = match event {
            // Who manages which field is the largest part of many objects, and nobody here asks.
            Ok(event) => event.modify(|object| object.meta_mut().managed_fields = None),
            Err(error) => {
                tracing::warn!(kind = %<K as Resource>::kind(&()), error = causes(&error), "a watch broke off");
                continue;
            }
        };
        let known = match &event {
            Event::Apply(one) => store.get(&ObjectRef::from_obj(one)),
            _ => None,
        };
        let listed = match &event {
            Event::InitDone => store.state(),
            _ => Vec::new(),
        };
        writer.apply_watcher_event(&event);
        match &event {
            Event::Apply(after) => {
                let change = Change {
                    before: known.as_deref(),
                    after: Some(after),
                };
                queue.wake(wake(&change)).await;
            }
            Event::Delete(before) => {
                let change = Change {
                    before: Some(before),
                    after: None,
                };
                queue.wake(wake(&change)).await;
            }
            Event::InitDone => {
                // No event told that these went while nobody watched.
                let gone = listed
                    .iter()
                    .filter(|one| store.get(&ObjectRef::from_obj(one.as_ref())).is_none());
                for before in gone {
                    let change = Change {
                        before: Some(before.as_ref()),
                        after: None,
                    };
                    queue.wake(wake(&change)).await;
                }
                queue.wake_all().await;
            }
            Event::Init | Event::InitApply(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use kube::runtime::reflector;
    use tokio::sync::mpsc;

    use super::*;

    fn claim(name: &str) -> PersistentVolumeClaim {
        let mut claim = PersistentVolumeClaim::default();
        claim.metadata.name = Some(name.to_owned());
        claim
    }

    #[tokio::test]
    async fn what_goes_while_nobody_watches_is_told_with_the_next_list() {
        let list = |names: &[&str]| {
            let listed = names.iter().map(|name| Event::InitApply(claim(name)));
            let events = [Event::Init].into_iter().chain(listed);
            events.chain([Event::InitDone]).map(Ok).collect::<Vec<_>>()
        };
        let events = list(&["one", "two"]).into_iter().chain(list(&["two"]));
        let (queue, _woken) = Queue::new(reflector::store().0);
        let (sender, mut gone) = mpsc::unbounded_channel();

        follow(stream::iter(events), Writer::default(), queue, |change| {
            if let Change {
                before: Some(before),
                after: None,
            } = change
            {
                sender.send(before.metadata.name.clone()).unwrap();
            }
            Vec::new()
        })
        .await;

        assert_eq!(gone.try_recv().unwrap().as_deref(), Some("one"));
        assert!(gone.try_recv().is_err());
    }
}
