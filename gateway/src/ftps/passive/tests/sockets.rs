//! The ports with real sockets, and a handshake of one byte: `r` resumes, `f` is a full one, all else fails.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ftp::{DataFailure, Direction, PassiveFailure};
use gateway_config::{
    Active, ActiveMode, Binding, ClientAddress, DataConnections, Passive, PassivePort,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    task::{JoinSet, yield_now},
    time::timeout,
};

use crate::{
    ftps::{
        passive::{
            Claimant, DataStream, Introduced, Introduction, PassivePorts, PassiveUse, Reservation,
            reservation::Handshaker,
        },
        socket::Socket,
        tls::Handshake,
    },
    proxy::Origin,
};

pub(super) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// After this a test has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn passive(ports: usize) -> Passive {
    let chosen = PassivePort {
        bound: 0,
        advertised: 0,
    };
    Passive {
        listen: LOCALHOST,
        ports: vec![chosen; ports],
        address: Some(Ipv4Addr::LOCALHOST),
        wait_seconds: 20,
        connect_seconds: 20,
    }
}

pub(super) fn connections(passive: Passive) -> DataConnections {
    DataConnections {
        binding: Binding::TlsRequired,
        passive,
        active: Active {
            mode: ActiveMode::Deny,
            message: String::new(),
        },
    }
}

pub(super) fn bind(passive: &Passive) -> PassivePorts {
    PassivePorts::bind(
        &connections(passive.clone()),
        Introduction::direct(ClientAddress::Hidden),
    )
    .unwrap()
}

pub(super) fn claimant(user: &str) -> Claimant {
    Claimant {
        user: user.to_owned(),
        origin: Origin {
            address: SocketAddr::from((LOCALHOST, 40000)),
            visibility: ClientAddress::Hidden,
        },
    }
}

pub(super) async fn reserve(ports: &PassivePorts, user: &str) -> Reservation {
    timeout(PATIENCE, ports.reserve(claimant(user)))
        .await
        .unwrap()
        .unwrap()
}

pub(super) async fn connect(port: u16) -> TcpStream {
    TcpStream::connect((LOCALHOST, port)).await.unwrap()
}

pub(super) fn one_byte_handshake() -> Arc<Handshaker> {
    Arc::new(|mut stream: TcpStream| {
        Box::pin(async move {
            let handshake = match stream.read_u8().await? {
                b'r' => Handshake::Resumed,
                b'f' => Handshake::Full,
                _ => return Err(io::Error::other("rubbish")),
            };
            Ok((DataStream::Clear(Socket::new(stream)), handshake))
        })
    })
}

pub(super) async fn bound(reservation: Reservation) -> Result<Socket, DataFailure> {
    let bound = reservation.bind_by(Some(one_byte_handshake()), Direction::Download);
    match timeout(PATIENCE, bound).await.unwrap()? {
        DataStream::Clear(stream) => Ok(stream),
        DataStream::Tls(_) => unreachable!("the handshake is one byte"),
    }
}

/// Who has been closed reads an end or an error.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .unwrap();
    read.is_err() || bytes.is_empty()
}

pub(super) async fn until(ports: &PassivePorts, holds: impl Fn(PassiveUse) -> bool) {
    let reached = timeout(PATIENCE, async {
        while !holds(ports.observe()) {
            yield_now().await;
        }
    });
    assert!(reached.await.is_ok(), "{:?}", ports.observe());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_sessions_share_eight_ports() {
    let ports = bind(&passive(8));
    let mut sessions = JoinSet::new();

    for number in 0..100_u32 {
        let ports = ports.clone();
        sessions.spawn(async move {
            let reservation = reserve(&ports, &format!("user-{}", number % 10)).await;
            let mut client = connect(reservation.advertised().port).await;
            client.write_all(b"r").await.unwrap();
            client.write_u32(number).await.unwrap();
            let mut data = bound(reservation).await.unwrap();
            data.read_u32().await.unwrap() == number
        });
    }
    let served = sessions.join_all().await;

    assert_eq!(served.into_iter().filter(|own| *own).count(), 100);
    let PassiveUse {
        free,
        reserved,
        waiting,
        probes,
        refused,
        unbound,
    } = ports.observe();
    assert_eq!((free, reserved, waiting), (8, 0, 0));
    assert_eq!((probes, refused, unbound), (0, 0, 0));
}

#[tokio::test]
async fn a_port_is_free_while_the_transfer_runs() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let mut first = connect(reservation.advertised().port).await;
    first.write_all(b"r1").await.unwrap();
    let mut first_data = bound(reservation).await.unwrap();

    let reservation = reserve(&ports, "bob").await;
    let mut second = connect(reservation.advertised().port).await;
    second.write_all(b"r2").await.unwrap();
    let mut second_data = bound(reservation).await.unwrap();

    assert_eq!(first_data.read_u8().await.unwrap(), b'1');
    assert_eq!(second_data.read_u8().await.unwrap(), b'2');
}

