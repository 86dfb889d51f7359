//! PATH → files with their text.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    limits::{FILE_BYTES_MAX, FILES_MAX, FOLDERS_DEPTH_MAX},
    mistake::{Mistake, Place, Position},
};

/// A file and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path as the person would type it.
    pub file: Arc<str>,
    /// Its text.
    pub text: String,
}

/// Reads every `.yaml`, `.yml` and `.json` file below this path, by name. Hidden files and folders are skipped
/// and a folder is read once, whichever links lead to it. A file named itself is read whatever its name is.
pub(super) fn read(path: &Path, mistakes: &mut Vec<Mistake>) -> Vec<Source> {
    let files = files(path, mistakes);
    if files.is_empty() {
        mistakes.push(unreadable(
            path,
            "no .yaml, .yml or .json file is here",
            "name a file or a folder with manifests, for example examples/partners",
        ));
    }
    files
        .iter()
        .filter_map(|file| match text(file) {
            Ok(text) => Some(Source {
                file: shown(file),
                text,
            }),
            Err(what) => {
                mistakes.push(unreadable(file, what, ""));
                None
            }
        })
        .collect()
}

/// The files that [`read`] reads, by name.
pub(super) fn files(path: &Path, mistakes: &mut Vec<Mistake>) -> Vec<PathBuf> {
    let mut walk = Walk {
        files: Vec::new(),
        folders: BTreeSet::new(),
        mistakes,
    };
    if path.is_dir() {
        walk.folder(path, 0);
    } else {
        walk.files.push(path.to_owned());
    }
    walk.files
}

struct Walk<'a> {
    files: Vec<PathBuf>,
    /// Real paths of the folders that were read.
    folders: BTreeSet<PathBuf>,
    mistakes: &'a mut Vec<Mistake>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let listed = fs::canonicalize(folder)
            .and_then(|real| Ok((real, fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?)));
        let (real, entries) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let what = format!("this folder cannot be read: {error}");
                self.mistakes.push(unreadable(folder, what, ""));
                return;
            }
        };
        if !self.folders.insert(real) {
            return;
        }
        let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                if depth >= FOLDERS_DEPTH_MAX {
                    let what = format!("more than {FOLDERS_DEPTH_MAX} folders inside each other");
                    self.mistakes.push(unreadable(&path, what, ""));
                    continue;
                }
                self.folder(&path, depth + 1);
            } else if is_manifest(&path) {
                if self.files.len() == FILES_MAX {
                    let what = format!("more than {FILES_MAX} manifests");
                    self.mistakes
                        .push(unreadable(&path, what, "name a smaller folder"));
                }
                if self.files.len() > FILES_MAX {
                    return;
                }
                self.files.push(path);
            }
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}

fn text(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("this file cannot be read: {error}");
    // A pipe or a device would never end, or never begin.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("this is neither a file nor a folder".to_owned());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("this file is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error
            .as_bytes()
            .iter()
            .take(valid)
            .filter(|byte| **byte == b'\n')
            .count();
        format!("line {line} is not UTF-8 text")
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or_else(|| text.clone(), str::to_owned))
}

fn shown(path: &Path) -> Arc<str> {
    Arc::from(path.to_string_lossy())
}

fn unreadable(path: &Path, what: impl Into<String>, mend: &str) -> Mistake {
    let place = Place {
        file: shown(path),
        position: Position::START,
    };
    Mistake::error(place, what, mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_by_name_without_hidden_ones_and_loops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("b/.git")).unwrap();
        for file in [
            "z.yaml",
            "a.yml",
            "b/c.json",
            "b/.git/x.yaml",
            ".h.yaml",
            "README.md",
        ] {
            fs::write(path.join(file), file).unwrap();
        }
        std::os::unix::fs::symlink(path, path.join("b/loop")).unwrap();

        let mut mistakes = Vec::new();
        let sources = read(path, &mut mistakes);

        let texts: Vec<&str> = sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["a.yml", "b/c.json", "z.yaml"]);
        assert_eq!(mistakes, []);
    }

    #[test]
    fn what_cannot_be_read_is_a_mistake_of_that_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("latin.yaml"), b"a: 1\nb: \xe9\n").unwrap();
        fs::write(path.join("large.yaml"), vec![b' '; 4 << 20]).unwrap();

        let mut mistakes = Vec::new();
        let sources = read(path, &mut mistakes);

        assert_eq!(sources, []);
        let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(
            shown[0].ends_with("large.yaml:1:1: this file is larger than 3145728 bytes"),
            "{shown:?}"
        );
        assert!(
            shown[1].ends_with("latin.yaml:1:1: line 2 is not UTF-8 text"),
            "{shown:?}"
        );
    }
}
