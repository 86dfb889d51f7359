//! Disks that are small, and disks that hang. Mounting needs root.

use std::{
    ffi::CString,
    fs::{self, File, OpenOptions},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::geteuid,
};

use crate::skip::skip;

/// A mounted filesystem; unmounted when dropped.
#[derive(Debug)]
pub struct Mount {
    folder: PathBuf,
    /// Keeps the server's end of a FUSE mount open; closing it ends every call that hangs.
    server: Option<File>,
}

impl Mount {
    /// A filesystem in memory that holds `bytes`, in the existing folder.
    pub fn small(folder: &Path, bytes: u64) -> Result<Self> {
        Self::new("tmpfs", folder, &format!("size={bytes},mode=0755"), None)
    }

    /// A filesystem whose server never answers, in the existing folder: whoever touches it waits.
    pub fn hanging(folder: &Path) -> Result<Self> {
        let server = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")?;
        let options = format!(
            "fd={},rootmode=40755,user_id=0,group_id=0,allow_other",
            server.as_raw_fd()
        );
        Self::new("fuse", folder, &options, Some(server))
    }

    fn new(kind: &str, folder: &Path, options: &str, server: Option<File>) -> Result<Self> {
        let options = CString::new(options)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount(kind, folder, kind, flags, options.as_c_str())
            .with_context(|| format!("failed to mount {kind} at {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            server,
        })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The server goes first: calls that wait for it end, and with them their hold on the mount.
        drop(self.server.take());
        unmount(&self.folder, UnmountFlags::DETACH).ok();
    }
}

/// Whether this process may mount; otherwise the story `name` is skipped and says so.
pub fn may_mount(name: &str) -> Result<bool> {
    let why = if !geteuid().is_root() {
        "needs root"
    } else if OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .is_err()
    {
        "needs /dev/fuse"
    } else {
        return Ok(true);
    };
    skip(name, why)?;
    Ok(false)
}

/// Whether something is mounted at `folder`. It asks the kernel's table: to touch the folder might hang.
pub fn is_mounted(folder: &Path) -> Result<bool> {
    let table = fs::read_to_string("/proc/self/mounts")?;
    let folder = folder.to_string_lossy();
    Ok(table
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(&*folder)))
}
