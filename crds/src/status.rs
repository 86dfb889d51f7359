//! What the operator answers: where clients are served, and what is left to mend.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Binding;

/// What became of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecureFtpEndpointStatus {
    /// The generation of the endpoint that all of this speaks of.
    pub observed_generation: i64,
    /// How many gateways there are.
    pub replicas: u32,
    /// How many gateways serve.
    pub ready_replicas: u32,
    /// How many gateways say that they serve what they were given last: users, configuration and certificates. One that
    /// waits for its new pod was given what its old one can serve.
    pub programmed_replicas: u32,
    /// Which pods are gateways of this endpoint, as a label selector.
    pub selector: String,
    /// The version of the gateways; of the older ones during a roll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where clients connect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub addresses: Vec<AddressStatus>,
    /// At which ports clients connect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub listeners: Vec<ListenerStatus>,
    /// Which gateway has which passive ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["slot"]))]
    pub passive_allocations: Vec<PassiveAllocation>,
    /// How data connections prove that they belong to their session: as it is written, or else as it was chosen by whether
    /// gateways see the addresses of all clients. Absent without FTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_connection_binding: Option<Binding>,
    /// The host keys that SFTP clients see, as `ssh-keygen -l` shows them: `SHA256:…`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub host_key_fingerprints: Vec<String>,
    /// The certificates that FTPS clients see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["listener"]))]
    pub certificates: Vec<CertificateStatus>,
    /// How the endpoint is: `Ready` sums up `Accepted` (what is written can be served), `ResolvedRefs` (what it names is
    /// there), `CertificateReady`, `Programmed` (the objects of the cluster are as wanted, clients have an address) and
    /// `Progressing` (gateways are being started or replaced, or load what is new). Only while they are true: `Reconciling`
    /// (it becomes ready by itself) and `Stalled` (somebody has to mend something), for tools that know kstatus.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

impl SecureFtpEndpointStatus {
    /// The condition of this type, if it is there.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        let mut conditions = self.conditions.iter();
        conditions.find(|condition| condition.type_ == kind)
    }

    /// Whether the condition of this type is there and true.
    pub fn is_true(&self, kind: &str) -> bool {
        let condition = self.condition(kind);
        condition.is_some_and(|condition| condition.status == "True")
    }
}

/// An address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressStatus {
    /// What the value is.
    #[serde(rename = "type")]
    pub kind: AddressType,
    /// The address.
    pub value: String,
}

/// What an address is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum AddressType {
    /// An IP address.
    #[serde(rename = "IPAddress")]
    IpAddress,
    /// A host name.
    Hostname,
}

/// Where clients find a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// The name of the listener.
    pub name: String,
    /// The port that clients connect to; with `NodePort` that of the nodes.
    pub port: u16,
}

/// The passive ports of one gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PassiveAllocation {
    /// The number of the gateway, from 0.
    pub slot: u16,
    /// The first port.
    pub start: u16,
    /// The last port.
    pub end: u16,
    /// Whether this gateway serves.
    pub ready: bool,
    /// Whether it only lets its last transfers end.
    #[serde(default)]
    pub draining: bool,
}

/// The certificate of one FTPS listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// The name of the listener.
    pub listener: String,
    /// The Secret that holds it.
    pub secret: String,
    /// When it ends. Absent while there is none that can be served, as is the digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,
    /// SHA-256 of the certificate in lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What became of a user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecureFtpUserStatus {
    /// The generation of the user that all of this speaks of.
    pub observed_generation: i64,
    /// What became of the user at each endpoint that selects it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub endpoints: Vec<UserEndpointStatus>,
    /// `Ready`: whether every endpoint that selects the user serves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// What became of a user at one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserEndpointStatus {
    /// The name of the endpoint.
    pub name: String,
    /// `Ready`: whether the user may log in here.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
