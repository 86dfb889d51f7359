//! What the Service of an endpoint tells of the way that clients take.

use std::{collections::BTreeMap, net::Ipv4Addr};

use crds::{ExposureType, ExternalTrafficPolicy, SecureFtpEndpoint};
use gateway_config::ClientAddress;
use k8s_openapi::api::core::v1::Service;

use crate::{Observed, Told, desired::type_name, running};

/// The way that clients take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exposed {
    /// The address that clients connect to, if PASV can tell one and nobody has written another.
    pub(crate) address: Option<Ipv4Addr>,
    /// The ports that clients connect to.
    pub(crate) told: Told,
    /// Whether the address of a client arrives.
    pub(crate) client_address: ClientAddress,
}

impl Exposed {
    pub(crate) fn of(endpoint: &SecureFtpEndpoint, observed: &Observed) -> Self {
        let exposure = &endpoint.spec.exposure;
        // What a Service of another type tells is of yesterday.
        let service = observed.service.as_ref().filter(|service| {
            let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
            kind == Some(type_name(exposure.kind))
        });
        let (address, told) = match exposure.kind {
            ExposureType::LoadBalancer => {
                let balancer = service.and_then(balancer_address);
                let address = balancer
                    .or(observed.resolved_address)
                    .or_else(|| address_told_before(endpoint, service?, observed));
                (address, Told::AsBound)
            }
            // A node has many addresses, and which one clients can reach nobody here knows.
            ExposureType::NodePort => (None, Told::Otherwise(node_ports(service))),
            ExposureType::ClusterIP => (service.and_then(cluster_address), Told::AsBound),
        };
        Self {
            address,
            told,
            client_address: match (exposure.kind, exposure.external_traffic_policy) {
                (
                    ExposureType::LoadBalancer | ExposureType::NodePort,
                    ExternalTrafficPolicy::Local,
                ) => ClientAddress::Real,
                (_, ExternalTrafficPolicy::Cluster) | (ExposureType::ClusterIP, _) => {
                    ClientAddress::Hidden
                }
            },
        }
    }
}

fn balancer_address(service: &Service) -> Option<Ipv4Addr> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    let mut addresses = balancer.ingress.iter().flatten();
    addresses.find_map(|ingress| ingress.ip.as_ref()?.parse().ok())
}

/// What the gateways tell already, if the balancer still has the name that it had: a new operator has yet to look it up.
fn address_told_before(
    endpoint: &SecureFtpEndpoint,
    service: &Service,
    observed: &Observed,
) -> Option<Ipv4Addr> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    let host = balancer.ingress.as_ref()?.first()?.hostname.as_ref()?;
    let known = endpoint.status.as_ref()?.addresses.first()?;
    if known.value != *host {
        return None;
    }
    let mut gateways = observed.secrets.iter().filter_map(running::told);
    gateways.find_map(|gateway| gateway.data_connections?.passive.address)
}

fn cluster_address(service: &Service) -> Option<Ipv4Addr> {
    service.spec.as_ref()?.cluster_ip.as_ref()?.parse().ok()
}

fn node_ports(service: Option<&Service>) -> BTreeMap<u16, u16> {
    let spec = service.and_then(|service| service.spec.as_ref());
    let ports = spec.and_then(|spec| spec.ports.as_ref());
    ports
        .into_iter()
        .flatten()
        .filter_map(|port| {
            let told = port.node_port.filter(|told| *told != 0)?;
            Some((port.port.try_into().ok()?, told.try_into().ok()?))
        })
        .collect()
}
