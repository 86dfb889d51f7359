//! One client from its first byte to its last, and those who are turned away before.

use std::{sync::Arc, time::Instant};

use ftp::Reply;
use gateway_config::{Listener, Protocol};
use tokio::net::TcpStream;
use tracing::{Instrument as _, error_span, field, info};

use super::connection::Connection;
use crate::{
    endpoint::Endpoint,
    farewell::{REFUSAL_TIME, bid_farewell},
    peer::Peer,
};

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
pub async fn refuse(stream: TcpStream, reason: &str, protocol: Protocol) {
    if protocol == Protocol::FtpsExplicit {
        let reply = Reply::new(421, reason).to_bytes();
        bid_farewell(stream, &reply, REFUSAL_TIME).await;
    }
}
