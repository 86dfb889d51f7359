//! Where a cluster keeps its files: everything below one folder, so that one folder has to go.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process,
};

use anyhow::{Result, bail};

use super::settings::Name;

/// The folder of one cluster, whether it exists or not.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    name: Name,
    root: PathBuf,
}

/// The right to bring this cluster up or down; held by one process at a time, and given back with it.
#[derive(Debug)]
pub(super) struct Turn {
    /// Closing it gives the lock back.
    _lock: File,
}

/// Where cargo builds.
pub(super) fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    target.canonicalize().unwrap_or(target)
}

impl Folder {
    /// `target/cluster/NAME`.
    pub(super) fn of(name: &Name) -> Self {
        Self {
            name: name.clone(),
            root: target().join("cluster").join(name.to_string()),
        }
    }

    /// The cluster's name.
    pub(super) const fn name(&self) -> &Name {
        &self.name
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Keys and certificates.
    pub(super) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// What the part of this name says.
    pub(super) fn log(&self, part: &str) -> PathBuf {
        self.root.join("log").join(format!("{part}.log"))
    }

    /// How a part logs in to the API server.
    pub(super) fn kubeconfig(&self, part: &str) -> PathBuf {
        self.root.join(format!("{part}.kubeconfig"))
    }

    /// What every request to the API server left behind, a line of JSON a request.
    pub(super) fn audit_log(&self) -> PathBuf {
        self.root.join("audit.log")
    }

    /// The archives of images that every node has.
    pub(super) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// The folder of a node, which the node itself calls `/run/node`.
    pub(super) fn node(&self, number: u8) -> PathBuf {
        self.root.join(format!("node{number}"))
    }

    /// Exists once the cluster is complete.
    pub(super) fn completion(&self) -> PathBuf {
        self.root.join("complete")
    }

    /// Waits for nobody: a second process is told who is at work.
    pub(super) fn take_turn(&self) -> Result<Turn> {
        let path = self.root.with_added_extension("lock");
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)?;
        match lock.try_lock() {
            Ok(()) => {
                fs::write(&path, process::id().to_string())?;
                Ok(Turn { _lock: lock })
            }
            Err(TryLockError::WouldBlock) => bail!(
                "process {} is bringing the cluster {} up or down: wait for its end, or end it",
                fs::read_to_string(&path).unwrap_or_default(),
                self.name
            ),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
