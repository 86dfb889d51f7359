//! Where a client goes, and as whom.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{program::run, wait::until};

/// An address to log in at, and all that a client needs for it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The login name.
    pub user: String,
    /// The private key in OpenSSH's format; its public half lies beside it as `.pub`.
    pub key: PathBuf,
    /// A folder for what clients keep; `known_hosts` in it has the server's key.
    pub home: PathBuf,
}

impl Place {
    /// The same place for another user with the same key.
    #[must_use]
    pub fn as_user(&self, user: &str) -> Self {
        Self {
            user: user.to_owned(),
            ..self.clone()
        }
    }

    /// The same server under another address, for example a relay's.
    pub fn through(&self, address: SocketAddr) -> Result<Self> {
        let known = fs::read_to_string(self.known_hosts())?;
        let key = known.split_once(' ').context("a known host has a key")?.1;
        let line = format!("[{}]:{} {key}", address.ip(), address.port());
        fs::write(self.known_hosts(), format!("{known}{line}"))?;
        Ok(Self {
            address,
            ..self.clone()
        })
    }

    /// The host keys that clients accept.
    pub fn known_hosts(&self) -> PathBuf {
        self.home.join("known_hosts")
    }

    /// `ADDRESS` without the port.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// The port as text.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// `USER@ADDRESS`.
    pub fn login(&self) -> String {
        format!("{}@{}", self.user, self.host())
    }

    /// Waits until the server answers with its host key and remembers the key for the clients. `look` is asked
    /// before every try, and ends the waiting with its error, for example when the server has ended.
    pub fn wait_for_host_key(&self, mut look: impl FnMut() -> Result<()>) -> Result<()> {
        let line = until("the host key", || {
            look()?;
            let mut keyscan = Command::new("ssh-keyscan");
            let answer = run(keyscan.args([
                "-T",
                "10",
                "-t",
                "ed25519",
                "-p",
                &self.port(),
                &self.host(),
            ]))?;
            Ok(Some(answer.stdout).filter(|stdout| !stdout.is_empty()))
        })?;
        fs::write(self.known_hosts(), line)?;
        Ok(())
    }
}

/// Makes a fresh Ed25519 key pair `file` and `file.pub`; answers the public half as one line.
pub fn make_key(file: &Path) -> Result<String> {
    let mut keygen = Command::new("ssh-keygen");
    run(keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "story", "-f"])
        .arg(file))?
    .success()?;
    let public = fs::read_to_string(file.with_extension("pub"))
        .with_context(|| format!("no public half beside {}", file.display()))?;
    Ok(public.trim().to_owned())
}
