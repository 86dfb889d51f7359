//! Certificates in the folder, and what FTPS needs beside them.

use std::{fs, path::PathBuf};

use gateway::{
    reload::{LoadError, load},
    server::Server,
};
use gateway_config::{
    Active, ActiveMode, Binding, DataConnections, Digest, Encryption, Endpoint, Listener, Passive,
    PassivePort, Protocol, ProxyMode, Tls, TlsVersion,
};
use prometheus::Registry;
use rustls_pki_types::CertificateDer;

use super::fixture::{Folder, eventually, listener, text};

fn ftps(name: &str) -> Listener {
    Listener {
        protocol: Protocol::FtpsExplicit,
        tls: Some(Tls {
            encryption: Encryption::Required,
            min_version: TlsVersion::V1_2,
        }),
        ..listener(name)
    }
}

fn data_connections() -> DataConnections {
    DataConnections {
        binding: Binding::TlsPreferred,
        passive: Passive {
            listen: [127, 0, 0, 1].into(),
            ports: vec![PassivePort {
                bound: 0,
                advertised: 0,
            }],
            address: None,
            wait_seconds: 10,
            connect_seconds: 30,
        },
        active: Active {
            mode: ActiveMode::Deny,
            message: String::new(),
        },
    }
}

/// Writes a new certificate and its key for this listener.
pub(super) fn renew(folder: &Folder, listener: &str) -> CertificateDer<'static> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::create_dir_all(folder.path().join("tls").join(listener)).unwrap();
    let file = |name: &str| format!("tls/{listener}/{name}");
    folder.write(&file("tls.crt"), certified.cert.pem().as_bytes());
    folder.write(
        &file("tls.key"),
        certified.signing_key.serialize_pem().as_bytes(),
    );
    certified.cert.into()
}

/// A folder with SFTP and FTPS.
fn folder() -> Folder {
    let mut folder = Folder::new();
    renew(&folder, "ftps");
    folder.change(|endpoint| {
        endpoint.listeners.push(ftps("ftps"));
        endpoint.data_connections = Some(data_connections());
    });
    folder
}

#[test]
fn every_ftps_listener_gets_its_certificate() {
    let mut folder = folder();
    renew(&folder, "second");
    folder.change(|endpoint| endpoint.listeners.push(ftps("second")));

    let loaded = load(&folder.path()).unwrap();

    let names: Vec<_> = loaded.tls.keys().collect();
    assert_eq!(names, ["ftps", "second"]);
    assert_ne!(loaded.tls["ftps"], loaded.tls["second"]);
}

#[tokio::test]
async fn an_endpoint_without_sftp_needs_no_host_keys() {
    let mut folder = folder();
    folder.change(|endpoint| endpoint.listeners = vec![ftps("ftps")]);
    fs::remove_dir_all(folder.path().join("host-keys")).unwrap();

    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    assert_eq!(server.addresses().len(), 1);

    folder.change(|endpoint| endpoint.listeners.push(listener("sftp")));
    let error = load(&folder.path()).unwrap_err();
    assert!(matches!(error, LoadError::NoHostKey));
}

/// The end of certificates that say nothing else, 4096-01-01.
const END: &str = "67090118400";

