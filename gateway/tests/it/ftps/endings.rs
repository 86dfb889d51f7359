//! How connections end that the client does not end itself.

use gateway::drain::Arrivals;
use gateway_config::{Encryption, Uploads};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    client::Client,
    fixture::{Gateway, PASSWORD, PATIENCE, eventually, unchanged},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_silent_too_long_is_told_and_sent_away() {
    let gateway = Gateway::start(|configuration| {
        configuration.endpoint.limits.idle_seconds = 1;
    })
    .await;
    let client = Client::explicit(&gateway).await;

    let replies = client.farewell().await;

    assert!(replies[0].starts_with("421"), "{replies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_log_in_in_time_is_sent_away() {
    let gateway = Gateway::start(|configuration| {
        configuration.endpoint.limits.login_seconds = 1;
    })
    .await;

    let replies = Client::arrive(&gateway).await.farewell().await;
    assert!(replies[0].starts_with("421"), "{replies:?}");

    let mut silent = TcpStream::connect(gateway.implicit).await.unwrap();
    let mut heard = Vec::new();
    timeout(PATIENCE, silent.read_to_end(&mut heard))
        .await
        .expect("the connection is still there")
        .unwrap();
    assert!(heard.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_a_transfer_and_then_says_goodbye() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    let mut stream = client.begin("STOR file").await;
    stream.write_all(b"first").await.unwrap();
    stream.flush().await.unwrap();

    gateway.drain.start(PATIENCE, Arrivals::Refuse);
    stream.write_all(b" and last").await.unwrap();
    stream.shutdown().await.unwrap();

    client.expect(226).await;
    let replies = client.farewell().await;
    assert!(replies[0].starts_with("421"), "{replies:?}");
    assert_eq!(gateway.read("file"), b"first and last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_refuses_sends_away_who_does_nothing() {
    let gateway = Gateway::start(unchanged).await;
    let client = Client::implicit(&gateway).await;
    let silent = TcpStream::connect(gateway.implicit).await.unwrap();

    gateway.drain.start(PATIENCE, Arrivals::Refuse);

    let replies = client.farewell().await;
    assert!(replies[0].starts_with("421"), "{replies:?}");
    eventually("nobody is there", || {
        let mut byte = [0];
        matches!(silent.try_read(&mut byte), Ok(0))
    })
    .await;
    let mut late = TcpStream::connect(gateway.explicit).await.unwrap();
    let mut reason = String::new();
    late.read_to_string(&mut reason).await.unwrap();
    assert_eq!(reason, "421 This gateway is stopping\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_time_is_over_transfers_are_cut() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    let mut stream = client.begin("STOR file").await;
    stream.write_all(b"first").await.unwrap();

    gateway.drain.start(PATIENCE, Arrivals::Refuse);
    gateway.drain.end();

    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the data connection is still there");
    client.farewell().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_arrives_in_a_drain_that_serves_finishes_before_the_goodbye() {
    let gateway = Gateway::start(unchanged).await;
    gateway.drain.start(PATIENCE, Arrivals::Serve);

    let mut client = Client::explicit(&gateway).await;
    client.send("STOR file", b"late").await;

    let replies = client.farewell().await;
    assert!(replies[0].starts_with("421"), "{replies:?}");
    assert_eq!(gateway.read("file"), b"late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_upload_outlives_a_reset_of_the_control_connection() {
    let gateway = Gateway::start(|configuration| {
        configuration.endpoint.storage.uploads = Uploads::Atomic;
    })
    .await;
    let content = vec![7; 1024 * 1024];

    for round in 0..50 {
        let name = format!("file-{round}");
        let mut client = Client::abrupt(&gateway).await;
        let mut stream = client.begin(&format!("STOR {name}")).await;
        stream.write_all(&content).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(client);

        eventually("the file is there", || {
            gateway.volume().join(&name).exists()
        })
        .await;
        assert!(gateway.read(&name) == content, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_needs_a_place_among_those_who_are_not_logged_in() {
    let gateway = Gateway::start(|configuration| {
        configuration.endpoint.limits.half_open = 1;
        for listener in &mut configuration.endpoint.listeners {
            let tls = listener.tls.as_mut().unwrap();
            tls.encryption = Encryption::Optional;
        }
    })
    .await;
    let mut first = Client::unprotected(&gateway).await;
    let mut second = Client::unprotected(&gateway).await;
    let mut third = Client::unprotected(&gateway).await;

    first.check("REIN", 220).await;
    second.say("REIN").await;
    third.say("AUTH TLS").await;
    assert!(second.farewell().await.is_empty());
    assert!(third.farewell().await.is_empty());

    first.check("USER alice", 331).await;
    first.check(&format!("PASS {PASSWORD}"), 230).await;
    first.check("REIN", 220).await;
}
