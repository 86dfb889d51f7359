//! The ports of FTPS' data connections: bound with the listeners, or not at all.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use gateway::{
    drain::Arrivals,
    server::{Server, StartError},
};
use gateway_config::{
    Active, ActiveMode, Binding, DataConnections, Encryption, Passive, PassivePort, Protocol, Tls,
    TlsVersion,
};
use prometheus::Registry;

use super::fixture::{Folder, HOUR, Visitor, eventually, listener, text};

/// Where nobody else listens, so that a port that was free a moment ago still is.
pub(super) const DATA: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A folder with FTPS beside SFTP, and these passive ports.
pub(super) fn folder(ports: &[u16]) -> Folder {
    let mut folder = Folder::new();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::create_dir_all(folder.path().join("tls/ftps")).unwrap();
    folder.write("tls/ftps/tls.crt", cert.pem().as_bytes());
    folder.write("tls/ftps/tls.key", signing_key.serialize_pem().as_bytes());
    folder.change(|endpoint| {
        let mut ftps = listener("ftps");
        ftps.protocol = Protocol::FtpsExplicit;
        ftps.tls = Some(Tls {
            encryption: Encryption::Required,
            min_version: TlsVersion::V1_2,
        });
        endpoint.listeners.push(ftps);
        endpoint.data_connections = Some(DataConnections {
            binding: Binding::TlsPreferred,
            passive: Passive {
                listen: DATA.into(),
                ports: passive_ports(ports),
                address: Some(DATA),
                wait_seconds: 10,
                connect_seconds: 10,
            },
            active: Active {
                mode: ActiveMode::Deny,
                message: "use PASV".to_owned(),
            },
        });
    });
    folder
}

fn passive_ports(ports: &[u16]) -> Vec<PassivePort> {
    let port = |port: &u16| PassivePort {
        bound: *port,
        advertised: *port,
    };
    ports.iter().map(port).collect()
}

fn change_ports(folder: &mut Folder, ports: &[u16]) {
    folder.change(|endpoint| {
        let connections = endpoint.data_connections.as_mut().unwrap();
        connections.passive.ports = passive_ports(ports);
    });
}

/// Ports that were free a moment ago.
pub(super) fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    // All at once, so that they differ.
    let sockets = [(); COUNT].map(|()| TcpListener::bind((DATA, 0)).unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((DATA, port)).is_ok()
}

#[tokio::test]
async fn passive_ports_are_bound_at_the_start_and_shown() {
    let ports = free_ports::<2>();
    let folder = folder(&ports);
    let registry = Registry::new();

    let _server = Server::start(&folder.path(), &registry).await.unwrap();

    assert!(ports.into_iter().all(is_open));
    for series in [
        "secureftp_passive_ports{endpoint=\"b2b/partners\",state=\"free\"} 2\n",
        "secureftp_passive_ports{endpoint=\"b2b/partners\",state=\"reserved\"} 0\n",
        "secureftp_passive_ports_waiting{endpoint=\"b2b/partners\"} 0\n",
        // Those that have just seen whether the ports are open.
        "secureftp_passive_connections_total{endpoint=\"b2b/partners\",outcome=\"probe\"} 2\n",
    ] {
        eventually(series, || text(&registry).contains(series)).await;
    }
}

#[tokio::test]
async fn a_passive_port_in_use_is_an_error_that_names_it_and_the_mend() {
    let taken = TcpListener::bind((DATA, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = folder(&[port]);

    let error = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap_err();

    assert!(matches!(error, StartError::PassivePort { .. }), "{error}");
    let expected = format!(
        "passive port {port} cannot be bound: another program listens there, or this gateway itself elsewhere; \
         stop the program, or leave the port out of the passive ports; what this gateway has itself moves in two \
         changes, first away and then here, or with a restart"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn passive_ports_come_and_go_with_a_reload() {
    let [stays, goes, comes] = free_ports();
    let mut folder = folder(&[stays, goes]);
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let served = server.serves();

    change_ports(&mut folder, &[stays, comes]);

    eventually("it is reloaded", || server.serves() != served).await;
    assert!(is_open(stays));
    assert!(is_open(comes));
    eventually("it is closed", || !is_open(goes)).await;
}

#[tokio::test]
async fn an_endpoint_without_ftps_any_more_unbinds_its_passive_ports() {
    let [port] = free_ports();
    let mut folder = folder(&[port]);
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    assert!(is_open(port));

    folder.change(|endpoint| {
        endpoint.listeners.truncate(1);
        endpoint.data_connections = None;
    });

    eventually("it is closed", || !is_open(port)).await;
    drop(server);
}

#[tokio::test]
async fn a_passive_port_that_cannot_be_bound_changes_nothing() {
    let taken = TcpListener::bind((DATA, 0)).unwrap();
    let in_use = taken.local_addr().unwrap().port();
    let [stays, comes] = free_ports();
    let mut folder = folder(&[stays]);
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let (addresses, served) = (server.addresses(), server.serves());

    folder.change(|endpoint| {
        endpoint.listeners.push(listener("second"));
        let connections = endpoint.data_connections.as_mut().unwrap();
        connections.passive.ports = passive_ports(&[comes, in_use]);
    });

    let refused = "secureftp_configuration_refused{endpoint=\"b2b/partners\"} 1\n";
    eventually("it is refused", || text(&registry).contains(refused)).await;
    assert_eq!(server.serves(), served);
    assert_eq!(server.addresses(), addresses);
    assert!(is_open(stays));
    assert!(!is_open(comes));

    drop(taken);
    eventually("it is served", || server.serves() != served).await;
    assert!(is_open(comes) && is_open(in_use));
    eventually("it is closed", || !is_open(stays)).await;
}

#[tokio::test]
async fn passive_ports_stay_bound_in_a_drain_and_go_with_the_server() {
    let [port] = free_ports();
    let folder = folder(&[port]);
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let mut guest = Visitor::arrive(server.addresses()[0].1).await;
    guest.greeting().await;

    server.drain(HOUR, Arrivals::Serve);
    server.stop_listening();
    assert!(is_open(port));

    drop(server);
    eventually("it is closed", || !is_open(port)).await;
}
