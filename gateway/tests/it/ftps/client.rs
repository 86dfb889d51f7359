//! A small FTP client that can also misbehave.

use std::{net::SocketAddr, sync::Arc};

use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, ClientConfig, RootCertStore},
};

use super::fixture::{Gateway, PASSWORD, PATIENCE};

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(super) struct Client {
    control: Box<dyn Stream>,
    heard: Vec<u8>,
    tls: TlsConnector,
}

fn connector(gateway: &Gateway) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(gateway.authority()).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn connect(address: SocketAddr) -> TcpStream {
    timeout(PATIENCE, TcpStream::connect(address))
        .await
        .unwrap()
        .unwrap()
}

impl Client {
    /// In clear, after the greeting.
    pub(super) async fn arrive(gateway: &Gateway) -> Self {
        let mut client = Self {
            control: Box::new(connect(gateway.explicit).await),
            heard: Vec::new(),
            tls: connector(gateway),
        };
        client.expect(220).await;
        client
    }

    /// Logged in, all in clear.
    pub(super) async fn unprotected(gateway: &Gateway) -> Self {
        let mut client = Self::arrive(gateway).await;
        client.check("USER alice", 331).await;
        client.check(&format!("PASS {PASSWORD}"), 230).await;
        client
    }

    /// Explicit, logged in, with protected data connections.
    pub(super) async fn explicit(gateway: &Gateway) -> Self {
        let mut client = Self::arrive(gateway).await;
        client.say("AUTH TLS").await;
        client.expect(234).await;
        client.start_tls().await;
        client.log_in().await;
        client
    }

    /// Like [`Self::explicit`], with a control connection that ends by a reset, as that of a program does that exits
    /// with replies unread.
    pub(super) async fn abrupt(gateway: &Gateway) -> Self {
        let control = connect(gateway.explicit).await;
        control.set_zero_linger().unwrap();
        Self::over(control, gateway).await
    }

    /// Like [`Self::explicit`], with little room for replies that it does not read.
    pub(super) async fn narrow(gateway: &Gateway) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let control = timeout(PATIENCE, socket.connect(gateway.explicit)).await;
        Self::over(control.unwrap().unwrap(), gateway).await
    }

    async fn over(control: TcpStream, gateway: &Gateway) -> Self {
        let mut client = Self {
            control: Box::new(control),
            heard: Vec::new(),
            tls: connector(gateway),
        };
        client.expect(220).await;
        client.say("AUTH TLS").await;
        client.expect(234).await;
        client.start_tls().await;
        client.log_in().await;
        client
    }

    /// Implicit, logged in.
    pub(super) async fn implicit(gateway: &Gateway) -> Self {
        let mut client = Self {
            control: Box::new(connect(gateway.implicit).await),
            heard: Vec::new(),
            tls: connector(gateway),
        };
        client.start_tls().await;
        client.expect(220).await;
        client.log_in().await;
        client
    }

    pub(super) async fn start_tls(&mut self) {
        assert!(self.heard.is_empty(), "something came before TLS");
        let clear = std::mem::replace(&mut self.control, Box::new(tokio::io::empty()));
        let name = ServerName::try_from("localhost").unwrap();
        self.control = Box::new(self.tls.connect(name, clear).await.unwrap());
    }

    async fn log_in(&mut self) {
        self.check("USER alice", 331).await;
        self.check(&format!("PASS {PASSWORD}"), 230).await;
        self.check("PBSZ 0", 200).await;
        self.check("PROT P", 200).await;
        self.check("TYPE I", 200).await;
    }

    pub(super) async fn say_bytes(&mut self, bytes: &[u8]) {
        self.control.write_all(bytes).await.unwrap();
        self.control.flush().await.unwrap();
    }

    pub(super) async fn say(&mut self, command: &str) {
        self.say_bytes(format!("{command}\r\n").as_bytes()).await;
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.heard.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.heard.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let reading = self.control.read_buf(&mut self.heard);
            match timeout(PATIENCE, reading).await.expect("no reply") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next reply, all lines of it; None: the gateway has hung up.
    pub(super) async fn reply(&mut self) -> Option<String> {
        let first = self.line().await?;
        let mut reply = first.clone();
        if first.as_bytes().get(3) == Some(&b'-') {
            let last = first.get(..3).unwrap().to_owned() + " ";
            loop {
                let line = self.line().await?;
                reply.push('\n');
                reply.push_str(&line);
                if line.starts_with(&last) {
                    break;
                }
            }
        }
        Some(reply)
    }

    /// The next reply, which must have this code.
    #[track_caller]
    pub(super) fn expect(&mut self, code: u16) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            let reply = self.reply().await.unwrap_or_else(|| "hung up".to_owned());
            assert!(
                reply.starts_with(&code.to_string()),
                "{caller}: not {code}: {reply}"
            );
            reply
        }
    }

    /// Says it and expects a reply of this code.
    pub(super) async fn check(&mut self, command: &str, code: u16) -> String {
        self.say(command).await;
        let reply = self.reply().await.unwrap_or_else(|| "hung up".to_owned());
        assert!(
            reply.starts_with(&code.to_string()),
            "{command}: not {code}: {reply}"
        );
        reply
    }

    /// A connection to a new data port.
    pub(super) async fn data_port(&mut self) -> TcpStream {
        let reply = self.check("EPSV", 229).await;
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        connect(SocketAddr::from(([127, 0, 0, 1], port))).await
    }

    /// Begins a transfer: the data connection after 150.
    pub(super) async fn begin(&mut self, command: &str) -> TlsStream<TcpStream> {
        self.begin_told(command).await.1
    }

    /// Begins a transfer: what 150 says, and the data connection after it.
    pub(super) async fn begin_told(&mut self, command: &str) -> (String, TlsStream<TcpStream>) {
        let stream = self.data_port().await;
        let promise = self.check(command, 150).await;
        (promise, self.shake_hands(stream).await)
    }

    /// Protects a data connection.
    pub(super) async fn shake_hands(&self, stream: TcpStream) -> TlsStream<TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        self.tls.connect(name, stream).await.unwrap()
    }

    /// Everything that a transfer command brings.
    pub(super) async fn fetch(&mut self, command: &str) -> Vec<u8> {
        let mut stream = self.begin(command).await;
        let mut content = Vec::new();
        let reading = stream.read_to_end(&mut content);
        // Whoever does not say goodbye gives an error here.
        timeout(PATIENCE, reading).await.unwrap().unwrap();
        self.expect(226).await;
        content
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, command: &str, content: &[u8]) -> String {
        let mut stream = self.begin(command).await;
        timeout(PATIENCE, stream.write_all(content))
            .await
            .unwrap()
            .unwrap();
        stream.shutdown().await.unwrap();
        self.expect(226).await
    }

    /// Everything the gateway says until it hangs up.
    pub(super) async fn farewell(mut self) -> Vec<String> {
        let mut replies = Vec::new();
        while let Some(reply) = self.reply().await {
            replies.push(reply);
        }
        replies
    }
}
