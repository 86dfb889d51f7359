//! How bytes end.

use std::time::Duration;

use ftp::Direction::{Download, Upload};
use rustls::version::TLS13;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    super::{Received, TlsDataSocket, finish, receive},
    fixture::{Fixture, PATIENCE, VERSIONS, in_time, narrow_sockets, sockets},
};
use crate::ftps::socket::Socket;

/// Everything up to the end, and how that was.
async fn upload(stream: &mut TlsDataSocket) -> (Vec<u8>, Received) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match in_time(receive(stream, &mut buffer.as_mut_slice()))
            .await
            .unwrap()
        {
            Received::Bytes(count) => bytes.extend_from_slice(&buffer[..count]),
            end => return (bytes, end),
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_closed_properly_is_whole() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let session = fixture.tls.session();
        let client = fixture.client(version);
        let mut data = client.data(&session, Upload).await.unwrap();

        data.client.write_all(b"all of it").await.unwrap();
        data.client.shutdown().await.unwrap();

        let (bytes, end) = upload(&mut data.server.0).await;
        assert_eq!((bytes.as_slice(), end), (&b"all of it"[..], Received::End));
        finish(&mut data.server.0, PATIENCE).await.unwrap();
        let mut rest = Vec::new();
        // Without close_notify rustls would call this an unexpected end.
        in_time(data.client.read_to_end(&mut rest)).await.unwrap();
    }
}

#[tokio::test]
async fn an_upload_that_just_ends_is_cut() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let session = fixture.tls.session();
        let client = fixture.client(version);
        let mut data = client.data(&session, Upload).await.unwrap();

        data.client.write_all(b"some of it").await.unwrap();
        data.client.flush().await.unwrap();
        data.client.get_mut().0.shutdown().await.unwrap();

        let (bytes, end) = upload(&mut data.server.0).await;
        assert_eq!((bytes.as_slice(), end), (&b"some of it"[..], Received::Cut));
    }
}

#[tokio::test]
async fn a_download_ends_with_a_word_and_without_waiting_for_the_client() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let session = fixture.tls.session();
        let client = fixture.client(version);
        let mut data = client.data(&session, Download).await.unwrap();
        let content = vec![7; 100_000];

        let stream = &mut data.server.0;
        stream.write_all(&content).await.unwrap();
        stream.flush().await.unwrap();
        in_time(finish(stream, PATIENCE)).await.unwrap();
        drop(data.server);

        let mut received = Vec::new();
        in_time(data.client.read_to_end(&mut received))
            .await
            .unwrap();
        assert!(received == content);
    }
}

#[tokio::test]
async fn a_client_that_has_ended_before_its_download_gets_all_of_it() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let session = fixture.tls.session();
        let (near, far) = narrow_sockets().await;
        let client = fixture.client(version);
        let (accepted, connected) = in_time(async {
            tokio::join!(
                session.accept_data(Socket::new(near), Download),
                client.connect(far)
            )
        })
        .await;
        let (mut server, mut client) = (accepted.unwrap().0, connected.unwrap());
        client.get_mut().1.send_close_notify();
        client.flush().await.unwrap();
        let content = vec![7; 200_000];

        // Most of it is still in the gateway's kernel when the gateway has finished and gone.
        server.write_all(&content).await.unwrap();
        server.flush().await.unwrap();
        finish(&mut server, PATIENCE).await.unwrap();
        drop(server);

        let mut received = Vec::new();
        in_time(client.read_to_end(&mut received)).await.unwrap();
        assert!(received == content, "{version:?}");
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up_on() {
    let fixture = Fixture::new();
    let session = fixture.tls.session();
    let client = fixture.client(&TLS13);
    let mut data = client.data(&session, Download).await.unwrap();
    let stream = &mut data.server.0;
    let chunk = vec![7; 256 * 1024];
    while tokio::time::timeout(Duration::from_millis(50), stream.write_all(&chunk))
        .await
        .is_ok()
    {}

    let given_up = in_time(finish(stream, Duration::from_millis(50))).await;

    let error = given_up.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn no_upload_is_lost_whose_client_closes_without_reading() {
    let fixture = Fixture::new();
    let content = vec![7; 60_000];
    for turn in 0..200 {
        let session = fixture.tls.session();
        let client = fixture.client(&TLS13);
        let _control = client.control(&session).await.unwrap();
        let (near, far) = sockets().await;
        // Or the client's own kernel would throw away what waits for company.
        far.set_nodelay(true).unwrap();
        // The client has come, gone and torn down its connection before the gateway looks at the first byte after the
        // handshake; every other one with a reset.
        let sending = async {
            let mut stream = client.connect(far).await.unwrap();
            stream.write_all(&content).await.unwrap();
            stream.get_mut().1.send_close_notify();
            stream.flush().await.unwrap();
            if turn % 2 == 0 {
                stream.get_ref().0.set_zero_linger().unwrap();
            }
        };
        let (accepted, ()) = in_time(async {
            tokio::join!(session.accept_data(Socket::new(near), Upload), sending)
        })
        .await;

        let (mut stream, _) = accepted.unwrap();
        let (bytes, end) = upload(&mut stream).await;
        assert_eq!((bytes.len(), end), (content.len(), Received::End), "{turn}");
        // Whether the client hears the answer is its own affair.
        let _gone = in_time(finish(&mut stream, PATIENCE)).await;
    }
}
