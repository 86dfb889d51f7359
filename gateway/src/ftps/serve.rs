//! One client from its first byte to its last, and those who are turned away before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ftp::Reply;
use gateway_config::{Listener, Protocol};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tracing::{Instrument as _, error_span, field, info};

use super::connection::Connection;
use crate::{endpoint::Endpoint, peer::Peer};

/// How long a client that is turned away may take to hear why.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of it that are read, and thrown away, so that closing does not become a reset: a reset may reach the client
/// before the reason does.
const HEARD_MAX: u64 = 64 * 1024;

/// Serves one client: TLS, login, files. Returns when the connection is closed.
pub async fn serve(stream: TcpStream, peer: Peer, endpoint: Arc<Endpoint>, listener: &Listener) {
    // At the highest level: a warning must name the client, however little is logged.
    let span = error_span!(
        "client",
        protocol = "ftps",
        peer = %peer.address,
        user = field::Empty
    );
    run(stream, peer, endpoint, listener).instrument(span).await;
}

async fn run(stream: TcpStream, peer: Peer, endpoint: Arc<Endpoint>, listener: &Listener) {
    let started = Instant::now();
    let Some(tls) = endpoint.tls.get(&listener.name).cloned() else {
        tracing::error!(listener = listener.name, "there is no certificate");
        return;
    };
    let connection = Connection::new(stream, peer, endpoint, (listener, &tls));
    let summary = connection.run().await;
    info!(
        received = summary.received,
        sent = summary.sent,
        seconds = started.elapsed().as_secs(),
        reason = summary.reason,
        "session ended"
    );
}

/// Tells a client why it is not served, and closes. Only with explicit FTPS: implicit FTPS has no words before a TLS
/// handshake, and whoever is turned away for being too many must not cost one.
pub async fn refuse(mut stream: TcpStream, reason: &str, protocol: Protocol) {
    if protocol != Protocol::FtpsExplicit {
        return;
    }
    let reply = Reply::new(421, reason).to_bytes();
    let told = async {
        stream.write_all(&reply).await?;
        stream.shutdown().await?;
        let mut sink = tokio::io::sink();
        tokio::io::copy(&mut (&mut stream).take(HEARD_MAX), &mut sink).await
    };
    // Whether the client has heard it or not: it is turned away.
    let _ended = timeout(PATIENCE, told).await.is_ok();
}
