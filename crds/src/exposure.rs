//! What stands between the clients and the gateways.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How clients reach the gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.type != 'ClusterIP' || self.externalTrafficPolicy == 'Cluster'",
    "externalTrafficPolicy Local needs traffic from outside: remove it, or write type LoadBalancer or NodePort"
), validation = (
    "self.type == 'LoadBalancer' || !has(self.loadBalancerClass)",
    "loadBalancerClass belongs to type LoadBalancer: remove it, or write that type"
), validation = (
    "self.type != 'LoadBalancer' || oldSelf.type != 'LoadBalancer' || (has(self.loadBalancerClass) ? self.loadBalancerClass : '') == (has(oldSelf.loadBalancerClass) ? oldSelf.loadBalancerClass : '')",
    "loadBalancerClass cannot change while type is LoadBalancer: create a new SecureFtpEndpoint"
))]
pub struct Exposure {
    /// The type of the Service in front of all gateways. Default: `LoadBalancer`.
    /// `LoadBalancer`: an address from outside. `NodePort`: ports of the nodes; clients are told these ports, and
    /// `dataConnections.passive.address` names the node or what stands before it. `ClusterIP`: inside the cluster only.
    #[serde(rename = "type", default)]
    pub kind: ExposureType,
    /// Whether traffic from outside may go over another node, which hides the clients' addresses. Default: `Cluster`.
    /// `Cluster`: it may. `Local`: it may not, so gateways see their clients' addresses; only with one replica.
    #[serde(default)]
    pub external_traffic_policy: ExternalTrafficPolicy,
    /// The class of the load balancer, where a cluster has several; only with `LoadBalancer`. It cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(
            pattern = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
        )
    )]
    pub load_balancer_class: Option<String>,
    /// Annotations of the Service, such as those that tell a cloud's load balancer what to do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
    /// Who may say where a connection comes from.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
}

/// The type of the Service in front of all gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExposureType {
    /// An address from outside.
    #[default]
    LoadBalancer,
    /// Ports of the nodes.
    NodePort,
    /// Inside the cluster only.
    ClusterIP,
}

/// Whether traffic from outside may go over another node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExternalTrafficPolicy {
    /// It may: clients' addresses are hidden.
    #[default]
    Cluster,
    /// It may not: clients' addresses are seen.
    Local,
}

/// Who may say in a PROXY header (version 2) where a connection comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.mode == 'Disabled' || (has(self.trustedCIDRs) && size(self.trustedCIDRs) > 0)",
    "nobody is trusted to send PROXY headers: add the network of the balancer to trustedCIDRs"
))]
pub struct ProxyProtocol {
    /// Whether a header is expected, on every port. Default: `Disabled`.
    /// `Disabled`: no. `Optional`: it is read where one comes from a trusted network; other connections are served, and
    /// their address does not count as the client's. `Required`: a connection without one from a trusted network is closed.
    #[serde(default)]
    pub mode: ProxyMode,
    /// The networks of those who are believed, such as `10.0.0.0/8`. At least one unless the mode is `Disabled`.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        rename = "trustedCIDRs"
    )]
    #[schemars(length(max = 64), inner(length(min = 1, max = 49)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = (
            "self.all(c, isCIDR(c))",
            "an entry of trustedCIDRs is no network: write an address and a prefix length, for example 10.0.0.0/8"
        )
    )]
    pub trusted_cidrs: Vec<String>,
}

/// Whether a PROXY header is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProxyMode {
    /// No.
    #[default]
    Disabled,
    /// From those who are trusted.
    Optional,
    /// From everybody.
    Required,
}
