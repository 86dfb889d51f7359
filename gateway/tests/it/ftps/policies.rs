//! What is asked for in vain: data in clear, and a family that leads nowhere.

use gateway_config::{Configuration, Encryption};
use tokio::{io::AsyncReadExt as _, time::timeout};

use super::{
    client::Client,
    fixture::{Gateway, PASSWORD, PATIENCE, unchanged},
};

/// The listeners leave it to their clients what is encrypted, and alice does not.
fn demanding(configuration: &mut Configuration) {
    configuration.endpoint.listeners[0]
        .tls
        .as_mut()
        .unwrap()
        .encryption = Encryption::Optional;
    for user in configuration.users.values_mut() {
        user.require_tls = true;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_user_who_requires_tls_moves_in_clear() {
    let gateway = Gateway::start(demanding).await;
    gateway.write("secret", b"for nobody else");
    let mut client = Client::arrive(&gateway).await;
    client.check("AUTH TLS", 234).await;
    client.start_tls().await;
    client.check("PBSZ 0", 200).await;
    // Nobody is logged in yet, and the listener allows it.
    client.check("PROT C", 200).await;
    client.check("USER alice", 331).await;
    client.check(&format!("PASS {PASSWORD}"), 230).await;

    let mut data = client.data_port().await;
    for command in ["RETR secret", "STOR new", "APPE secret", "STOU", "LIST"] {
        client.check(command, 521).await;
    }
    client.check("PROT C", 534).await;
    client.check("QUIT", 221).await;

    let mut received = Vec::new();
    // However the gateway closes it, it brings nothing.
    let _ended = timeout(PATIENCE, data.read_to_end(&mut received)).await;
    assert!(received.is_empty());
    assert!(!gateway.volume().join("new").exists());
    assert_eq!(gateway.read("secret"), b"for nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_requires_tls_gets_nowhere_in_clear() {
    let gateway = Gateway::start(demanding).await;
    gateway.write("secret", b"for nobody else");
    let mut client = Client::arrive(&gateway).await;

    client.check("USER alice", 530).await;
    for command in ["PASV", "EPSV", "RETR secret", "STOR new"] {
        client.check(command, 530).await;
    }

    assert!(!gateway.volume().join("new").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_connection_of_the_other_family_is_refused() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;

    let refusal = client.check("EPSV 2", 522).await;
    let allowed = client.check("EPSV 1", 229).await;

    assert!(refusal.ends_with("(1)"), "{refusal}");
    assert!(allowed.contains("(|||"), "{allowed}");
}
