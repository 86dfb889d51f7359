//! The control groups of nodes, in which kubelet puts the pods'.
//!
//! A machine has one tree of them (version 2), or one a controller (version 1), or both.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{folder::Folder, settings::Nodes};
use crate::wait::until;

/// Where the kernel shows them.
const ROOT: &str = "/sys/fs/cgroup";

/// The control group of a node, as kubelet is told of it.
pub(super) fn path_of(folder: &Folder, node: u8) -> String {
    format!("/{}-node{node}", folder.name())
}

/// Makes the nodes' control groups in every tree: kubelet insists on finding its own.
pub(super) fn make(folder: &Folder, nodes: Nodes) -> Result<()> {
    for tree in trees()? {
        for number in nodes.numbers() {
            let group = tree.join(path_of(folder, number).trim_start_matches('/'));
            fs::create_dir_all(&group)
                .with_context(|| format!("failed to make {}", group.display()))?;
            // A group of version 1 may use no processor until it is told which.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if tree.join(file).exists() && tree.join("tasks").exists() {
                    fs::write(group.join(file), fs::read(tree.join(file))?)?;
                }
            }
        }
    }
    Ok(())
}

/// Removes the nodes' control groups, also those of a cluster that had more nodes. What ran in them has ended, but
/// the kernel may still be at it.
pub(super) fn remove(folder: &Folder) -> Result<()> {
    let prefix = format!("{}-node", folder.name());
    for tree in trees()? {
        for entry in fs::read_dir(&tree)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let group = entry.path();
                until("the end of every process in a control group", || {
                    Ok(remove_tree(&group).ok())
                })
                .with_context(|| format!("failed to remove {}", group.display()))?;
            }
        }
    }
    Ok(())
}

/// The innermost first; the files in a control group go with it.
fn remove_tree(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// Every tree of this machine; a controller's second name is a link and left out.
fn trees() -> Result<Vec<PathBuf>> {
    if Path::new(ROOT).join("cgroup.controllers").exists() {
        return Ok(vec![PathBuf::from(ROOT)]);
    }
    let mut trees = Vec::new();
    for entry in fs::read_dir(ROOT).with_context(|| format!("no control groups at {ROOT}"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            trees.push(entry.path());
        }
    }
    Ok(trees)
}
