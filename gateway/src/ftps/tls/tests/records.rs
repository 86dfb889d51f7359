//! What a data connection makes of what comes in other pieces, or is something else.

use ftp::Direction::{Download, Upload};
use rustls::{SupportedProtocolVersion, version::TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{
    super::{Received, TlsDataSocket, finish, receive},
    fixture::{Fixture, PATIENCE, VERSIONS, in_time, sockets},
};
use crate::ftps::socket::Socket;

/// Bytes of which few are like those that were there before.
fn content(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

async fn write_pieces(stream: &mut (impl AsyncWrite + Unpin), content: &[u8], size: usize) {
    for piece in content.chunks(size) {
        stream.write_all(piece).await.unwrap();
    }
    stream.flush().await.unwrap();
}

async fn read_pieces(stream: &mut TlsDataSocket, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; size];
    while let Received::Bytes(count) = receive(stream, &mut buffer.as_mut_slice()).await.unwrap() {
        bytes.extend_from_slice(&buffer[..count]);
    }
    bytes
}

async fn check_upload(version: &'static SupportedProtocolVersion, room: usize) {
    let fixture = Fixture::new();
    let session = fixture.tls.session();
    let client = fixture.client(version);
    let mut data = client.data(&session, Upload).await.unwrap();
    let content = content(room.max(1000) * 3 + 17);

    let sending = async {
        // Records of two sizes, one of them the largest there is.
        write_pieces(&mut data.client, &content, 20_001).await;
        data.client.shutdown().await.unwrap();
    };
    let receiving = read_pieces(&mut data.server.0, room);
    let ((), bytes) = in_time(async { tokio::join!(sending, receiving) }).await;

    assert!(bytes == content, "{version:?} {room}");
}

#[tokio::test]
async fn whatever_room_the_reader_has_nothing_is_lost_or_moved() {
    for version in VERSIONS {
        for room in [1, 7, 1000, 16_384, 100_000, 1 << 20] {
            check_upload(version, room).await;
        }
    }
}

async fn check_download(version: &'static SupportedProtocolVersion, size: usize) {
    let fixture = Fixture::new();
    let session = fixture.tls.session();
    let client = fixture.client(version);
    let mut data = client.data(&session, Download).await.unwrap();
    let content = content(size * 3 + 17);

    let sending = async {
        let stream = &mut data.server.0;
        write_pieces(stream, &content, size).await;
        finish(stream, PATIENCE).await.unwrap();
    };
    let mut received = Vec::new();
    let receiving = data.client.read_to_end(&mut received);
    let ((), ended) = in_time(async { tokio::join!(sending, receiving) }).await;

    ended.unwrap();
    assert!(received == content, "{version:?} {size}");
}

#[tokio::test]
async fn a_download_is_written_in_whatever_pieces_and_arrives_whole() {
    for version in VERSIONS {
        for size in [1, 1000, 16_384, 300_000] {
            check_download(version, size).await;
        }
    }
}

#[tokio::test]
async fn keys_may_change_while_an_upload_runs() {
    let fixture = Fixture::new();
    let session = fixture.tls.session();
    let mut data = fixture.client(&TLS13).data(&session, Upload).await.unwrap();

    for _ in 0..3 {
        data.client.write_all(b"some").await.unwrap();
        data.client.get_mut().1.refresh_traffic_keys().unwrap();
    }
    data.client.shutdown().await.unwrap();

    let stream = &mut data.server.0;
    let mut bytes = Vec::new();
    in_time(stream.read_to_end(&mut bytes)).await.unwrap();
    assert_eq!(bytes, b"somesomesome");
    // The answer to a change of keys goes before the end, which the client would not understand otherwise.
    finish(stream, PATIENCE).await.unwrap();
    let mut rest = Vec::new();
    in_time(data.client.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn what_comes_during_a_download_is_kept_for_whoever_reads() {
    let fixture = Fixture::new();
    let session = fixture.tls.session();
    let (near, far) = sockets().await;
    let client = fixture.client(&TLS13);
    let sending = async {
        let mut stream = client.connect(far).await.unwrap();
        stream.write_all(b"unasked").await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    // Both ends take turns in one task: the client's last word of the handshake comes together with what follows it.
    let (accepted, mut client) =
        in_time(async { tokio::join!(session.accept_data(Socket::new(near), Download), sending) })
            .await;
    let (mut server, _) = accepted.unwrap();

    server.write_all(b"asked").await.unwrap();
    server.flush().await.unwrap();

    let mut asked = [0; 5];
    in_time(client.read_exact(&mut asked)).await.unwrap();
    assert_eq!(&asked, b"asked");
    let mut unasked = [0; 7];
    in_time(server.read_exact(&mut unasked)).await.unwrap();
    assert_eq!(&unasked, b"unasked");
}

#[tokio::test]
async fn what_came_before_a_forged_record_is_received_and_the_client_is_told() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let session = fixture.tls.session();
        let mut data = fixture
            .client(version)
            .data(&session, Upload)
            .await
            .unwrap();

        data.client.write_all(b"honest").await.unwrap();
        data.client.flush().await.unwrap();
        let forged = [&[0x17, 3, 3, 0, 64][..], &[0; 64]].concat();
        data.client.get_mut().0.write_all(&forged).await.unwrap();

        let mut buffer = [0; 100];
        let stream = &mut data.server.0;
        in_time(stream.read_exact(&mut buffer[..6])).await.unwrap();
        assert_eq!(&buffer[..6], b"honest");
        for _ in 0..2 {
            let forged = in_time(stream.read(&mut buffer)).await;
            assert_eq!(
                forged.unwrap_err().kind(),
                std::io::ErrorKind::InvalidData,
                "{version:?}"
            );
        }
        let alert = in_time(data.client.read(&mut buffer)).await.unwrap_err();
        assert!(alert.to_string().contains("BadRecordMac"), "{alert}");
    }
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_so() {
    let session = Fixture::new().tls.session();
    let (near, mut far) = sockets().await;
    far.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();

    let refused = in_time(session.accept_data(Socket::new(near), Upload)).await;

    assert!(refused.is_err());
    let mut alert = [0; 7];
    in_time(far.read_exact(&mut alert)).await.unwrap();
    // An alert (21) of TLS 1.x, two bytes long: fatal (2).
    assert_eq!([alert[0], alert[1], alert[4], alert[5]], [21, 3, 2, 2]);
}

#[tokio::test]
async fn a_handshake_without_end_is_broken_off() {
    let session = Fixture::new().tls.session();
    let (near, mut far) = sockets().await;
    let sending = tokio::spawn(async move {
        // A ClientHello of 65535 bytes that comes byte by byte.
        let mut record = vec![0x16, 3, 1, 0, 4, 1, 0, 0xff, 0xff];
        while far.write_all(&record).await.is_ok() {
            record = vec![0x16, 3, 1, 0, 1, 0];
        }
    });

    let refused = in_time(session.accept_data(Socket::new(near), Upload)).await;

    let error = refused.unwrap_err();
    assert_eq!(error.to_string(), "the client's TLS messages are too long");
    in_time(sending).await.unwrap();
}
