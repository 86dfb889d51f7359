//! One endpoint on a port of its own, and the clients that visit it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use gateway::{
    drain::{Arrivals, Drain, Phase},
    endpoint::{Endpoint, HostKey},
    limits::Limits,
    metrics::Metrics,
    peer::Peer,
    sftp::{self, Ssh},
    storage::Volume,
    users::{Shared, Users, Verifier},
};
use gateway_config::{
    AuthenticationMethod, AuthorizedKey, ClientAddress, Configuration, Durability, Permission,
    ProxyProtocol, SshPolicy, Storage, Uploads, User, UserName,
};
use russh::keys::{PrivateKey, ssh_key::LineEnding};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, task::JoinHandle, time::timeout};

/// Longer than anything here takes, even on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

pub(super) const PASSWORD: &str = "correct horse";

/// `PASSWORD` as SHA-512 crypt.
const PASSWORD_HASH: &str = "$6$secureftp$\
    h2ZCYDKWqoWYnzrgqNrZJjpnXlrLOU8/zQt/tETSbb3O4GCY4NsQxTPaX7dwEl9hyJ2quJRWMHnvHkAmf6k/81";

pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    pub(super) folder: TempDir,
    pub(super) drain: Drain,
    pub(super) user_key: PrivateKey,
    pub(super) host_key: PrivateKey,
    listener: JoinHandle<()>,
}

/// What a test wants to be different.
pub(super) type Change = fn(&mut gateway_config::Endpoint);

pub(super) fn unchanged(_endpoint: &mut gateway_config::Endpoint) {}

fn ed25519() -> PrivateKey {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).unwrap();
    let pair = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&seed);
    PrivateKey::new(pair.into(), "").unwrap()
}

fn configuration(volume: &Path, key: &PrivateKey) -> Configuration {
    let endpoint = gateway_config::Endpoint {
        version: gateway_config::VERSION,
        namespace: "test".to_owned(),
        name: "ssh".to_owned(),
        generation: 1,
        listeners: Vec::new(),
        client_address: ClientAddress::Real,
        proxy_protocol: ProxyProtocol::default(),
        data_connections: None,
        ssh: gateway_config::Ssh {
            policy: SshPolicy::Modern,
            authentication_methods: vec![
                AuthenticationMethod::PublicKey,
                AuthenticationMethod::Password,
                AuthenticationMethod::KeyboardInteractive,
            ],
        },
        limits: gateway_config::Limits {
            sessions: 100,
            sessions_per_user: 100,
            connections_per_address: 100,
            half_open: 100,
            login_seconds: 30,
            idle_seconds: 300,
            login_failures: 1000,
            ban_seconds: 1,
            memory_per_session_bytes: 8 << 20,
        },
        storage: Storage {
            volume: volume.to_owned(),
            uploads: Uploads::Direct,
            durability: Durability::Written,
            stuck_seconds: 10,
            stuck_threads_max: 16,
        },
        drain_seconds: 30,
        users: BTreeMap::new(),
    };
    Configuration {
        endpoint,
        users: BTreeMap::from([(UserName::new("alice"), user(key))]),
    }
}

/// Somebody who may do everything, with a password and this key.
fn user(key: &PrivateKey) -> User {
    let public = key.public_key().to_openssh().unwrap();
    let mut words = public.split_whitespace().map(str::to_owned);
    User {
        root: "/".to_owned(),
        password_hash: Some(PASSWORD_HASH.to_owned()),
        authorized_keys: vec![AuthorizedKey {
            algorithm: words.next().unwrap(),
            key: words.next().unwrap(),
            comment: String::new(),
        }],
        permissions: BTreeSet::from(Permission::ALL),
        allowed_cidrs: Vec::new(),
        require_tls: false,
        valid_until: None,
    }
}

