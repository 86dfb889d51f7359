use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use gateway::admin::{Admin, AdminError, Heartbeat, Subject};
use prometheus::{IntCounter, Registry};
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::fixture::{PATIENCE, ask, read};

fn start(is_ready: &Arc<AtomicBool>) -> Admin {
    start_at(SocketAddr::from(([127, 0, 0, 1], 0)), is_ready).unwrap()
}

fn start_at(address: SocketAddr, is_ready: &Arc<AtomicBool>) -> Result<Admin, AdminError> {
    let registry = Registry::new();
    let visits = IntCounter::new("visits_total", "Visits.").unwrap();
    registry.register(Box::new(visits.clone())).unwrap();
    visits.inc_by(3);
    let is_ready = Arc::clone(is_ready);
    let subject = Subject {
        heartbeat: Heartbeat::start(),
        is_ready: Box::new(move || is_ready.load(Ordering::Relaxed)),
        registry,
        served: Box::new(|| None),
    };
    Admin::start(address, subject)
}

#[tokio::test]
async fn it_tells_life_readiness_and_metrics() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let admin = start(&is_ready);

    assert!(
        read(admin.address(), "/livez")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    assert!(
        read(admin.address(), "/readyz")
            .await
            .starts_with("HTTP/1.1 503 ")
    );
    is_ready.store(true, Ordering::Relaxed);
    assert!(
        read(admin.address(), "/readyz?verbose")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    let metrics = read(admin.address(), "/metrics").await;
    assert!(
        metrics.contains("Content-Type: text/plain; version=0.0.4"),
        "{metrics}"
    );
    assert!(metrics.ends_with("visits_total 3\n"), "{metrics}");
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();

    let error = start_at(address, &Arc::default()).unwrap_err();

    assert_eq!(error.address, address);
    assert_eq!(error.source.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn only_get_and_only_what_there_is() {
    let admin = start(&Arc::default());
    for (request, status) in [
        ("POST /livez HTTP/1.1\r\n\r\n", "405"),
        ("DELETE /metrics HTTP/1.1\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /livez/../secret HTTP/1.1\r\n\r\n", "404"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = ask(admin.address(), request).await;

        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let admin = start(&Arc::default());
    let mut stream = TcpStream::connect(admin.address()).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    let filler = vec![b'x'; 16 * 1024];

    // A reset while we still write is a way to be cut off.
    let _written = stream.write_all(&filler).await;

    let mut answer = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(end.is_ok(), "still open");
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn silent_clients_do_not_keep_others_out_for_ever() {
    let is_ready = Arc::new(AtomicBool::new(true));
    let admin = start(&is_ready);
    let mut silent = Vec::new();
    for _ in 0..80 {
        silent.push(TcpStream::connect(admin.address()).await.unwrap());
    }

    assert!(
        read(admin.address(), "/livez")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}
