//! What the cluster said, at one moment, of everything that a plan depends on besides the endpoint and its users.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, Pod, Secret, Service},
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use serde::{Deserialize, Serialize};

use crate::Heard;

/// Everything that was read for one endpoint, all from its namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Observed {
    /// How many users the endpoint would select, if this version could read them.
    pub unreadable_users: usize,
    /// The operator's own Secrets of this endpoint: users, gateways' configurations and host keys.
    pub secrets: Vec<Secret>,
    /// The `StatefulSets` of this endpoint, one a slot.
    pub stateful_sets: Vec<StatefulSet>,
    /// Their pods.
    pub pods: Vec<Pod>,
    /// What was heard of the gateways in those pods that are ready, by the name of the pod.
    pub gateways: BTreeMap<String, Heard>,
    /// The Service of this endpoint.
    pub service: Option<Service>,
    /// The IPv4 address of the Service's load balancer, if the Service's status names a host: what its name resolves to.
    pub resolved_address: Option<Ipv4Addr>,
    /// The claim that the endpoint names.
    pub claim: Option<PersistentVolumeClaim>,
    /// Whether cert-manager's kinds exist.
    pub cert_manager: CertManager,
    /// What cert-manager says of the Certificates of this endpoint, by their name.
    pub certificates: BTreeMap<String, Vec<Condition>>,
    /// Objects that have the name of one that is wanted and belong to somebody else, as `Kind name`.
    pub foreign: Vec<String>,
    /// What of this plan was applied in vain. Only the status depends on it.
    pub refused: Vec<Refusal>,
}

/// An object that the API server does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("the API server refuses the {kind} {name}: {message}")]
pub struct Refusal {
    /// The kind of the object.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// Why, in the words of the API server.
    pub message: String,
}

/// Whether cert-manager's kinds exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertManager {
    /// They do.
    Installed,
    /// They do not, or not yet.
    #[default]
    Missing,
}
