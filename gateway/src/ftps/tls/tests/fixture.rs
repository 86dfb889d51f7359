//! A certificate, a client that trusts it, and connections between them over loopback.

use std::{io, sync::Arc, time::Duration};

use ftp::Direction;
use gateway_config::{Encryption, Tls, TlsVersion};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    client::Resumption,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client};
use zeroize::Zeroizing;

use super::super::{
    Certificate, Handshake, ServerTls, SessionTls, TlsDataSocket, TlsSocket, server::provider,
};
use crate::ftps::socket::Socket;

pub(super) type ClientSocket = client::TlsStream<TcpStream>;

/// Longer than anything here takes, even on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

pub(super) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

pub(super) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.unwrap()
}

pub(super) fn settings(min_version: TlsVersion) -> Tls {
    Tls {
        encryption: Encryption::Required,
        min_version,
    }
}

/// A certificate for `localhost` that nobody has signed but itself.
pub(super) fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    Certificate {
        chain: params.self_signed(&key).unwrap().pem().into_bytes(),
        key: Zeroizing::new(key.serialize_pem().into_bytes()),
    }
}

/// A listener and its certificate.
pub(super) struct Fixture {
    pub(super) certificate: Certificate,
    pub(super) tls: ServerTls,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::from(TlsVersion::V1_2)
    }

    pub(super) fn from(min: TlsVersion) -> Self {
        let certificate = certificate(|_| {});
        Self {
            tls: ServerTls::new(&settings(min), &certificate).unwrap(),
            certificate,
        }
    }

    /// A client that trusts the certificate, speaks this version, and remembers sessions.
    pub(super) fn client(&self, version: &'static SupportedProtocolVersion) -> Client {
        use rustls_pki_types::pem::PemObject as _;

        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(&self.certificate.chain).unwrap();
        roots.add(own).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(16);
        Client {
            config: Arc::new(config),
        }
    }
}

#[derive(Clone)]
pub(super) struct Client {
    config: Arc<ClientConfig>,
}

/// A connection, both ends.
pub(super) struct Pair<S> {
    pub(super) server: S,
    pub(super) client: ClientSocket,
}

impl Client {
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<ClientSocket> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(&self.config))
            .connect(name, stream)
            .await
    }

    /// A control connection; the greeting brings the client's tickets with it.
    pub(super) async fn control(&self, session: &SessionTls) -> io::Result<Pair<TlsSocket>> {
        let (near, far) = sockets().await;
        let (server, client) = in_time(async {
            tokio::join!(session.accept_control(Socket::new(near)), self.connect(far))
        })
        .await;
        let mut pair = Pair {
            server: server?,
            client: client?,
        };
        greet(&mut pair.server, &mut pair.client).await;
        Ok(pair)
    }

    /// A data connection; a download's first bytes bring the client's ticket with them.
    pub(super) async fn data(
        &self,
        session: &SessionTls,
        direction: Direction,
    ) -> io::Result<Pair<(TlsDataSocket, Handshake)>> {
        let (near, far) = sockets().await;
        let (server, client) = in_time(async {
            tokio::join!(
                session.accept_data(Socket::new(near), direction),
                self.connect(far)
            )
        })
        .await;
        let mut pair = Pair {
            server: server?,
            client: client?,
        };
        if direction == Direction::Download {
            greet(&mut pair.server.0, &mut pair.client).await;
        }
        Ok(pair)
    }

    /// How the handshake of a data connection goes.
    pub(super) async fn handshake(&self, session: &SessionTls, direction: Direction) -> Handshake {
        self.data(session, direction).await.unwrap().server.1
    }
}

async fn greet(server: &mut (impl AsyncWrite + Unpin), client: &mut ClientSocket) {
    server.write_all(b"220").await.unwrap();
    server.flush().await.unwrap();
    let mut greeting = [0; 3];
    in_time(client.read_exact(&mut greeting)).await.unwrap();
}

/// Both ends of a connection: the gateway's and the client's.
pub(super) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(listener.accept(), TcpStream::connect(address));
    (near.unwrap().0, far.unwrap())
}

/// [`sockets`] whose client takes little at a time, and whose gateway may send much ahead.
pub(super) async fn narrow_sockets() -> (TcpStream, TcpStream) {
    let listener = TcpSocket::new_v4().unwrap();
    listener.set_send_buffer_size(1 << 20).unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(listener.accept(), client.connect(address));
    (near.unwrap().0, far.unwrap())
}