#[tokio::test]
async fn a_silent_stranger_blocks_nobody() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let port = reservation.advertised().port;
    let silent = connect(port).await;
    let mut full = connect(port).await;
    let mut client = connect(port).await;

    full.write_all(b"f").await.unwrap();
    client.write_all(b"r").await.unwrap();

    assert!(bound(reservation).await.is_ok());
    assert!(is_closed(silent).await);
    assert!(is_closed(full).await);
}

#[tokio::test]
async fn who_came_before_the_reservation_is_a_probe() {
    let ports = bind(&passive(1));
    let port = reserve(&ports, "alice").await.advertised().port;
    until(&ports, |usage| usage.free == 1).await;
    // Nothing is awaited after this that would let the owner of the port see it.
    let early = std::net::TcpStream::connect((LOCALHOST, port)).unwrap();
    early.set_nonblocking(true).unwrap();

    let reservation = reserve(&ports, "bob").await;

    assert!(is_closed(TcpStream::from_std(early).unwrap()).await);
    assert_eq!(ports.observe().probes, 1);
    drop(reservation);
}

#[tokio::test]
async fn who_connects_to_a_free_port_is_closed_and_counted() {
    let ports = bind(&passive(1));
    let port = reserve(&ports, "alice").await.advertised().port;
    until(&ports, |usage| usage.free == 1).await;

    let probe = connect(port).await;

    assert!(is_closed(probe).await);
    assert_eq!(ports.observe().probes, 1);
}

#[tokio::test]
async fn a_dropped_reservation_takes_its_connections_along() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let client = connect(reservation.advertised().port).await;

    drop(reservation);

    assert!(is_closed(client).await);
    until(&ports, |usage| (usage.free, usage.reserved) == (1, 0)).await;
}

#[tokio::test]
async fn a_dropped_bind_takes_its_connections_along() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let client = connect(reservation.advertised().port).await;
    let mut binding = Box::pin(reservation.bind_by(Some(one_byte_handshake()), Direction::Upload));
    assert!(futures_util::poll!(binding.as_mut()).is_pending());

    drop(binding);

    assert!(is_closed(client).await);
    until(&ports, |usage| (usage.free, usage.reserved) == (1, 0)).await;
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_nothing_behind() {
    let ports = bind(&passive(1));
    let held = reserve(&ports, "alice").await;
    let mut given_up = Box::pin(ports.reserve(claimant("bob")));
    assert!(futures_util::poll!(given_up.as_mut()).is_pending());
    let mut patient = Box::pin(ports.reserve(claimant("carol")));
    assert!(futures_util::poll!(patient.as_mut()).is_pending());
    assert_eq!(ports.observe().waiting, 2);

    drop(given_up);
    drop(held);

    drop(timeout(PATIENCE, patient).await.unwrap().unwrap());
    until(&ports, |usage| {
        (usage.free, usage.reserved, usage.waiting) == (1, 0, 0)
    })
    .await;
}

