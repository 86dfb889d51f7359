//! What the steps of one turn share.

use std::sync::Arc;

use crds::SecureFtpEndpoint;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client,
    runtime::{events::Recorder, reflector::ObjectRef},
};
use plan::Settings;
use tokio::sync::Semaphore;

use crate::{
    addresses::Addresses, hash::Hasher, leader::Leadership, metrics::Metrics, questions::Questions,
    stores::Stores, wake::EndpointRef,
};

/// What every turn of every endpoint needs.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) leadership: Leadership,
    pub(crate) hasher: Hasher,
    pub(crate) addresses: Addresses,
    pub(crate) questions: Questions,
    /// For turns, over all scopes.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Metrics,
}

/// One turn: for whom, and with what.
pub(crate) struct Turn<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) stores: &'a Stores,
    pub(crate) endpoint: &'a SecureFtpEndpoint,
}

impl Turn<'_> {
    pub(crate) fn namespace(&self) -> &str {
        self.endpoint
            .metadata
            .namespace
            .as_deref()
            .unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.endpoint.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn reference(&self) -> EndpointRef {
        ObjectRef::new(self.name()).within(self.namespace())
    }

    /// The objects of a kind in the namespace of the endpoint.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.tools.client.clone(), self.namespace())
    }

    /// Whether an object belongs to this endpoint, and not to one of the same name that was before it.
    pub(crate) fn owns(&self, metadata: &ObjectMeta) -> bool {
        let owners = metadata.owner_references.iter().flatten();
        let mut controllers = owners.filter(|owner| owner.controller == Some(true));
        let uid = self.endpoint.metadata.uid.as_ref();
        controllers.any(|owner| Some(&owner.uid) == uid)
    }
}
