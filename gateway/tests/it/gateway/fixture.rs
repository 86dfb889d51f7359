//! A configuration folder as the operator writes it, and a client that says as little as possible.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use gateway_config::{
    AuthenticationMethod, ClientAddress, Configuration, Durability, Listener, Permission, Protocol,
    ProxyProtocol, SshPolicy, Storage, Uploads, User, UserName,
};
use russh::keys::ssh_key::LineEnding;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::fixture::{PASSWORD_HASH, ed25519};
pub(super) use crate::fixture::{PATIENCE, eventually};

pub(super) const HOUR: Duration = Duration::from_hours(1);

/// A folder that a gateway can serve, and its volume.
pub(super) struct Folder {
    folder: TempDir,
    pub(super) configuration: Configuration,
}

impl Folder {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("volume");
        fs::create_dir(&volume).unwrap();
        fs::create_dir_all(folder.path().join("configuration/host-keys")).unwrap();
        fs::create_dir_all(folder.path().join("configuration/users")).unwrap();
        let folder = Self {
            folder,
            configuration: configuration(volume),
        };
        let key = ed25519().to_openssh(LineEnding::LF).unwrap();
        folder.write("host-keys/ed25519", key.as_bytes());
        folder.render();
        folder
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("configuration")
    }

    /// A path beside the configuration.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    /// Writes the configuration as it is now, the users first.
    pub(super) fn render(&self) {
        let files = gateway_config::render(&self.configuration).unwrap();
        for (name, bytes) in files.iter().rev() {
            self.write(name, bytes);
        }
    }

    /// From now on the user has the password `correct horse`.
    pub(super) fn give_password(&mut self) {
        for user in self.configuration.users.values_mut() {
            user.password_hash = Some(PASSWORD_HASH.to_owned());
        }
        self.render();
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut gateway_config::Endpoint)) {
        change(&mut self.configuration.endpoint);
        self.configuration.endpoint.generation += 1;
        self.render();
    }
}

pub(super) fn listener(name: &str) -> Listener {
    Listener {
        name: name.to_owned(),
        protocol: Protocol::Sftp,
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
    }
}

fn configuration(volume: PathBuf) -> Configuration {
    let user = User {
        root: "/supplier".to_owned(),
        password_hash: None,
        authorized_keys: Vec::new(),
        permissions: BTreeSet::from([Permission::List, Permission::Read]),
        allowed_cidrs: Vec::new(),
        require_tls: false,
        valid_until: None,
    };
    Configuration {
        endpoint: gateway_config::Endpoint {
            version: gateway_config::VERSION,
            namespace: "b2b".to_owned(),
            name: "partners".to_owned(),
            generation: 1,
            listeners: vec![listener("sftp")],
            client_address: ClientAddress::Real,
            proxy_protocol: ProxyProtocol::default(),
            data_connections: None,
            ssh: gateway_config::Ssh {
                policy: SshPolicy::Modern,
                authentication_methods: vec![AuthenticationMethod::Password],
            },
            limits: gateway_config::Limits {
                sessions: 10,
                sessions_per_user: 10,
                connections_per_address: 3,
                half_open: 100,
                login_seconds: 60,
                idle_seconds: 900,
                login_failures: 5,
                ban_seconds: 600,
                memory_per_session_bytes: 8 << 20,
            },
            storage: Storage {
                volume,
                uploads: Uploads::Direct,
                durability: Durability::Written,
                stuck_seconds: 10,
                stuck_threads_max: 16,
            },
            drain_seconds: 60,
            users: BTreeMap::new(),
        },
        users: BTreeMap::from([(UserName::new("supplier"), user)]),
    }
}

/// A connection that has said which SSH it speaks, and nothing more.
pub(super) struct Visitor {
    stream: TcpStream,
}

impl Visitor {
    pub(super) async fn arrive(address: SocketAddr) -> Self {
        Self::arrive_saying(b"SSH-2.0-visitor\r\n", address).await
    }

    /// A connection that has said this instead.
    pub(super) async fn arrive_saying(bytes: &[u8], address: SocketAddr) -> Self {
        Self::arrive_from(Ipv4Addr::LOCALHOST, bytes, address).await
    }

    /// A connection from another address of this machine.
    pub(super) async fn arrive_from(source: Ipv4Addr, bytes: &[u8], address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        let mut stream = timeout(PATIENCE, socket.connect(address))
            .await
            .unwrap()
            .unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(bytes).await.unwrap();
        Self { stream }
    }

    /// Says more. Who has been turned away meanwhile says it to nobody.
    pub(super) async fn say(&mut self, bytes: &[u8]) {
        let _heard = self.stream.write_all(bytes).await;
    }

    /// The connection, for a client that says more.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The first bytes of the gateway.
    pub(super) async fn greeting(&mut self) -> String {
        let mut bytes = vec![0; 8];
        timeout(PATIENCE, self.stream.read_exact(&mut bytes))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Everything the gateway says until it hangs up.
    pub(super) async fn farewell(mut self) -> String {
        let mut bytes = Vec::new();
        // A reset after the last word is a way to hang up, too.
        let _end = timeout(PATIENCE, self.stream.read_to_end(&mut bytes))
            .await
            .unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// An HTTP request to the admin port, as it is; the whole answer.
pub(super) async fn ask(address: SocketAddr, request: &str) -> String {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    timeout(PATIENCE, asking).await.unwrap()
}

/// What a GET of this path answers.
pub(super) async fn read(address: SocketAddr, path: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: admin\r\n\r\n"),
    )
    .await
}

/// All metrics.
pub(super) fn text(registry: &prometheus::Registry) -> String {
    prometheus::TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap()
}

/// Whether there is nothing at this path.
pub(super) fn is_absent(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err()
}
