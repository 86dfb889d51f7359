//! The client's window decides how much it gets, however small it is and whatever it asks for.

use std::{net::SocketAddr, sync::Arc};

use gateway_config::SshPolicy;
use russh::{
    ChannelMsg, Preferred,
    client::{self, Config, Handle},
    keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use tokio::{process::Command, time::timeout};

use super::fixture::{Gateway, PATIENCE, Said, said, unchanged};

pub(super) struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Logs in as a client that grants this window.
async fn log_in(gateway: &Gateway, window: u32) -> Handle<Trusting> {
    log_in_at(gateway, gateway.address, window).await
}

/// Logs in by way of another address.
pub(super) async fn log_in_at(
    gateway: &Gateway,
    address: SocketAddr,
    window: u32,
) -> Handle<Trusting> {
    let config = Config {
        window_size: window,
        maximum_packet_size: window.min(32 * 1024),
        preferred: Preferred::DEFAULT,
        ..Config::default()
    };
    let mut handle = client::connect(Arc::new(config), address, Trusting)
        .await
        .unwrap();
    let key = PrivateKeyWithHashAlg::new(Arc::new(gateway.user_key.clone()), None);
    let login = handle.authenticate_publickey("alice", key).await.unwrap();
    assert!(login.success());
    handle
}

pub(super) fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap();
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

fn open(id: u32, name: &str) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(&u32::try_from(name.len()).unwrap().to_be_bytes());
    body.extend_from_slice(name.as_bytes());
    // To read, and no attributes.
    body.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0]);
    packet(3, &body)
}

pub(super) fn read(id: u32, handle: &[u8], offset: u64, length: u32) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(&u32::try_from(handle.len()).unwrap().to_be_bytes());
    body.extend_from_slice(handle);
    body.extend_from_slice(&offset.to_be_bytes());
    body.extend_from_slice(&length.to_be_bytes());
    packet(5, &body)
}

/// A channel that speaks SFTP, and what it has said so far.
pub(super) struct Sftp {
    pub(super) channel: russh::Channel<client::Msg>,
    heard: Vec<u8>,
}

impl Sftp {
    pub(super) async fn start(handle: &Handle<Trusting>) -> Self {
        let channel = handle.channel_open_session().await.unwrap();
        channel.request_subsystem(true, "sftp").await.unwrap();
        let mut sftp = Self {
            channel,
            heard: Vec::new(),
        };
        sftp.say(&packet(1, &[0, 0, 0, 3])).await;
        let version = sftp.answer().await;
        assert_eq!(version.first(), Some(&2));
        sftp
    }

    pub(super) async fn say(&self, bytes: &[u8]) {
        self.channel.data(bytes).await.unwrap();
    }

    /// The next answer, without its length.
    pub(super) async fn answer(&mut self) -> Vec<u8> {
        loop {
            if let Some((length, rest)) = self.heard.split_first_chunk::<4>() {
                let length = u32::from_be_bytes(*length) as usize;
                if rest.len() >= length {
                    let answer = rest[..length].to_vec();
                    self.heard.drain(..4 + length);
                    return answer;
                }
            }
            match timeout(PATIENCE, self.channel.wait())
                .await
                .expect("no answer")
            {
                Some(ChannelMsg::Data { data }) => self.heard.extend_from_slice(&data),
                Some(_) => {}
                None => panic!("the channel is gone"),
            }
        }
    }

    /// Opens a file to read; its handle.
    pub(super) async fn open(&mut self, name: &str) -> Vec<u8> {
        self.say(&open(1, name)).await;
        let answer = self.answer().await;
        assert_eq!(answer.first(), Some(&102), "{answer:?}");
        answer[9..].to_vec()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_larger_than_the_window_arrives_in_pieces() {
    let gateway = Gateway::start(unchanged).await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    std::fs::write(gateway.volume().join("file"), &bytes).unwrap();
    let client = log_in(&gateway, 20_000).await;
    let mut sftp = Sftp::start(&client).await;

    let handle = sftp.open("file").await;
    sftp.say(&read(2, &handle, 0, 200_000)).await;
    let answer = sftp.answer().await;

    assert_eq!(answer.first(), Some(&103));
    assert!(answer[9..] == bytes[..answer.len() - 9]);
    assert_eq!(answer.len() - 9, bytes.len());
}

/// paramiko grants its window anew only when somebody reads: here nobody does.
const DEAF_AND_OTHER: &str = "
import paramiko, struct, sys
host, port, folder = sys.argv[1:]
transport = paramiko.Transport((host, int(port)))
key = paramiko.Ed25519Key.from_private_key_file(folder + '/id')
transport.connect(username='alice', pkey=key)

def packet(kind, body):
    return struct.pack('>IB', len(body) + 1, kind) + body

def text(value):
    return struct.pack('>I', len(value)) + value

deaf = transport.open_session()
deaf.invoke_subsystem('sftp')
deaf.sendall(packet(1, struct.pack('>I', 3)))
(length,) = struct.unpack('>I', deaf.recv(4))
deaf.recv(length)
deaf.sendall(packet(3, struct.pack('>I', 1) + text(b'file') + struct.pack('>II', 1, 0)))
(length,) = struct.unpack('>I', deaf.recv(4))
handle = deaf.recv(length)[9:]
for number in range(1000):
    deaf.sendall(packet(5, struct.pack('>I', number) + text(handle) + struct.pack('>QI', 0, 32768)))

other = paramiko.SFTPClient.from_transport(transport)
assert len(other.listdir('.')) == 1
with other.open('file') as file:
    assert len(file.read()) == 1 << 20
";

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_never_takes_its_answers_does_not_silence_another() {
    let gateway = Gateway::start(|endpoint| endpoint.ssh.policy = SshPolicy::Intermediate).await;
    std::fs::write(gateway.volume().join("file"), vec![7; 1 << 20]).unwrap();

    let mut python = Command::new("/usr/bin/python3");
    python
        .args(["-c", DEAF_AND_OTHER])
        .arg(gateway.address.ip().to_string())
        .arg(gateway.address.port().to_string())
        .arg(gateway.folder.path())
        .kill_on_drop(true);
    let Said { code, err, .. } = said(python).await;

    assert_eq!(code, Some(0), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_channels_may_be_open() {
    let gateway = Gateway::start(unchanged).await;
    let client = log_in(&gateway, 2 << 20).await;

    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..12 {
        match client.channel_open_session().await {
            Ok(channel) => open.push(channel),
            Err(_) => refused += 1,
        }
    }

    assert_eq!((open.len(), refused), (10, 2));
}
