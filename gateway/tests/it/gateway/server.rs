use std::time::Duration;

use gateway::{
    drain::Arrivals,
    server::{Server, StartError},
};
use prometheus::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::fixture::{Folder, HOUR, PATIENCE, Visitor, eventually, listener, text};

#[tokio::test]
async fn clients_are_greeted_on_every_listener() {
    let mut folder = Folder::new();
    folder.change(|endpoint| endpoint.listeners.push(listener("second")));

    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();

    let names: Vec<_> = server
        .addresses()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["sftp", "second"]);
    for (_, address) in server.addresses() {
        assert_eq!(Visitor::arrive(address).await.greeting().await, "SSH-2.0-");
    }
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_listener_address_and_mend() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut folder = Folder::new();
    let address = taken.local_addr().unwrap();
    folder.change(|endpoint| endpoint.listeners[0].address = address);

    let error = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap_err();

    let StartError::Bind(error) = error else {
        panic!("{error}");
    };
    let expected = format!(
        "listener `sftp` cannot listen on {address}: another program listens there, or this gateway itself \
         elsewhere; stop the program, or give the listener another port; what this gateway has itself moves in two \
         changes, first away and then here, or with a restart"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn one_connection_too_many_from_an_address_is_told_why() {
    let folder = Folder::new();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let (_, address) = server.addresses().remove(0);
    let mut guests = Vec::new();
    for _ in 0..3 {
        let mut guest = Visitor::arrive(address).await;
        guest.greeting().await;
        guests.push(guest);
    }

    let farewell = Visitor::arrive(address).await.farewell().await;

    assert!(
        farewell.contains("too many connections from your address"),
        "{farewell}"
    );
    assert!(text(&registry).contains(
        "secureftp_connections_total{endpoint=\"b2b/partners\",outcome=\"too_many_from_address\",protocol=\"sftp\"} 1"
    ));
}

#[tokio::test]
async fn who_does_not_speak_ssh_is_a_probe_and_no_failure() {
    let folder = Folder::new();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let (_, address) = server.addresses().remove(0);

    for bytes in ["", "SSH-", "GET / HTTP/1.1\r\n\r\n", "SSH-2.0-visitor\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The gateway may have hung up before everything is said.
        let _said = stream.write_all(bytes.as_bytes()).await.is_ok();
        let _ended = stream.shutdown().await.is_ok();
        // Whoever hangs up before the answer resets the connection, and may not be heard at all.
        let answered = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        let _closed_or_reset = answered.unwrap().is_ok();
    }

    eventually("three probes and a client are counted", || {
        let text = text(&registry);
        let counted = |outcome: &str, count: u32| {
            text.contains(&format!(
                "secureftp_connections_total{{endpoint=\"b2b/partners\",outcome=\"{outcome}\",protocol=\"sftp\"}} {count}\n",
            ))
        };
        counted("probe", 3) && counted("served", 1)
    })
    .await;
}

#[tokio::test]
async fn a_drain_tells_clients_to_go_and_those_who_come_why() {
    let folder = Folder::new();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let (_, address) = server.addresses().remove(0);
    let mut guest = Visitor::arrive(address).await;
    guest.greeting().await;
    assert_eq!(server.waiting_for().clients, 1);

    server.drain(HOUR, Arrivals::Refuse);

    let latecomer = Visitor::arrive(address).await.farewell().await;
    assert!(latecomer.contains("stopping"), "{latecomer}");
    guest.farewell().await;
    timeout(PATIENCE, server.finished()).await.unwrap();
    assert!(!server.is_ready());
}

#[tokio::test]
async fn a_drain_that_serves_arrivals_serves_them() {
    let folder = Folder::new();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let (_, address) = server.addresses().remove(0);

    server.drain(HOUR, Arrivals::Serve);

    assert_eq!(Visitor::arrive(address).await.greeting().await, "SSH-2.0-");
    assert!(server.is_ready());
}

#[tokio::test]
async fn the_deadline_ends_a_drain_that_somebody_holds_up() {
    let folder = Folder::new();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let _transfer = server.drain_handle().state().transfer();
    let (_, address) = server.addresses().remove(0);
    let mut guest = Visitor::arrive(address).await;
    guest.greeting().await;

    server.drain(Duration::ZERO, Arrivals::Serve);

    timeout(PATIENCE, server.finished()).await.unwrap();
}

#[tokio::test]
async fn a_dropped_server_frees_its_ports_and_its_metrics() {
    let mut folder = Folder::new();
    let registry = Registry::new();
    let first = Server::start(&folder.path(), &registry).await.unwrap();
    let (_, address) = first.addresses().remove(0);

    drop(first);

    folder.change(|endpoint| endpoint.listeners[0].address = address);
    let starting = async {
        loop {
            match Server::start(&folder.path(), &registry).await {
                Ok(server) => break server,
                Err(StartError::Bind(_) | StartError::Metrics(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let second = timeout(PATIENCE, starting).await.unwrap();
    assert_eq!(second.addresses()[0].1, address);
}

#[tokio::test]
async fn two_endpoints_share_a_registry() {
    let first = Folder::new();
    let mut second = Folder::new();
    second.change(|endpoint| endpoint.name = "customers".to_owned());
    let registry = Registry::new();

    let _first = Server::start(&first.path(), &registry).await.unwrap();
    let _second = Server::start(&second.path(), &registry).await.unwrap();

    let metrics = text(&registry);
    for endpoint in ["b2b/partners", "b2b/customers"] {
        assert!(metrics.contains(&format!("secureftp_sessions{{endpoint=\"{endpoint}\"}} 0")));
    }
}
