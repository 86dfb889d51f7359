//! Who may reach the gateways, and whom they may reach: nobody.

use crds::SecureFtpEndpoint;
use k8s_openapi::{
    api::networking::v1::{
        NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
        NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::ports::{ADMIN_PORT, TCP, reached};
use crate::{Observed, names, problem::name_of};

/// The `NetworkPolicy`. A gateway opens no connection: it needs neither names nor the API server, and its volume and its
/// configuration are mounted by the node. Answers to what comes in are not egress.
pub(crate) fn network_policy(endpoint: &SecureFtpEndpoint, observed: &Observed) -> NetworkPolicy {
    let name = name_of(&endpoint.metadata);
    let ranges = ranges(reached(endpoint, observed).into_keys());
    let ports = ranges.into_iter();
    let ports: Vec<_> = ports
        .map(|(start, end)| policy_port(start, Some(end).filter(|end| *end != start)))
        .collect();
    // A rule that names no port would open all of them.
    let clients = (!ports.is_empty()).then_some(NetworkPolicyIngressRule {
        from: None,
        ports: Some(ports),
    });
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
            ingress: Some(clients.into_iter().chain([scrapers]).collect()),
            egress: None,
        }),
    }
}

/// The first and the last of all ports that follow each other.
fn ranges(ports: impl IntoIterator<Item = u16>) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(port) => *end = port,
            _ => ranges.push((port, port)),
        }
    }
    ranges
}

fn policy_port(port: u16, end: Option<u16>) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(port.into())),
        end_port: end.map(Into::into),
        protocol: Some(TCP.to_owned()),
    }
}
