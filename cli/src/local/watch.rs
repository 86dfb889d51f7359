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

/// Tells of edits, each once and when it is complete.
#[derive(Debug)]
pub(super) struct Watch {
    told: Fingerprint,
    last: Fingerprint,
}

impl Watch {
    /// Whatever differs from this is an edit.
    pub(super) fn new(now: Fingerprint) -> Self {
        Self {
            last: now.clone(),
            told: now,
        }
    }

    /// Whether there is an edit to tell of. A file that is being written looks different each time.
    pub(super) fn is_edited(&mut self, now: Fingerprint) -> bool {
        let complete = now == self.last;
        self.last = now;
        let edited = complete && self.last != self.told;
        if edited {
            self.told = self.last.clone();
        }
        edited
    }
}

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
    fn an_edit_is_told_once_and_when_it_is_complete() {
        let look = |size| {
            Fingerprint(vec![(
                PathBuf::from("a.yaml"),
                Some(Outside {
                    inode: 1,
                    size,
                    modified: None,
                }),
            )])
        };
        let mut watch = Watch::new(look(1));

        let told = [1, 2, 3, 3, 3, 4, 3, 3].map(|size| watch.is_edited(look(size)));

        assert_eq!(
            told,
            [false, false, false, true, false, false, false, false]
        );
    }

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