#[tokio::test]
async fn who_gives_up_when_it_is_their_turn_passes_it_on() {
    let ports = bind(&passive(1));
    let held = reserve(&ports, "alice").await;
    let mut given_up = Box::pin(ports.reserve(claimant("bob")));
    assert!(futures_util::poll!(given_up.as_mut()).is_pending());
    drop(held);
    // The turn has come, and nobody looks.
    until(&ports, |usage| usage.waiting == 0).await;

    drop(given_up);

    drop(reserve(&ports, "carol").await);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_when_no_port_becomes_free() {
    let ports = bind(&Passive {
        wait_seconds: 10,
        connect_seconds: 3600,
        ..passive(1)
    });
    let _held = ports.reserve(claimant("alice")).await.unwrap();

    let refused = ports.reserve(claimant("bob")).await;

    assert_eq!(refused.err(), Some(PassiveFailure::NoneFree));
    assert_eq!(ports.observe().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reservation_expires() {
    let ports = bind(&passive(1));
    let mut reservation = ports.reserve(claimant("alice")).await.unwrap();

    reservation.expired().await;

    let failure = reservation
        .bind_by(Some(one_byte_handshake()), Direction::Download)
        .await;
    assert_eq!(failure.err(), Some(DataFailure::TimedOut));
    until(&ports, |usage| usage.free == 1).await;
}

#[tokio::test]
async fn one_who_cannot_resume_is_told_why() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let mut client = connect(reservation.advertised().port).await;
    client.write_all(b"f").await.unwrap();
    let mut binding =
        Box::pin(reservation.bind_by(Some(one_byte_handshake()), Direction::Download));
    tokio::select! {
        biased;
        () = until(&ports, |usage| usage.refused == 1) => {}
        _too_early = binding.as_mut() => unreachable!("somebody better may still come"),
    }
    // From here on only time decides, and it is not waited for.
    tokio::time::pause();

    let failure = binding.await.err();

    assert!(
        matches!(&failure, Some(DataFailure::Unbound(why)) if why.contains("session reuse")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn one_who_does_not_fit_is_sent_away_politely() {
    let ports = bind(&passive(1));
    let reservation = reserve(&ports, "alice").await;
    let port = reservation.advertised().port;
    // As long as this one may be the client, the other one has time to leave.
    let _silent = connect(port).await;
    let mut client = connect(port).await;
    client.write_all(b"f").await.unwrap();
    let mut binding = Box::pin(reservation.bind_by(Some(one_byte_handshake()), Direction::Upload));
    tokio::select! {
        biased;
        () = until(&ports, |usage| usage.refused == 1) => {}
        _too_early = binding.as_mut() => unreachable!("somebody better may still come"),
    }

    let upload = vec![0; 512 << 10];
    let uploaded = async {
        client.write_all(&upload).await?;
        client.shutdown().await?;
        client.read_to_end(&mut Vec::new()).await
    };

    tokio::select! {
        _too_early = binding.as_mut() => unreachable!("the client is still talking"),
        read = timeout(PATIENCE, uploaded) => assert_eq!(read.unwrap().unwrap(), 0),
    }
}

#[tokio::test]
async fn an_introduction_decides_who_is_a_candidate() {
    // As a balancer would: `+` and the connection is the client's, all else and it is closed.
    let introduction = Introduction::new(|mut stream, address| async move {
        (stream.read_u8().await.ok()? == b'+').then_some(Introduced {
            stream,
            origin: Origin {
                address,
                visibility: ClientAddress::Real,
            },
        })
    });
    let ports = PassivePorts::bind(&connections(passive(1)), introduction).unwrap();
    let reservation = reserve(&ports, "alice").await;
    let port = reservation.advertised().port;
    let _mute = connect(port).await;
    let mut refused = connect(port).await;
    refused.write_all(b"-r").await.unwrap();
    let mut client = connect(port).await;
    client.write_all(b"+r!").await.unwrap();

    let mut data = bound(reservation).await.unwrap();

    assert!(is_closed(refused).await);
    assert_eq!(data.read_u8().await.unwrap(), b'!');
}

#[tokio::test]
async fn introductions_have_a_limit() {
    let begun = Arc::new(Semaphore::new(0));
    let introduction = Introduction::new({
        let begun = Arc::clone(&begun);
        move |stream, _| {
            begun.add_permits(1);
            async move {
                std::future::pending::<()>().await;
                drop(stream);
                None
            }
        }
    });
    let ports = PassivePorts::bind(&connections(passive(1)), introduction).unwrap();
    let reservation = reserve(&ports, "alice").await;
    let mut flood = Vec::new();
    for _ in 0..17 {
        flood.push(connect(reservation.advertised().port).await);
    }

    assert!(is_closed(flood.pop().unwrap()).await);

    assert_eq!(begun.available_permits(), 16);
    assert_eq!(ports.observe().refused, 1);
}
