//! One endpoint on a port of its own, and the clients that visit it.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    sync::Arc,
};

use gateway::{
    drain::{Arrivals, Drain, Phase},
    peer::Peer,
    sftp,
};
use gateway_config::{AuthorizedKey, ClientAddress};
use prometheus::Registry;
use russh::keys::{PrivateKey, ssh_key::LineEnding};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, task::JoinHandle, time::timeout};

use crate::fixture::{self, ed25519};
pub(super) use crate::fixture::{PASSWORD, PATIENCE};

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

/// The public half, as a configuration has it.
fn authorized(key: &PrivateKey) -> AuthorizedKey {
    let public = key.public_key().to_openssh().unwrap();
    let mut words = public.split_whitespace().map(str::to_owned);
    AuthorizedKey {
        algorithm: words.next().unwrap(),
        key: words.next().unwrap(),
        comment: String::new(),
    }
}

impl Gateway {
    pub(super) async fn start(change: Change) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("volume");
        std::fs::create_dir(&volume).unwrap();
        let user_key = ed25519();
        let host_key = ed25519();
        let mut configuration = fixture::configuration("ssh", &volume);
        for user in configuration.users.values_mut() {
            user.authorized_keys.push(authorized(&user_key));
        }
        change(&mut configuration.endpoint);
        let drain = Drain::default();
        let endpoint = fixture::endpoint(configuration, &host_key, &drain, &Registry::new());
        let endpoint = Arc::new(endpoint);
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
