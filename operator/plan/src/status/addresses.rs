//! Where clients connect.

use std::net::Ipv4Addr;

use crds::{AddressStatus, AddressType, ExposureType, ListenerStatus, SecureFtpEndpoint};
use k8s_openapi::api::core::v1::Service;

use crate::Told;

/// The addresses of an endpoint: what its balancer has, what is written for its nodes, or what the cluster gave it.
pub(super) fn addresses(
    endpoint: &SecureFtpEndpoint,
    service: Option<&Service>,
) -> Vec<AddressStatus> {
    match endpoint.spec.exposure.kind {
        ExposureType::LoadBalancer => service.map(of_the_balancer).unwrap_or_default(),
        // Nobody but the author knows by which address the nodes are reached.
        ExposureType::NodePort => written(endpoint).into_iter().collect(),
        ExposureType::ClusterIP => service.map(of_the_cluster).unwrap_or_default(),
    }
}

/// The ports of the listeners; one whose port is not known yet is left out.
pub(super) fn listeners(endpoint: &SecureFtpEndpoint, told: &Told) -> Vec<ListenerStatus> {
    let listeners = endpoint.spec.listeners.iter();
    listeners
        .filter_map(|listener| {
            Some(ListenerStatus {
                name: listener.name.clone(),
                port: told.port(listener.port, listener.port)?,
            })
        })
        .collect()
}

fn of_the_balancer(service: &Service) -> Vec<AddressStatus> {
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_ref());
    ingress
        .into_iter()
        .flatten()
        .filter_map(|ingress| match (&ingress.ip, &ingress.hostname) {
            (Some(address), _) => Some(ip(address)),
            (None, Some(name)) => Some(AddressStatus {
                kind: AddressType::Hostname,
                value: name.clone(),
            }),
            (None, None) => None,
        })
        .collect()
}

fn of_the_cluster(service: &Service) -> Vec<AddressStatus> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let all = spec.cluster_ips.iter().flatten();
    let mut addresses: Vec<&String> = spec.cluster_ip.iter().chain(all).collect();
    // The first of `clusterIPs` is `clusterIP` again.
    addresses.dedup();
    addresses
        .into_iter()
        .filter(|address| !address.is_empty() && *address != "None")
        .map(|address| ip(address))
        .collect()
}

fn written(endpoint: &SecureFtpEndpoint) -> Option<AddressStatus> {
    let connections = endpoint.spec.data_connections.as_ref()?;
    let address: Ipv4Addr = connections.passive.address.as_ref()?.parse().ok()?;
    Some(ip(&address.to_string()))
}

fn ip(address: &str) -> AddressStatus {
    AddressStatus {
        kind: AddressType::IpAddress,
        value: address.to_owned(),
    }
}
