//! The one address in front of all gateways.

use crds::{ExposureType, ExternalTrafficPolicy, SecureFtpEndpoint};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::ports::{TCP, reached};
use crate::{Observed, names, problem::name_of};

/// The Service. It declares the whole passive range from the first day, also the ports of slots that do not exist: so
/// scaling changes nothing here, and a port without a gateway has no endpoint.
pub(crate) fn service(endpoint: &SecureFtpEndpoint, observed: &Observed) -> Service {
    let name = name_of(&endpoint.metadata);
    let exposure = &endpoint.spec.exposure;
    let ports = reached(endpoint, observed).into_iter();
    let ports = ports.map(|(port, name)| service_port(port, name));

    let mut metadata = names::owned(endpoint, names::service(name));
    metadata.annotations = Some(exposure.annotations.clone()).filter(|all| !all.is_empty());
    let from_outside = exposure.kind != ExposureType::ClusterIP;
    let balanced = exposure.kind == ExposureType::LoadBalancer;
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(type_name(exposure.kind).to_owned()),
            selector: Some(names::selector(name)),
            ports: Some(ports.collect()),
            external_traffic_policy: from_outside
                .then(|| policy_name(exposure.external_traffic_policy).to_owned()),
            load_balancer_class: exposure.load_balancer_class.clone().filter(|_| balanced),
            publish_not_ready_addresses: Some(false),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// The type of a Service, as Kubernetes names it.
pub(crate) fn type_name(kind: ExposureType) -> &'static str {
    match kind {
        ExposureType::LoadBalancer => "LoadBalancer",
        ExposureType::NodePort => "NodePort",
        ExposureType::ClusterIP => "ClusterIP",
    }
}

fn policy_name(policy: ExternalTrafficPolicy) -> &'static str {
    match policy {
        ExternalTrafficPolicy::Cluster => "Cluster",
        ExternalTrafficPolicy::Local => "Local",
    }
}

fn service_port(port: u16, name: String) -> ServicePort {
    ServicePort {
        port: port.into(),
        protocol: Some(TCP.to_owned()),
        target_port: Some(IntOrString::String(name.clone())),
        name: Some(name),
        ..ServicePort::default()
    }
}
