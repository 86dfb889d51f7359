//! What stands between the clients and the gateways.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How clients reach the gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Exposure {
    /// Who may say where a connection comes from.
    pub proxy_protocol: ProxyProtocol,
}

/// Who may say in a PROXY header (version 2) where a connection comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
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
