//! Who may reach the gateways, and whom they may reach: nobody.

use crds::SecureFtpEndpoint;
use k8s_openapi::{
    api::networking::v1::{
        NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
        NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::ports::{ADMIN_PORT, Ports, TCP};
use crate::{names, problem::name_of};

/// The `NetworkPolicy`. A gateway opens no connection: it needs neither names nor the API server, and its volume and its
/// configuration are mounted by the node. Answers to what comes in are not egress.
pub(crate) fn network_policy(endpoint: &SecureFtpEndpoint) -> NetworkPolicy {
    let name = name_of(&endpoint.metadata);
    let ports = Ports::of(endpoint);
    let listeners = ports.listeners.iter().map(|port| policy_port(*port, None));
    let passive = ports
        .range()
        .map(|(start, end)| policy_port(start, Some(end)));
    let clients = NetworkPolicyIngressRule {
        from: None,
        ports: Some(listeners.chain(passive).collect()),
    };
    let scrapers = NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector::default()),
            ..NetworkPolicyPeer::default()
        }]),
        ports: Some(vec![policy_port(ADMIN_PORT, None)]),
    };
    NetworkPolicy {
        metadata: names::owned(endpoint, names::service(name)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(names::pods(name)),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(vec![clients, scrapers]),
            egress: None,
        }),
    }
}

fn policy_port(port: u16, end: Option<u16>) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(port.into())),
        end_port: end.map(Into::into),
        protocol: Some(TCP.to_owned()),
    }
}
