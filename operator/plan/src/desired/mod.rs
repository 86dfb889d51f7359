//! The objects that should exist for one endpoint, one kind a file.

mod certificate;
mod configuration;
mod disruption_budget;
mod host_keys;
mod network_policy;
mod pod;
mod ports;
mod service;
mod stateful_set;
mod users;
mod volumes;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Secret, Service},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};

pub(crate) use certificate::certificates;
pub use certificate::{CertificateRequest, CertificateSpec};
pub(crate) use configuration::configuration;
pub(crate) use disruption_budget::disruption_budget;
pub use host_keys::NewHostKeys;
pub(crate) use network_policy::network_policy;
pub(crate) use pod::{Gateways, Nodes};
pub use ports::ADMIN_PORT;
pub(crate) use ports::{listener_port_name, passive_port_name};
pub(crate) use service::{service, type_name};
pub(crate) use stateful_set::{stateful_set, without_pod};
pub use users::{KnownHash, known_hashes};
pub(crate) use users::{members, shards};
pub(crate) use volumes::{DATA_FOLDER, HostKeySource};

/// What should exist, in the order in which it is applied: what a pod refers to goes first. An object whose name belongs
/// to somebody else is not in here.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Host keys to be made once; none if there are some, or if the endpoint names its own.
    pub new_host_keys: Option<NewHostKeys>,
    /// What cert-manager is asked for; nothing while its kinds do not exist.
    pub certificates: Vec<CertificateRequest>,
    /// The users, a Secret a shard.
    pub users: Vec<Secret>,
    /// The configuration of each gateway.
    pub configurations: Vec<Secret>,
    /// Who may reach the gateways; none if its name belongs to somebody else.
    pub network_policy: Option<NetworkPolicy>,
    /// How many gateways may be away at once; none if its name belongs to somebody else.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// The one address in front of all gateways; none if its name belongs to somebody else.
    pub service: Option<Service>,
    /// The gateways whose `StatefulSet` is applied in this turn; one that must wait for another is not here.
    pub stateful_sets: Vec<StatefulSet>,
}
