//! A connection that passes on what the client says, and what the gateway says only up to a certain moment.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A relay for one connection.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    answers: watch::Sender<bool>,
    /// True when the gateway has ended the connection.
    pub(super) ended: watch::Receiver<bool>,
}

impl Relay {
    /// Passes on everything, until it is told to withhold.
    pub(super) async fn start(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, passes) = watch::channel(true);
        let (end, ended) = watch::channel(false);
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(gateway).await.unwrap();
            let (mut from_client, to_client) = client.into_split();
            let (from_server, mut to_server) = server.into_split();
            tokio::spawn(pass(from_server, to_client, passes));
            // The gateway's end shows here first: nothing can be written to it any more.
            drop(copy(&mut from_client, &mut to_server).await);
            end.send_replace(true);
        });
        Self {
            address,
            answers,
            ended,
        }
    }

    /// From now on the client hears nothing, and the gateway's bytes pile up where they are.
    pub(super) fn withhold(&self) {
        self.answers.send_replace(false);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut passes: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while passes.wait_for(|passes| *passes).await.is_ok() {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}
