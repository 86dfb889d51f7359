//! TLS of one control connection and its data connections.

use std::{fmt, io, sync::Arc};

use ftp::Direction;
use rustls::{HandshakeKind, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::{
    super::socket::Socket,
    data::TlsDataSocket,
    store::{ControlStore, DataStore, SessionStore},
    stream::TlsSocket,
};

/// TLS of one control connection and its data connections: what resumes here has proved that it belongs here.
/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct SessionTls {
    /// The listener's, with a store that knows only this session.
    control: Arc<ServerConfig>,
    store: Arc<SessionStore>,
}

/// How a data connection's handshake went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// It resumed the session of this control connection: it belongs here.
    Resumed,
    /// It was a full one, which proves nothing; so is one that offered to resume something else.
    Full,
}

impl SessionTls {
    pub(super) fn new(listener: &ServerConfig) -> Self {
        let store = Arc::new(SessionStore::default());
        let mut control = listener.clone();
        control.session_storage = Arc::new(ControlStore(Arc::clone(&store)));
        control.send_tls13_tickets = 1;
        Self {
            control: Arc::new(control),
            store,
        }
    }

    /// The handshake of the control connection; the first that is done with this session. The caller sets the
    /// deadline; dropping the future closes the connection.
    pub(crate) async fn accept_control(&self, stream: Socket) -> io::Result<TlsSocket> {
        TlsAcceptor::from(Arc::clone(&self.control))
            .accept(stream)
            .await
    }

    /// The handshake of a data connection. The caller sets the deadline; dropping the future closes the connection.
    pub(crate) async fn accept_data(
        &self,
        stream: Socket,
        direction: Direction,
    ) -> io::Result<(TlsDataSocket, Handshake)> {
        let store = Arc::new(DataStore::new(Arc::clone(&self.store)));
        let mut config = ServerConfig::clone(&self.control);
        config.session_storage = Arc::clone(&store) as _;
        config.send_tls13_tickets = tickets(direction);
        let stream = TlsDataSocket::accept(Arc::new(config), stream).await?;
        let handshake = match stream.handshake_kind() {
            Some(HandshakeKind::Resumed) => {
                store.approve();
                Handshake::Resumed
            }
            Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None => {
                Handshake::Full
            }
        };
        Ok((stream, handshake))
    }
}

impl fmt::Debug for SessionTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTls").finish_non_exhaustive()
    }
}

/// How many TLS 1.3 tickets a data connection sends. TLS 1.2 has none: there a session is resumed by its identifier, any
/// number of times.
///
/// A download sends one: clients on OpenSSL use a ticket once, and get the next one here. An upload sends none, because
/// of what follows from one (curl 7.88 on OpenSSL 3.0, lftp 4.9 on `GnuTLS` 3.7, loopback):
///
/// - lftp closes without reading, so its kernel answers the ticket with a reset, and drops what it had still to send: all
///   uploads ended like this. It needs none: it resumes the control connection's session every time.
/// - curl looks once for something to read and closes. A ticket that comes after that is answered like lftp's, and lost:
///   of 40 uploads of 300 bytes 32 ended in a reset, and none of the next 19 had a ticket; of 100 kB 27 did, and 3 of 19
///   had one. Of 5 MB all went well. So a ticket for all but `GnuTLS` (only it offers `TLS_AES_128_CCM_SHA256`) is no way
///   out.
/// - Python's ftplib waits for the other side's end, and would not mind.
///
/// The price: an upload right after an upload is a full handshake with curl over TLS 1.3 (19 of 19), and always resumed
/// with lftp, ftplib, and all three over TLS 1.2.
fn tickets(direction: Direction) -> usize {
    match direction {
        Direction::Download => 1,
        Direction::Upload => 0,
    }
}
