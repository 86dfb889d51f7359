//! What is spoken, and with whom not.

use ftp::Direction;
use gateway_config::TlsVersion;
use rustls::{
    NamedGroup,
    version::{TLS12, TLS13},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::fixture::{Fixture, in_time, sockets};
use crate::ftps::socket::Socket;

#[tokio::test]
async fn the_key_exchange_withstands_quantum_computers_where_the_client_offers_one() {
    let fixture = Fixture::new();

    let control = fixture
        .client(&TLS13)
        .control(&fixture.tls.session())
        .await
        .unwrap();

    let group = control.server.get_ref().1.negotiated_key_exchange_group();
    assert_eq!(group.unwrap().name(), NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn versions_below_the_oldest_are_refused_on_every_connection() {
    let fixture = Fixture::from(TlsVersion::V1_3);
    let session = fixture.tls.session();

    assert!(fixture.client(&TLS12).control(&session).await.is_err());
    assert!(fixture.client(&TLS13).control(&session).await.is_ok());
    let data = fixture
        .client(&TLS12)
        .data(&session, Direction::Download)
        .await;
    assert!(data.is_err());
}

#[tokio::test]
async fn rubbish_is_no_handshake_and_its_sender_is_sent_away() {
    let rubbish: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"USER supplier\r\n",
        &[0x16, 3, 1, 0xff, 0xff],
        &[0; 64],
    ];
    for bytes in rubbish {
        let session = Fixture::new().tls.session();
        let (near, mut far) = sockets().await;
        let accepting = tokio::spawn(async move {
            session
                .accept_data(Socket::new(near), Direction::Upload)
                .await
                .map(|_| ())
        });

        far.write_all(bytes).await.unwrap();
        far.shutdown().await.unwrap();

        assert!(in_time(accepting).await.unwrap().is_err(), "{bytes:?}");
        let mut alert = Vec::new();
        // A reset is a way to be sent away, too.
        let _end = in_time(far.read_to_end(&mut alert)).await;
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_not_waited_for_longer_than_the_caller_likes() {
    let session = Fixture::new().tls.session();
    let (near, mut far) = sockets().await;

    drop(session.accept_control(Socket::new(near)));

    let mut nothing = [0];
    assert_eq!(in_time(far.read(&mut nothing)).await.unwrap(), 0);
}

#[tokio::test]
async fn debug_shows_no_key() {
    let fixture = Fixture::new();
    let session = fixture.tls.session();
    let control = fixture.client(&TLS13).control(&session).await.unwrap();
    let key = String::from_utf8(fixture.certificate.key.to_vec()).unwrap();
    let line = key.lines().nth(1).unwrap();

    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        fixture.certificate, fixture.tls, session, control.server
    );

    assert!(!shown.contains(line));
    assert!(shown.starts_with("Certificate { .. } ServerTls { .. } SessionTls { .. }"));
}
