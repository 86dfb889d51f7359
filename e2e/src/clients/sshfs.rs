//! sshfs: the server's files as a folder of this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use rustix::mount::{UnmountFlags, unmount};

use crate::{disk::is_mounted, place::Place, program::Program, wait::until};

/// A mounted server; unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    folder: PathBuf,
    program: Program,
}

impl Mounted {
    /// Mounts the root at `place` in the new folder `folder`.
    pub fn at(place: &Place, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut command = Command::new("sshfs");
        command
            .arg(format!("{}:/", place.login()))
            .arg(folder)
            .args([
                "-f",
                "-F",
                "/dev/null",
                "-p",
                &place.port(),
                "-o",
                "BatchMode=yes",
            ])
            .arg("-o")
            .arg(format!(
                "IdentityFile={},IdentitiesOnly=yes",
                place.key.display()
            ))
            .arg("-o")
            .arg(format!(
                "UserKnownHostsFile={},StrictHostKeyChecking=yes",
                place.known_hosts().display()
            ))
            .env("HOME", &place.home)
            .env_remove("SSH_AUTH_SOCK");
        let program = Program::start(&mut command, b"")?;
        let mut mounted = Self {
            folder: folder.to_path_buf(),
            program,
        };
        until("the sshfs mount", || {
            mounted.program.ensure_running()?;
            Ok(is_mounted(&mounted.folder)?.then_some(()))
        })?;
        Ok(mounted)
    }

    /// Where the server's files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Without this the dead mount would stay; there is nobody left to tell if it fails.
        unmount(&self.folder, UnmountFlags::DETACH).ok();
    }
}
