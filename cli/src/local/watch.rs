//! Whether the manifests have been edited.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::manifest;

/// How often the files are looked at.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// What the files below PATH look like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<(PathBuf, Option<Outside>)>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Outside {
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl Fingerprint {
    /// As the files are now. As many files are looked at as are read.
    pub(super) fn of(path: &Path) -> Self {
        let files = manifest::files(path);
        Self(
            files
                .into_iter()
                .map(|file| {
                    let outside = outside(&file);
                    (file, outside)
                })
                .collect(),
        )
    }
}

fn outside(file: &Path) -> Option<Outside> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata().ok()?;
    Some(Outside {
        inode: metadata.ino(),
        size: metadata.len(),
        modified: metadata.modified().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_edit_a_new_file_and_a_removed_one_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a.yaml"), "a").unwrap();
        let first = Fingerprint::of(path);
        assert_eq!(Fingerprint::of(path), first);

        fs::write(path.join("a.yaml"), "longer").unwrap();
        let edited = Fingerprint::of(path);
        fs::write(path.join("b.yaml"), "b").unwrap();
        let added = Fingerprint::of(path);
        fs::remove_file(path.join("a.yaml")).unwrap();
        let removed = Fingerprint::of(path);

        assert_ne!(edited, first);
        assert_ne!(added, edited);
        assert_ne!(removed, added);
    }
}
