//! The files of the repository, as rules look at them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file below the repository.
pub(crate) struct Source {
    /// Its path from the repository's root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl Source {
    /// The identifiers of the product's code: without comments, texts, and the tests at the file's end.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = &str> {
        let product = self.text.split("#[cfg(test)]").next().unwrap_or_default();
        product
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            // Every second piece between quotes is a text.
            .flat_map(|code| code.split('"').step_by(2))
            .flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'))
    }
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below `folder` (from the root) whose name ends so; what is built or hidden is left out.
pub(crate) fn sources(folder: &str, ending: &str) -> Vec<Source> {
    let root = repository();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if name.ends_with(ending) {
                let path = entry
                    .path()
                    .strip_prefix(&root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push(Source {
                    path,
                    text: fs::read_to_string(entry.path()).unwrap(),
                });
            }
        }
    }
    assert!(!found.is_empty(), "nothing to look at below {folder}");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}
