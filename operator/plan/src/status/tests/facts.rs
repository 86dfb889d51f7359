//! What a status tells besides conditions.

use crds::{AddressType, Binding, ExposureType, ExternalTrafficPolicy, PassiveAllocation};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};

use super::scene::{Scene, parse};
use crate::Told;

#[test]
fn clients_find_the_address_of_the_balancer_and_the_written_ports() {
    let status = Scene::well().status();

    assert_eq!(
        addresses(&status),
        [(AddressType::IpAddress, "203.0.113.7")]
    );
    assert_eq!(ports(&status), [("sftp", 22), ("ftps", 21)]);
    assert_eq!(
        status.selector,
        "app.kubernetes.io/name=secureftp-gateway,secureftp.dev/endpoint=partners"
    );
}

#[test]
fn a_balancer_may_have_a_name() {
    let mut scene = Scene::well();
    *scene.service() =
        parse("status: { loadBalancer: { ingress: [{ hostname: lb.example.com }] } }");

    let status = scene.status();

    assert_eq!(
        addresses(&status),
        [(AddressType::Hostname, "lb.example.com")]
    );
}

#[test]
fn inside_the_cluster_clients_find_the_address_of_the_service() {
    let mut scene = Scene::well();
    scene.endpoint.spec.exposure.kind = ExposureType::ClusterIP;

    assert_eq!(
        addresses(&scene.status()),
        [(AddressType::IpAddress, "10.0.0.7")]
    );
}

#[test]
fn behind_nodes_clients_find_the_written_address_and_the_ports_of_the_nodes() {
    let mut scene = Scene::well();
    scene.endpoint.spec.exposure.kind = ExposureType::NodePort;
    let connections = scene.endpoint.spec.data_connections.as_mut().unwrap();
    connections.passive.address = Some("198.51.100.4".to_owned());
    scene.told = Told::Otherwise([(22, 31022)].into());

    let status = scene.status();

    assert_eq!(
        addresses(&status),
        [(AddressType::IpAddress, "198.51.100.4")]
    );
    assert_eq!(ports(&status), [("sftp", 31022)]);
}

#[test]
fn every_slot_shows_its_passive_ports_also_while_it_leaves() {
    let mut scene = Scene::well();
    scene.endpoint.spec.replicas = 2;
    scene.roll.serving = [1].into();
    scene.roll.leaving = [2].into();
    scene.observed.pods = vec![parse::<Pod>(
        "metadata: { name: partners-0-0, labels: { secureftp.dev/slot: '0' }, deletionTimestamp: 2026-03-01T12:00:00Z }",
    )];

    let allocations = scene.status().passive_allocations;

    assert_eq!(
        allocations,
        [
            allocation(0, 30000, [false, true]),
            allocation(1, 30016, [true, false]),
            allocation(2, 30032, [false, true]),
        ]
    );
}

#[test]
fn a_slot_beyond_the_range_has_no_passive_ports() {
    let mut scene = Scene::well();
    scene.endpoint.spec.replicas = 100;

    assert_eq!(scene.status().passive_allocations.len(), 3);
}

#[test]
fn without_ftps_there_are_no_passive_ports() {
    let mut scene = Scene::well();
    scene.endpoint.spec.listeners.truncate(1);

    let status = scene.status();

    assert_eq!(status.passive_allocations, []);
    assert_eq!(status.certificates, []);
}

#[test]
fn the_binding_is_the_written_one_or_the_one_that_was_chosen() {
    let mut scene = Scene::well();

    let hidden = scene.status().data_connection_binding;
    scene.endpoint.spec.exposure.external_traffic_policy = ExternalTrafficPolicy::Local;
    let seen = scene.status().data_connection_binding;
    let connections = scene.endpoint.spec.data_connections.as_mut().unwrap();
    connections.binding = Some(Binding::Address);
    let written = scene.status().data_connection_binding;
    scene.endpoint.spec.listeners.truncate(1);
    let without_ftps = scene.status().data_connection_binding;

    assert_eq!(hidden, Some(Binding::TlsRequired));
    assert_eq!(seen, Some(Binding::TlsPreferred));
    assert_eq!(written, Some(Binding::Address));
    assert_eq!(without_ftps, None);
}

#[test]
fn every_ftps_listener_shows_its_secret_and_the_certificate_that_it_serves() {
    let mut scene = Scene::well();
    scene.endpoint.spec.listeners = parse(
        "
- { name: sftp, protocol: SFTP, port: 22, tls: { secretRef: { name: of-no-use } } }
- { name: ftps, protocol: FTPSExplicit, port: 21, tls: { secretRef: { name: partners-tls } } }
- { name: implicit, protocol: FTPSImplicit, port: 990, tls: { issuerRef: { kind: Issuer, name: ca } } }
",
    );

    let certificates = scene.status().certificates;

    let shown: Vec<_> = certificates
        .iter()
        .map(|one| (one.listener.as_str(), one.secret.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("ftps", "partners-tls"),
            ("implicit", "partners-implicit-tls")
        ]
    );
    assert!(certificates[0].not_after.is_some() && certificates[0].sha256.is_some());
    assert!(certificates[1].not_after.is_none() && certificates[1].sha256.is_none());
}

#[test]
fn the_fingerprints_of_lost_host_keys_are_kept() {
    let mut scene = Scene::well();
    let first = scene.status();
    assert_eq!(first.host_key_fingerprints.len(), 1);
    scene.endpoint.status = Some(first.clone());
    scene.host_keys.clear();

    let second = scene.status();

    assert_eq!(second.host_key_fingerprints, first.host_key_fingerprints);
}

#[test]
fn during_a_roll_the_version_is_the_older_one() {
    let mut scene = Scene::well();
    assert_eq!(scene.status().version, None);

    scene.observed.stateful_sets = vec![stateful_set("1.4.0"), stateful_set("1.3.9")];
    let rolling = scene.status();
    scene.observed.stateful_sets = vec![stateful_set("1.4.0"), stateful_set("1.4.0")];
    let rolled = scene.status();

    assert_eq!(rolling.version.as_deref(), Some("1.3.9"));
    assert_eq!(rolled.version.as_deref(), Some("1.4.0"));
    assert_eq!(rolled.replicas, 2);
    assert_eq!(rolled.ready_replicas, 3);
}

fn addresses(status: &crds::SecureFtpEndpointStatus) -> Vec<(AddressType, &str)> {
    let addresses = status.addresses.iter();
    addresses
        .map(|address| (address.kind, address.value.as_str()))
        .collect()
}

fn ports(status: &crds::SecureFtpEndpointStatus) -> Vec<(&str, u16)> {
    let listeners = status.listeners.iter();
    listeners
        .map(|listener| (listener.name.as_str(), listener.port))
        .collect()
}

fn allocation(slot: u16, start: u16, [ready, draining]: [bool; 2]) -> PassiveAllocation {
    PassiveAllocation {
        slot,
        start,
        end: start + 15,
        ready,
        draining,
    }
}

fn stateful_set(version: &str) -> StatefulSet {
    parse(&format!(
        "{{ metadata: {{ labels: {{ app.kubernetes.io/version: {version} }} }}, status: {{ replicas: 1 }} }}"
    ))
}
