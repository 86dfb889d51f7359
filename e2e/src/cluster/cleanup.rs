//! Takes a cluster apart, complete or not, whatever became of the process that brought it up.
//!
//! The processes go first; with the holders among them the kernel takes every namespace, mount and interface. What is
//! left is on the host: control groups, and one folder.

use std::fs;

use anyhow::{Context, Result};
use rustix::mount::{UnmountFlags, unmount};

use super::{control_groups, folder::Folder, parts};

/// Removes what is there; nothing being there is fine.
pub(super) fn clean(folder: &Folder) -> Result<()> {
    parts::kill_all(folder)?;
    control_groups::remove(folder)?;
    unmount_below(folder)?;
    if folder.root().exists() {
        fs::remove_dir_all(folder.root())
            .with_context(|| format!("failed to remove {}", folder.root().display()))?;
    }
    Ok(())
}

/// Whether there is anything to remove.
pub(super) fn is_needed(folder: &Folder) -> Result<bool> {
    Ok(folder.root().exists() || !parts::find(folder)?.is_empty())
}

/// A build of an image that was killed may have left a mount; to remove a folder through it would be wrong.
fn unmount_below(folder: &Folder) -> Result<()> {
    let table = fs::read_to_string("/proc/self/mounts")?;
    let mut mounts: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|mount| std::path::Path::new(mount).starts_with(folder.root()))
        .collect();
    // The later ones lie above or below the earlier.
    mounts.reverse();
    for mount in mounts {
        unmount(mount, UnmountFlags::DETACH)
            .with_context(|| format!("failed to unmount {mount}"))?;
    }
    Ok(())
}
