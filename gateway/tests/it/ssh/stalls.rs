//! Clients that begin a login and never finish it. Up to NEWKEYS packets are read and written without encryption here.

use std::sync::Arc;

use russh::client::{self, DisconnectReason};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    time::timeout,
};

use super::fixture::{Gateway, PATIENCE};

const GREETING: &[u8] = b"SSH-2.0-x\r\n";

/// Kinds of messages (RFC 4253 §12, RFC 5656 §7.1).
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;
const ECDH_INIT: u8 = 30;
const ECDH_REPLY: u8 = 31;

/// What the gateway sends to somebody who sends this, until it hangs up.
async fn answer_to(gateway: &Gateway, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let heard = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    heard.expect("the gateway keeps the connection").unwrap();
    answer
}

/// The payloads of the packets after the identification (RFC 4253 §6).
fn packets(answer: &[u8]) -> Vec<&[u8]> {
    let mut rest = answer.strip_prefix(b"SSH-2.0-secureftp\r\n").unwrap();
    let mut packets = Vec::new();
    while let Some((length, bytes)) = rest.split_first_chunk::<4>() {
        let (packet, following) = bytes.split_at(u32::from_be_bytes(*length) as usize);
        packets.push(&packet[1..packet.len() - usize::from(packet[0])]);
        rest = following;
    }
    packets
}

fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (4 + 1 + payload.len() + 4) % 8) % 8;
    let mut packet = u32::try_from(1 + payload.len() + padding)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    packet.push(u8::try_from(padding).unwrap());
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// What a client proposes that knows one algorithm of each sort (RFC 4253 §7.1).
fn kexinit() -> Vec<u8> {
    let cipher = "aes256-gcm@openssh.com";
    let mac = "hmac-sha2-256-etm@openssh.com";
    let lists = [
        "curve25519-sha256",
        "ssh-ed25519",
        cipher,
        cipher,
        mac,
        mac,
        "none",
        "none",
        "",
        "",
    ];
    let mut payload = vec![KEXINIT];
    payload.extend([7; 16]);
    payload.extend(lists.iter().flat_map(|list| string(list.as_bytes())));
    payload.extend([0; 5]);
    payload
}

#[tokio::test]
async fn a_key_exchange_that_stalls_is_told_after_the_login_time() {
    let gateway = Gateway::start(|endpoint| endpoint.limits.login_seconds = 1).await;
    let whole = packet(&kexinit());
    let (half, _) = whole.split_at(whole.len() / 2);

    for said in [b"", half, &whole] {
        let answer = answer_to(&gateway, &[GREETING, said].concat()).await;

        let [key_exchange, disconnect] = packets(&answer)[..] else {
            panic!("{answer:?}")
        };
        assert_eq!(key_exchange[0], KEXINIT);
        // SSH_MSG_DISCONNECT, SSH_DISCONNECT_BY_APPLICATION, the text and its language.
        assert_eq!(
            disconnect,
            b"\x01\0\0\0\x0b\0\0\0\x17The login took too long\0\0\0\x02en"
        );
    }
}

#[tokio::test]
async fn nothing_in_the_clear_follows_the_new_keys() {
    let gateway = Gateway::start(|endpoint| endpoint.limits.login_seconds = 1).await;
    let mut said = [GREETING, &packet(&kexinit())].concat();
    said.extend(packet(&[&[ECDH_INIT][..], &string(&[9; 32])].concat()));

    let answer = answer_to(&gateway, &said).await;

    let kinds: Vec<u8> = packets(&answer).iter().map(|packet| packet[0]).collect();
    assert_eq!(kinds, [KEXINIT, ECDH_REPLY, NEWKEYS]);
}

/// A client that never logs in, and tells why it was sent away.
struct Stranger(Option<oneshot::Sender<String>>);

impl client::Handler for Stranger {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _key: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(true)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        let text = match reason {
            DisconnectReason::ReceivedDisconnect(said) => said.message,
            DisconnectReason::Error(error) => error.to_string(),
        };
        if let Some(sender) = self.0.take() {
            sender.send(text).unwrap();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_logs_in_is_told_after_the_login_time() {
    let gateway = Gateway::start(|endpoint| endpoint.limits.login_seconds = 1).await;
    let (sender, told) = oneshot::channel();

    let stranger = Stranger(Some(sender));
    let _session = client::connect(Arc::default(), gateway.address, stranger)
        .await
        .unwrap();

    let told = timeout(PATIENCE, told).await.unwrap().unwrap();
    assert_eq!(told, "The login took too long");
}
