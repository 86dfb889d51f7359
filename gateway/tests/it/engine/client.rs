//! An SFTP client that says exactly what a test wants, and the volume it talks to.

use std::{collections::BTreeSet, path::Path, time::Duration};

use gateway::{
    drain::Drain,
    metrics::Metrics,
    sftp::{Engine, EngineLimits, ProtocolError, serve_streams},
    storage::{Files, Volume},
};
use gateway_config::{Durability, Permission, Uploads};
use prometheus::Registry;
use sftp::{Answer, Code, Message, OpenFlags, Packet, Packets, Request};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
    time::timeout,
};

/// Long enough for a busy machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const LIMITS: EngineLimits = EngineLimits {
    memory: 8 * 1024 * 1024,
    handles: 16,
};

/// Waits until a slow request has ended.
pub(crate) async fn progressed(engine: &Engine) {
    let progressed = timeout(PATIENCE, engine.progress().notified()).await;
    progressed.unwrap_or_else(|_elapsed| panic!("nothing comes of {engine:?}"));
}

/// A volume with one user's folder in it.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) files: Files,
    pub(crate) drain: Drain,
    pub(crate) registry: Registry,
    metrics: Metrics,
}

impl Home {
    /// On a file system where calls never wait.
    pub(crate) async fn in_memory() -> Self {
        Self::below(Path::new("/dev/shm"), Uploads::Direct).await
    }

    /// On a file system where calls go to threads, wherever tests have their files.
    pub(crate) async fn on_disk() -> Self {
        Self::below(Path::new(env!("CARGO_TARGET_TMPDIR")), Uploads::Direct).await
    }

    /// In memory, where uploads become visible when they are complete.
    pub(crate) async fn atomic() -> Self {
        Self::below(Path::new("/dev/shm"), Uploads::Atomic).await
    }

    async fn below(parent: &Path, uploads: Uploads) -> Self {
        let folder = TempDir::new_in(parent).unwrap();
        let volume = Volume::open(&gateway_config::Storage {
            volume: folder.path().to_owned(),
            uploads,
            durability: Durability::Written,
            stuck_seconds: 10,
            stuck_threads_max: 4,
        })
        .unwrap();
        let everything = BTreeSet::from(Permission::ALL);
        let files = volume.files("alice", "/", &everything).await.unwrap();
        let registry = Registry::new();
        Self {
            folder,
            files,
            drain: Drain::default(),
            metrics: Metrics::register(&registry, "test/engine").unwrap(),
            registry,
        }
    }

    pub(crate) fn engine(&self, limits: EngineLimits) -> Engine {
        Engine::new(self.files.clone(), limits, self.drain.state()).counted_in(self.metrics.clone())
    }

    /// A client that has said hello.
    pub(crate) async fn client(&self) -> Client {
        let mut client = self.stranger(LIMITS);
        client
            .send_message(&Message::Initialize { version: 3 })
            .await;
        let (version, hello) = client.receive().await.unwrap();
        assert_eq!((version, hello), (3, Answer::Version));
        client
    }

    /// A client that has said nothing.
    pub(crate) fn stranger(&self, limits: EngineLimits) -> Client {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(far);
        let server = tokio::spawn(serve_streams(read, write, self.engine(limits)));
        Client {
            stream: near,
            packets: Packets::default(),
            arrived: Vec::new(),
            server,
            next: 0,
        }
    }
}

/// One conversation.
pub(crate) struct Client {
    stream: DuplexStream,
    packets: Packets,
    arrived: Vec<u8>,
    server: JoinHandle<Result<(), ProtocolError>>,
    next: u32,
}

impl Client {
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(bytes))
            .await
            .expect("the server takes it")
            .unwrap();
    }

    async fn send_message(&mut self, message: &Message<'_>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.send_bytes(&bytes).await;
    }

    /// Sends a request; its id.
    pub(crate) async fn send(&mut self, request: Request<'_>) -> u32 {
        self.next += 1;
        let id = self.next;
        self.send_message(&Message::Request { id, request }).await;
        id
    }

    /// The next answer, whosever it is; `None` at the end of the conversation.
    pub(crate) async fn receive(&mut self) -> Option<(u32, Answer<'static>)> {
        loop {
            let mut input = self.arrived.as_slice();
            let packet = match self.packets.next(&mut input).unwrap() {
                Some(Packet::Whole(packet)) => Some(packet.to_vec()),
                Some(Packet::Gathered(packet)) => Some(packet),
                None => None,
            };
            self.arrived = input.to_vec();
            if let Some(packet) = packet {
                let packet: &'static [u8] = packet.leak();
                return Some(Answer::decode(packet).unwrap());
            }
            let mut buffer = vec![0; 64 * 1024];
            let count = timeout(PATIENCE, self.stream.read(&mut buffer))
                .await
                .expect("an answer")
                .ok()?;
            if count == 0 {
                return None;
            }
            self.arrived.extend_from_slice(&buffer[..count]);
        }
    }

    /// Sends a request and waits for its answer; nothing else may be under way.
    pub(crate) async fn ask(&mut self, request: Request<'_>) -> Answer<'static> {
        let id = self.send(request).await;
        let (answered, answer) = self.receive().await.expect("an answer");
        assert_eq!(answered, id);
        answer
    }

    /// The code and the words that a request ends with.
    pub(crate) async fn status(&mut self, request: Request<'_>) -> (Code, String) {
        match self.ask(request).await {
            Answer::Status { code, message } => (code, message.into_owned()),
            other => panic!("no status: {other:?}"),
        }
    }

    pub(crate) async fn done(&mut self, request: Request<'_>) {
        let shown = format!("{request:?}");
        let (code, message) = self.status(request).await;
        assert_eq!(code, Code::Ok, "{shown}: {message}");
    }

    pub(crate) async fn open(&mut self, path: &[u8], flags: OpenFlags) -> Vec<u8> {
        let attributes = sftp::Attributes::default();
        self.handle(Request::Open {
            path,
            flags,
            attributes,
        })
        .await
    }

    pub(crate) async fn handle(&mut self, request: Request<'_>) -> Vec<u8> {
        match self.ask(request).await {
            Answer::Handle(handle) => handle.to_vec(),
            other => panic!("no handle: {other:?}"),
        }
    }

    pub(crate) async fn stat(&mut self, request: Request<'_>) -> sftp::Attributes {
        match self.ask(request).await {
            Answer::Attributes(attributes) => attributes,
            other => panic!("no attributes: {other:?}"),
        }
    }

    /// Hangs up, and waits for the server.
    pub(crate) async fn leave(self) -> Result<(), ProtocolError> {
        drop(self.stream);
        timeout(PATIENCE, self.server)
            .await
            .expect("the server ends")
            .unwrap()
    }

    /// Waits for the server to end of its own accord.
    pub(crate) async fn ended(self) -> Result<(), ProtocolError> {
        timeout(PATIENCE, self.server)
            .await
            .expect("the server ends")
            .unwrap()
    }
}
