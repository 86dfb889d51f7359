//! `secureftp local` with FTPS listeners: certificates, the folder of the gateway, and the sheet.

use std::{fs, path::PathBuf};

use gateway_config::{Binding, Endpoint};

use crate::place::{Place, Running};

#[test]
fn every_ftps_listener_gets_its_certificate() {
    let place = Place::with("ftps");

    let running = start(&place);

    let issued = fs::read(gateway(&place).join("tls/ftps/tls.crt")).unwrap();
    let kept = state(&place).join("certificates/default/partners/ftps/tls.crt");
    assert_eq!(issued, fs::read(kept).unwrap());
    let written = fs::read_to_string(gateway(&place).join("tls/implicit/tls.key")).unwrap();
    let manifest = place.read("partners.yaml");
    let line = written.lines().nth(1).unwrap();
    assert!(manifest.contains(line), "the key of the Secret");
    for needed in [
        "trust        state/ca/ca.crt, made here",
        "trust        from the Secret partners-tls",
        "--ssl-reqd --cacert state/ca/ca.crt --user supplier ftp://127.",
        "--insecure --pinnedpubkey sha256//",
    ] {
        running.sheet_line(needed);
    }
}

#[test]
fn a_second_start_keeps_authority_and_certificates() {
    let place = Place::with("ftps");
    let files = || {
        [
            "ca/ca.crt",
            "ca/ca.key",
            "endpoints/default/partners/tls/ftps/tls.crt",
        ]
        .map(|file| fs::read_to_string(state(&place).join(file)).unwrap())
    };

    stop(start(&place));
    let first = files();
    stop(start(&place));

    assert_eq!(first, files());
}

#[test]
fn other_names_make_another_certificate_of_the_same_authority() {
    let place = Place::with("ftps");
    let running = start(&place);
    let read = |file: &str| fs::read_to_string(state(&place).join(file)).unwrap();
    let files = || {
        [
            read("ca/ca.crt"),
            read("endpoints/default/partners/tls/ftps/tls.crt"),
        ]
    };
    let [authority, certificate] = files();

    place.edit("partners.yaml", |text| {
        text.replacen("dnsNames: [ftp.example.com]", "dnsNames: [example.com]", 1)
    });

    running.lines_until("default/partners: certificate of the listener ftps changed");
    let [same_authority, other_certificate] = files();
    assert_eq!(authority, same_authority);
    assert_ne!(certificate, other_certificate);
}

#[test]
fn the_certificate_of_a_listener_that_is_gone_goes() {
    let place = Place::with("ftps");
    stop(start(&place));
    assert!(gateway(&place).join("tls/implicit/tls.key").exists());

    place.edit("partners.yaml", |text| {
        let (before, rest) = text.split_once("    - name: implicit\n").unwrap();
        let (_, after) = rest.split_once("  dataConnections:").unwrap();
        format!("{before}  dataConnections:{after}")
    });
    stop(start(&place));

    assert!(!gateway(&place).join("tls/implicit").exists());
    assert!(gateway(&place).join("tls/ftps/tls.key").exists());
}

#[test]
fn an_endpoint_without_sftp_has_no_host_key() {
    let place = Place::with("ftps");
    place.edit("partners.yaml", |text| {
        let (before, rest) = text.split_once("    - name: sftp\n").unwrap();
        let (_, after) = rest.split_once("    - name: ftps\n").unwrap();
        format!("{before}    - name: ftps\n{after}")
    });

    let running = start(&place);

    running.sheet_line("--user supplier ftp://");
    for folder in [state(&place), gateway(&place)] {
        assert!(!folder.join("host-keys").exists(), "{}", folder.display());
    }
    let known_hosts = fs::read(state(&place).join("known_hosts")).unwrap();
    assert!(known_hosts.is_empty());
}

#[test]
fn this_machine_has_the_whole_range_and_tells_its_own_address() {
    let place = Place::with("ftps");

    let running = start(&place);

    let endpoint: Endpoint =
        serde_json::from_slice(&fs::read(gateway(&place).join("endpoint.json")).unwrap()).unwrap();
    let data_connections = endpoint.data_connections.unwrap();
    let ports: Vec<u16> = data_connections
        .passive
        .ports
        .iter()
        .map(|port| port.bound)
        .collect();
    assert_eq!(ports, [30000, 30001, 30002, 30003]);
    let address = data_connections.passive.address.unwrap();
    assert!(address.is_loopback(), "{address}");
    assert_eq!(data_connections.binding, Binding::TlsPreferred);
    running.sheet_line("ports     30000 to 30003");
    running.sheet_line(&format!("PASV says {address}"));
}

#[test]
fn clients_of_every_address_are_told_that_of_the_manifest() {
    let place = Place::with("ftps");
    place.edit("partners.yaml", |text| {
        text.replace("start: 30000, end: 30003", "start: 29000, end: 29003")
    });

    let running = place.start_with(&["--bind", "0.0.0.0"]);

    running.sheet_line("PASV says 203.0.113.7");
}

/// At an address of its own, where its passive ports are free.
pub(crate) fn start(place: &Place) -> Running {
    place.start_with(&["--bind", &place.address.to_string()])
}

fn state(place: &Place) -> PathBuf {
    place.folder().join("state")
}

fn gateway(place: &Place) -> PathBuf {
    state(place).join("endpoints/default/partners")
}

fn stop(mut running: Running) {
    running.signal(rustix::process::Signal::TERM);
    assert!(running.ended().success());
}