#[tokio::test]
async fn the_end_of_every_certificate_that_is_served_is_shown() {
    let mut folder = folder();
    renew(&folder, "second");
    folder.change(|endpoint| endpoint.listeners.push(ftps("second")));
    let registry = Registry::new();
    let _server = Server::start(&folder.path(), &registry).await.unwrap();
    let shows = |listener: &str| {
        text(&registry).contains(&format!(
            "secureftp_certificate_expiry_timestamp_seconds{{endpoint=\"b2b/partners\",listener=\"{listener}\"}} {END}\n"
        ))
    };

    eventually("both are shown", || shows("ftps") && shows("second")).await;
    folder.change(|endpoint| {
        endpoint
            .listeners
            .retain(|listener| listener.name != "second");
    });
    eventually("one is gone", || shows("ftps") && !shows("second")).await;
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for name in ["tls.crt", "tls.key"] {
        let folder = folder();
        let missing: PathBuf = folder.path().join("tls/ftps").join(name);
        fs::remove_file(&missing).unwrap();

        let error = load(&folder.path()).unwrap_err();

        assert!(matches!(error, LoadError::Read { path, .. } if path == missing));
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_picked_up() {
    let folder = folder();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let served = server.serves();
    let shown = || server.serving()().unwrap().listeners["ftps"].clone();

    let renewed = renew(&folder, "ftps");

    eventually("it is served", || {
        text(&registry).contains(
            "secureftp_configuration_reloads_total{endpoint=\"b2b/partners\",outcome=\"applied\"} 1",
        )
    })
    .await;
    assert_eq!(server.serves(), served, "nothing else has changed");
    assert_eq!(shown().certificate, Some(Digest::of(&renewed)));
}

#[tokio::test]
async fn a_certificate_without_its_key_changes_nothing_until_the_key_is_there() {
    let mut folder = folder();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let served = server.serves();

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("tls/ftps/tls.crt", other.cert.pem().as_bytes());
    folder.change(|endpoint| endpoint.limits.sessions = 5);

    eventually("the change is refused", || {
        text(&registry).contains("secureftp_configuration_refused{endpoint=\"b2b/partners\"} 1")
    })
    .await;
    assert_eq!(server.serves(), served);

    folder.write(
        "tls/ftps/tls.key",
        other.signing_key.serialize_pem().as_bytes(),
    );
    eventually("it is served", || server.serves() != served).await;
}

#[test]
fn what_does_not_fit_together_is_refused_by_its_field() {
    check_refused(&[
        ("`ftps` speaks FTPS and has no tls", |endpoint| {
            endpoint.listeners[1].tls = None;
        }),
        ("`sftp` has tls", |endpoint| {
            endpoint.listeners[0].tls = endpoint.listeners[1].tls.clone();
        }),
        (
            "tls.encryption of listener `ftps` is Optional",
            |endpoint| {
                endpoint.listeners[1].protocol = Protocol::FtpsImplicit;
                endpoint.listeners[1].tls.as_mut().unwrap().encryption = Encryption::Optional;
            },
        ),
        ("no folder in tls/", |endpoint| {
            endpoint.listeners[1].name = "../users".to_owned();
        }),
        ("there are no dataConnections", |endpoint| {
            endpoint.data_connections = None;
        }),
        ("no listener speaks FTPS", |endpoint| {
            endpoint.listeners.truncate(1);
        }),
        ("ports is empty", |endpoint| {
            ports(endpoint).clear();
        }),
        ("the bound port 30000 twice", |endpoint| {
            *ports(endpoint) = vec![port(30_000, 31_742), port(30_000, 31_743)];
        }),
        ("the advertised port 31742 twice", |endpoint| {
            *ports(endpoint) = vec![port(30_000, 31_742), port(30_001, 31_742)];
        }),
        ("the advertised port 30000 twice", |endpoint| {
            *ports(endpoint) = vec![port(30_000, 0), port(30_001, 30_000)];
        }),
        ("trustedCidrs is empty", |endpoint| {
            endpoint.proxy_protocol.mode = ProxyMode::Required;
        }),
        (
            "proxyProtocol.trustedCidrs has ::ffff:10.0.0.0/104",
            |endpoint| {
                endpoint.proxy_protocol.trusted_cidrs =
                    vec!["::ffff:10.0.0.0/104".parse().unwrap()];
            },
        ),
    ]);
}

#[test]
fn times_that_never_end_are_refused_by_their_field() {
    check_refused(&[
        ("limits.loginSeconds is 604801", |endpoint| {
            endpoint.limits.login_seconds = 604_801;
        }),
        ("limits.idleSeconds is 18446744073709551615", |endpoint| {
            endpoint.limits.idle_seconds = u64::MAX;
        }),
        ("limits.banSeconds is 604801", |endpoint| {
            endpoint.limits.ban_seconds = 604_801;
        }),
        ("storage.stuckSeconds is 604801", |endpoint| {
            endpoint.storage.stuck_seconds = 604_801;
        }),
        ("drainSeconds is 604801", |endpoint| {
            endpoint.drain_seconds = 604_801;
        }),
        ("passive.waitSeconds is 604801", |endpoint| {
            passive(endpoint).wait_seconds = 604_801;
        }),
        ("passive.connectSeconds is 604801", |endpoint| {
            passive(endpoint).connect_seconds = 604_801;
        }),
    ]);
}

type Change = fn(&mut Endpoint);

fn check_refused(cases: &[(&str, Change)]) {
    for &(reason, change) in cases {
        let mut folder = folder();

        folder.change(change);

        let error = load(&folder.path()).unwrap_err();
        assert!(matches!(error, LoadError::Contradiction(_)), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_user_from_addresses_that_nobody_has_is_refused() {
    let mut folder = folder();
    for user in folder.configuration.users.values_mut() {
        user.allowed_cidrs = vec!["::ffff:192.0.2.0/120".parse().unwrap()];
    }
    folder.render();

    let error = load(&folder.path()).unwrap_err();

    let reason = "allowedCidrs of user `supplier` has ::ffff:192.0.2.0/120";
    assert!(error.to_string().contains(reason), "{error}");
}

fn passive(endpoint: &mut Endpoint) -> &mut Passive {
    &mut endpoint.data_connections.as_mut().unwrap().passive
}

fn ports(endpoint: &mut Endpoint) -> &mut Vec<PassivePort> {
    &mut passive(endpoint).ports
}

fn port(bound: u16, advertised: u16) -> PassivePort {
    PassivePort { bound, advertised }
}
