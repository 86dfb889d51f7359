//! Notices that files have changed, by looking at them.
//!
//! Network volumes and kubelet's symlink swaps do not tell; looking works everywhere.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::sleep;

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(500);
/// How often is looked while files are being written.
const SETTLING_PERIOD: Duration = Duration::from_millis(100);
/// After so many looks a change is told even if more changes follow.
const SETTLING_LOOKS_MAX: u32 = 20;
/// Folders inside folders; ends the way through a symlink that leads back.
const DEPTH_MAX: u32 = 8;
/// Files that are looked at.
const FILES_MAX: usize = 10_000;

/// Watches a file, or the files in a folder and the folders in it.
///
/// Files whose names begin with `..` are not looked at: kubelet keeps its versions there, and the names that lead to
/// them are looked at.
#[derive(Debug)]
pub struct FolderWatch {
    path: PathBuf,
    told: Fingerprint,
}

/// The names of files and what changes with their content.
type Fingerprint = Vec<(PathBuf, Stamp)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl FolderWatch {
    /// Changes after this moment will be told. What does not exist has no files.
    pub async fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let told = look(&path).await;
        Self { path, told }
    }

    /// Waits until files have changed and the change seems to be complete. Safe to drop.
    pub async fn changed(&mut self) {
        let mut seen = loop {
            sleep(PERIOD).await;
            let seen = look(&self.path).await;
            if seen != self.told {
                break seen;
            }
        };
        for _ in 0..SETTLING_LOOKS_MAX {
            sleep(SETTLING_PERIOD).await;
            let again = look(&self.path).await;
            if again == seen {
                break;
            }
            seen = again;
        }
        self.told = seen;
    }
}

async fn look(path: &Path) -> Fingerprint {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut fingerprint = Fingerprint::new();
        visit(&path, DEPTH_MAX, &mut fingerprint);
        fingerprint.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        fingerprint
    })
    .await
    .unwrap_or_default()
}

/// What cannot be read counts as absent; whoever loads the files says why.
fn visit(path: &Path, depth: u32, fingerprint: &mut Fingerprint) {
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    if fingerprint.len() >= FILES_MAX {
        return;
    }
    if !metadata.is_dir() {
        fingerprint.push((path.to_owned(), Stamp::of(&metadata)));
        return;
    }
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b"..");
        if depth > 0 && !hidden {
            visit(&entry.path(), depth - 1, fingerprint);
        }
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// `change` is told, and nothing after it.
    async fn check(folder: &Path, change: impl FnOnce()) {
        let mut watch = FolderWatch::new(folder).await;
        change();

        let told = tokio::time::timeout(Duration::from_mins(1), watch.changed()).await;
        assert!(told.is_ok(), "not told");

        let more = tokio::time::timeout(Duration::from_mins(1), watch.changed()).await;
        assert!(more.is_err(), "told twice");
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_appear_change_and_go_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inner/file");

        check(folder.path(), || {
            fs::create_dir(folder.path().join("inner")).unwrap();
            fs::write(&file, "one").unwrap();
        })
        .await;
        check(folder.path(), || fs::write(&file, "three").unwrap()).await;
        check(folder.path(), || fs::remove_file(&file).unwrap()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_swap_of_kubelets_symlink_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["..1", "..2"] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("endpoint.json"), "same size").unwrap();
        }
        symlink("..1", path("..data")).unwrap();
        symlink("..data/endpoint.json", path("endpoint.json")).unwrap();

        check(folder.path(), || {
            symlink("..2", path("..new")).unwrap();
            fs::rename(path("..new"), path("..data")).unwrap();
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_symlink_that_leads_back_ends() {
        let folder = tempfile::tempdir().unwrap();
        symlink(".", folder.path().join("again")).unwrap();

        check(folder.path(), || {
            fs::write(folder.path().join("file"), "").unwrap();
        })
        .await;
    }
}
