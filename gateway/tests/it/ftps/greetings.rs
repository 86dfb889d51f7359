//! Before anybody is logged in.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    client::Client,
    fixture::{Gateway, PASSWORD, unchanged},
};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_logs_in_without_tls() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::arrive(&gateway).await;

    let reply = client.check("USER alice", 530).await;

    assert!(reply.contains("AUTH TLS"), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_in_clear_is_not_obeyed_after_tls() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::arrive(&gateway).await;

    client
        .say_bytes(b"AUTH TLS\r\nUSER alice\r\nNOOP\r\n")
        .await;
    client.expect(234).await;
    client.start_tls().await;

    client.check("PASS correct horse", 503).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::arrive(&gateway).await;
    client.check("AUTH TLS", 234).await;
    client.start_tls().await;

    client.check("USER alice", 331).await;
    client.check("PASS wrong", 530).await;
    client.check("USER alice", 331).await;
    client.check(&format!("PASS {PASSWORD}"), 230).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_sent_together_are_answered_in_order() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"12345");

    client
        .say_bytes(b"PWD\r\nSIZE file\r\nMKD a\r\nCWD a\r\nPWD\r\nSIZE /file\r\nQUIT\r\n")
        .await;

    let replies: Vec<String> = client.farewell().await;
    let codes: Vec<&str> = replies
        .iter()
        .map(|reply| reply.get(..3).unwrap())
        .collect();
    assert_eq!(codes, ["257", "213", "257", "250", "257", "213", "221"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_a_probe() {
    let gateway = Gateway::start(unchanged).await;
    let mut stream = TcpStream::connect(gateway.explicit).await.unwrap();
    stream.read_u8().await.unwrap();
    drop(stream);

    assert!(!gateway.first_was_heard().await);

    let gateway = Gateway::start(unchanged).await;
    drop(TcpStream::connect(gateway.implicit).await.unwrap());

    assert!(!gateway.first_was_heard().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_something_is_none() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::arrive(&gateway).await;
    client.check("NOOP", 200).await;
    drop(client);

    assert!(gateway.first_was_heard().await);

    let gateway = Gateway::start(unchanged).await;
    let mut stream = TcpStream::connect(gateway.implicit).await.unwrap();
    stream.write_all(b"USER alice\r\n").await.unwrap();
    drop(stream);

    assert!(gateway.first_was_heard().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_active_mode_says_why_even_if_no_text_is_configured() {
    let gateway = Gateway::start(|configuration| {
        let data = configuration.endpoint.data_connections.as_mut().unwrap();
        data.active.message.clear();
    })
    .await;
    let mut client = Client::explicit(&gateway).await;

    let reply = client.check("PORT 192,0,2,7,10,1", 534).await;

    assert_eq!(reply, "534 This endpoint opens no connections to clients");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_wait_for_a_client_that_reads_late() {
    let gateway = Gateway::start(unchanged).await;
    // Each byte of these names is sent twice (RFC 854).
    for number in 0..300_u32 {
        let name = [vec![0xff; 240], number.to_string().into_bytes()].concat();
        let path = gateway.volume().join(OsStr::from_bytes(&name));
        std::fs::write(path, b"").unwrap();
    }
    let mut client = Client::narrow(&gateway).await;

    client.say_bytes(&b"STAT .\r\n".repeat(100)).await;
    // Meanwhile as much is listed as the gateway would list at most for a client that does not read.
    let mut other = Client::explicit(&gateway).await;
    for _ in 0..100 {
        other.check("STAT .", 213).await;
    }

    for _ in 0..100 {
        let status = client.expect(213).await;
        assert!(status.len() > 100_000, "{}", status.len());
    }
}
