//! What the watches of one namespace, or of the whole cluster, know.

use crds::{SecureFtpEndpoint, SecureFtpUser};
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, Pod, Secret, Service},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Resource, ResourceExt as _,
    core::{DynamicObject, PartialObjectMeta},
    runtime::reflector::{Lookup, ObjectRef, Store, store::WriterDropped},
};
use plan::CertManager;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    certificates,
    memory::Key,
    wake::{AnyEndpoint, AnyUser},
};

/// The objects that the watches have seen.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) endpoints: Store<AnyEndpoint>,
    pub(crate) users: Store<AnyUser>,
    pub(crate) stateful_sets: Store<StatefulSet>,
    pub(crate) pods: Store<Pod>,
    pub(crate) services: Store<Service>,
    pub(crate) network_policies: Store<NetworkPolicy>,
    pub(crate) disruption_budgets: Store<PodDisruptionBudget>,
    /// The operator's own Secrets.
    pub(crate) secrets: Store<Secret>,
    /// All Secrets, without their data.
    pub(crate) secret_versions: Store<PartialObjectMeta<Secret>>,
    pub(crate) claims: Store<PersistentVolumeClaim>,
    pub(crate) certificates: Store<DynamicObject>,
    /// Whether cert-manager's kinds exist; none until that was asked once.
    pub(crate) cert_manager: watch::Receiver<Option<CertManager>>,
}

impl Stores {
    /// Returns when everything was listed once: before, users and Secrets would seem to be missing.
    pub(crate) async fn wait_until_ready(&self) -> Result<(), WriterDropped> {
        self.endpoints.wait_until_ready().await?;
        self.users.wait_until_ready().await?;
        self.stateful_sets.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.services.wait_until_ready().await?;
        self.network_policies.wait_until_ready().await?;
        self.disruption_budgets.wait_until_ready().await?;
        self.secrets.wait_until_ready().await?;
        self.secret_versions.wait_until_ready().await?;
        self.claims.wait_until_ready().await?;
        // An error means that nobody will answer any more: the operator is ending.
        let mut cert_manager = self.cert_manager.clone();
        let _answered = cert_manager.wait_for(Option::is_some).await.is_ok();
        Ok(())
    }

    /// The endpoints that can be read.
    pub(crate) fn readable_endpoints(&self) -> Vec<SecureFtpEndpoint> {
        let endpoints = self.endpoints.state();
        let readable = endpoints.iter().filter_map(|one| one.0.as_ref().ok());
        readable.cloned().collect()
    }

    /// The users of a namespace that can be read and that `is_wanted`.
    pub(crate) fn readable_users(
        &self,
        is_wanted: impl Fn(&SecureFtpUser) -> bool,
    ) -> Vec<SecureFtpUser> {
        let users = self.users.state();
        let readable = users.iter().filter_map(|one| one.0.as_ref().ok());
        readable.filter(|user| is_wanted(user)).cloned().collect()
    }

    /// What the watch says of who and in which version an object is.
    pub(crate) fn metadata(&self, namespace: &str, (kind, name): &Key) -> Option<ObjectMeta> {
        let at = At { namespace, name };
        match *kind {
            "StatefulSet" => at.metadata(&self.stateful_sets),
            "Service" => at.metadata(&self.services),
            "NetworkPolicy" => at.metadata(&self.network_policies),
            "PodDisruptionBudget" => at.metadata(&self.disruption_budgets),
            "Secret" => at.metadata(&self.secrets),
            "Pod" => at.metadata(&self.pods),
            "SecureFtpEndpoint" => at.metadata(&self.endpoints),
            "SecureFtpUser" => at.metadata(&self.users),
            "Certificate" => {
                let reference = ObjectRef::new_with(name, certificates::resource());
                let found = self.certificates.get(&reference.within(namespace))?;
                Some(found.metadata.clone())
            }
            _ => None,
        }
    }

    /// How the watch shows an object.
    pub(crate) fn form(&self, namespace: &str, (kind, name): &Key) -> Option<Value> {
        let at = At { namespace, name };
        match *kind {
            "StatefulSet" => at.form(&self.stateful_sets),
            "Service" => at.form(&self.services),
            "NetworkPolicy" => at.form(&self.network_policies),
            "PodDisruptionBudget" => at.form(&self.disruption_budgets),
            "Secret" => at.form(&self.secrets),
            "Certificate" => {
                let reference = ObjectRef::new_with(name, certificates::resource());
                let found = self.certificates.get(&reference.within(namespace))?;
                serde_json::to_value(found.as_ref()).ok()
            }
            _ => None,
        }
    }
}

struct At<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl At<'_> {
    fn metadata<K>(&self, store: &Store<K>) -> Option<ObjectMeta>
    where
        K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + 'static,
    {
        let found = store.get(&ObjectRef::new(self.name).within(self.namespace))?;
        Some(found.meta().clone())
    }

    fn form<K>(&self, store: &Store<K>) -> Option<Value>
    where
        K: Lookup<DynamicType = ()> + Clone + Serialize + 'static,
    {
        let found = store.get(&ObjectRef::new(self.name).within(self.namespace))?;
        serde_json::to_value(found.as_ref()).ok()
    }
}

/// The objects of a namespace that carry the label of an endpoint.
pub(crate) fn labelled<K>(store: &Store<K>, namespace: &str, endpoint: &str) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + 'static,
{
    store
        .state()
        .iter()
        .filter(|object| object.meta().namespace.as_deref() == Some(namespace))
        .filter(|object| {
            object
                .labels()
                .get(plan::names::ENDPOINT_LABEL)
                .map(String::as_str)
                == Some(endpoint)
        })
        .map(|object| K::clone(object))
        .collect()
}
