//! The configuration changes while ports are in use.

use std::net::Ipv4Addr;

use gateway_config::{Binding, DataConnections, Passive, PassivePort};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::sockets::{
    LOCALHOST, PATIENCE, bind, bound, claimant, connect, connections, passive, reserve, until,
};

#[tokio::test]
async fn a_change_keeps_the_ports_that_stay() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let port = reservation.advertised().port;
    let mut client = connect(port).await;

    ports
        .change(&connections(Passive {
            address: None,
            ports: vec![
                PassivePort {
                    bound: 0,
                    advertised: 31742,
                },
                PassivePort {
                    bound: 0,
                    advertised: 0,
                },
            ],
            ..passive(0)
        }))
        .unwrap();

    client.write_all(b"r").await.unwrap();
    assert!(bound(reservation).await.is_ok());
    assert_eq!(ports.observe().free, 2);
    let (first, second) = (reserve(&ports, "alice").await, reserve(&ports, "bob").await);
    assert_eq!(first.advertised().address, None);
    assert!(first.advertised().port == 31742 || second.advertised().port == 31742);
}

/// Where connections come from is judged by the new rules, too: one set of rules at a time.
#[tokio::test]
async fn a_changed_binding_counts_for_the_next_port_of_whoever_was_there_before() {
    let ports = bind(&passive(1));
    let before = reserve(&ports, "alice").await;
    drop(before);

    ports
        .change(&DataConnections {
            binding: Binding::None,
            ..connections(passive(1))
        })
        .unwrap();

    let reservation = reserve(&ports, "alice").await;
    let mut client = connect(reservation.advertised().port).await;
    client.write_all(b"f").await.unwrap();
    assert!(bound(reservation).await.is_ok());
}

#[tokio::test]
async fn a_port_that_goes_serves_its_session_to_the_end() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let port = reservation.advertised().port;
    ports.change(&connections(passive(0))).unwrap();

    let mut client = connect(port).await;
    client.write_all(b"r").await.unwrap();
    let data = bound(reservation).await;

    assert!(data.is_ok());
    assert_eq!((ports.observe().free, ports.observe().reserved), (0, 0));
    let gone = timeout(PATIENCE, async {
        while TcpStream::connect((LOCALHOST, port)).await.is_ok() {}
    });
    assert!(gone.await.is_ok(), "the port is still bound");
}

#[tokio::test]
async fn a_port_that_comes_back_in_time_was_never_away() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let port = reservation.advertised().port;

    ports.change(&connections(passive(0))).unwrap();
    ports.change(&connections(passive(1))).unwrap();
    drop(reservation);

    assert_eq!(reserve(&ports, "bob").await.advertised().port, port);
}

#[tokio::test]
async fn a_change_that_fails_changes_nothing() {
    let taken = std::net::TcpListener::bind((LOCALHOST, 0)).unwrap();
    let ports = bind(&passive(2));
    let mut wanted = passive(1);
    wanted.address = None;
    wanted.ports.push(PassivePort {
        bound: taken.local_addr().unwrap().port(),
        advertised: 0,
    });

    let failure = ports.change(&connections(wanted)).err().unwrap();

    assert_eq!(failure.port, taken.local_addr().unwrap().port());
    assert_eq!(ports.observe().free, 2);
    let reservation = reserve(&ports, "alice").await;
    assert_eq!(reservation.advertised().address, Some(Ipv4Addr::LOCALHOST));
}

#[tokio::test]
async fn who_waits_gets_a_new_port() {
    let ports = bind(&passive(1));
    let _held = reserve(&ports, "alice").await;
    let mut waiting = Box::pin(ports.reserve(claimant("bob")));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());

    ports.change(&connections(passive(2))).unwrap();

    assert!(timeout(PATIENCE, waiting).await.unwrap().is_ok());
}

#[tokio::test]
async fn ports_are_closed_with_the_last_clone() {
    let ports = bind(&passive(1));
    let port = reserve(&ports, "alice").await.advertised().port;
    let clone = ports.clone();
    drop(ports);
    until(&clone, |usage| usage.free == 1).await;

    drop(clone);

    let gone = timeout(PATIENCE, async {
        while TcpStream::connect((LOCALHOST, port)).await.is_ok() {}
    });
    assert!(gone.await.is_ok(), "the port is still bound");
}
