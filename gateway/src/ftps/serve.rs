//! One client from its first byte to its last, and those who are turned away before.

use std::time::Instant;

use ftp::Reply;
use gateway_config::{Listener, Protocol};
use tokio::net::TcpStream;
use tracing::info;

use super::{
    connection::{Connection, Summary},
    span::ClientSpans,
};
use crate::{
    endpoint::Served,
    farewell::{REFUSAL_TIME, bid_farewell},
    peer::Peer,
};

/// Serves one client: TLS, login, files. Returns when the connection is closed.
pub async fn serve(stream: TcpStream, peer: Peer, served: Served, listener: &Listener) {
    let started = Instant::now();
    let tls = served
        .now()
        .tls
        .get(&listener.name)
        .map(|tls| tls.session());
    let Some(tls) = tls else {
        let span = ClientSpans::new(peer.address).of_nobody();
        span.in_scope(|| {
            tracing::error!(listener = listener.name, "there is no certificate");
        });
        return;
    };
    let connection = Connection::new(stream, peer, served, listener, tls);
    let Summary {
        span,
        received,
        sent,
        reason,
    } = connection.run().await;
    let seconds = started.elapsed().as_secs();
    span.in_scope(|| info!(received, sent, seconds, reason, "session ended"));
}

/// Tells a client why it is not served, and closes. Only with explicit FTPS: implicit FTPS has no words before a TLS
/// handshake, and whoever is turned away for being too many must not cost one.
pub async fn refuse(stream: TcpStream, reason: &str, protocol: Protocol) {
    if protocol == Protocol::FtpsExplicit {
        let reply = Reply::new(421, reason).to_bytes();
        bid_farewell(stream, &reply, REFUSAL_TIME).await;
    }
}