impl Gateway {
    pub(super) async fn start(change: Change) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("volume");
        std::fs::create_dir(&volume).unwrap();
        let user_key = ed25519();
        let host_key = ed25519();
        let mut configuration = configuration(&volume, &user_key);
        change(&mut configuration.endpoint);
        let drain = Drain::default();
        let endpoint = Arc::new(endpoint(configuration, &host_key, &drain));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::spawn(async move {
            loop {
                let (stream, from) = listener.accept().await.unwrap();
                if endpoint.drain.phase() == Phase::Draining(Arrivals::Refuse) {
                    tokio::spawn(sftp::refuse(stream, "This gateway is stopping"));
                    continue;
                }
                let peer = Peer::new(from, ClientAddress::Real);
                tokio::spawn(sftp::serve(stream, peer, Arc::clone(&endpoint)));
            }
        });
        let gateway = Self {
            address,
            folder,
            drain,
            user_key,
            host_key,
            listener,
        };
        gateway.write_client_files();
        gateway
    }

    fn write_client_files(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        let key = self.user_key.to_openssh(LineEnding::LF).unwrap();
        let identity = self.folder.path().join("id");
        std::fs::write(&identity, key.as_bytes()).unwrap();
        std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o600)).unwrap();
        let public = self.host_key.public_key().to_openssh().unwrap();
        let known = format!(
            "[{}]:{} {}\n",
            self.address.ip(),
            self.address.port(),
            public.trim()
        );
        std::fs::write(self.folder.path().join("known_hosts"), known).unwrap();
        let password = self.folder.path().join("password");
        std::fs::write(&password, format!("#!/bin/sh\necho '{PASSWORD}'\n")).unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o700)).unwrap();
    }

    pub(super) fn volume(&self) -> std::path::PathBuf {
        self.folder.path().join("volume")
    }

    /// A program of OpenSSH with these options of ours, whose key opens the door.
    pub(super) fn openssh(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = self.folder.path().display().to_string();
        command
            .args(["-F", "none"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={folder}/known_hosts"))
            .arg("-o")
            .arg("GlobalKnownHostsFile=/dev/null")
            .arg("-o")
            .arg("StrictHostKeyChecking=yes")
            .arg("-o")
            .arg(format!("Port={}", self.address.port()))
            .arg("-o")
            .arg(format!("IdentityFile={folder}/id"))
            .arg("-o")
            .arg("IdentitiesOnly=yes")
            .env_remove("SSH_AUTH_SOCK")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_ASKPASS", format!("{folder}/password"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// `ssh` with these arguments, then `alice@` here.
    pub(super) async fn ssh(&self, arguments: &[&str], command: &[&str]) -> Said {
        let mut ssh = self.openssh("ssh");
        ssh.args(arguments)
            .arg(format!("alice@{}", self.address.ip()))
            .args(command);
        said(ssh).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn endpoint(configuration: Configuration, host_key: &PrivateKey, drain: &Drain) -> Endpoint {
    let host_keys = vec![HostKey {
        name: "ed25519".to_owned(),
        pem: host_key.to_openssh(LineEnding::LF).unwrap(),
    }];
    let metrics = Metrics::register(&prometheus::Registry::new(), "test/ssh").unwrap();
    let limits = Arc::new(Limits::new(&configuration.endpoint.limits));
    let users = Users::new(
        &configuration.users,
        Shared {
            limits: Arc::clone(&limits),
            verifier: Arc::new(Verifier::new().unwrap()),
            metrics: metrics.clone(),
        },
    );
    Endpoint {
        tls: BTreeMap::new(),
        passive: None,
        ssh: Ssh::new(&configuration.endpoint.ssh, &host_keys).unwrap(),
        volume: Volume::open(&configuration.endpoint.storage).unwrap(),
        configuration,
        host_keys,
        users,
        limits,
        drain: drain.state(),
        metrics,
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

pub(super) async fn said(mut command: Command) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(PATIENCE, command.output())
        .await
        .expect("the program hangs")
        .expect("the program is not installed");
    Said {
        code: status.code(),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}
