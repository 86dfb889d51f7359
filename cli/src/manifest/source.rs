//! PATH → files with their text.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
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
    if files.is_empty() && mistakes.is_empty() {
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
            Err(wrong) => {
                mistakes.push(Mistake::error(
                    Place {
                        file: shown(file),
                        position: wrong.position,
                    },
                    wrong.what,
                    wrong.mend,
                ));
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
                self.mistakes
                    .push(unreadable(folder, what, mend_of(&error)));
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
                    self.mistakes
                        .push(unreadable(&path, what, "name a folder further inside"));
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

/// Why a file is no text.
struct Wrong {
    position: Position,
    what: String,
    mend: &'static str,
}

fn text(path: &Path) -> Result<String, Wrong> {
    let wrong = |what: String, mend| Wrong {
        position: Position::START,
        what,
        mend,
    };
    let unreadable = |error: io::Error| {
        let what = format!("this file cannot be read: {error}");
        wrong(what, mend_of(&error))
    };
    // A pipe or a device would never end, or never begin.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        let what = "this is neither a file nor a folder".to_owned();
        return Err(wrong(what, "name a file or a folder with manifests"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let what = format!("this file is larger than {FILE_BYTES_MAX} bytes");
        return Err(wrong(what, "split it into several files"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        Wrong {
            position: end_of(&String::from_utf8_lossy(before)),
            what: "this is not UTF-8 text".to_owned(),
            mend: "save the file as UTF-8",
        }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if let Some(at) = text.find(is_unprintable) {
        let (before, after) = text.split_at_checked(at).unwrap_or_default();
        let character = after.chars().next().unwrap_or_default();
        return Err(Wrong {
            position: end_of(before),
            what: format!(
                "the character U+{:04X} is not allowed",
                u32::from(character)
            ),
            mend: "remove it, or write it as `\\u…` in double quotes; a file full of them is to be saved as UTF-8",
        });
    }
    Ok(text.to_owned())
}

/// What YAML forbids (YAML 1.1, section 4.1.1).
fn is_unprintable(character: char) -> bool {
    let allowed = matches!(character, '\t' | '\n' | '\r' | '\u{85}');
    (character.is_control() && !allowed)
        || matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The position just after this text.
fn end_of(text: &str) -> Position {
    let line = text.rsplit('\n').next().unwrap_or_default();
    Position {
        line: 1 + text.matches('\n').count(),
        column: 1 + line.chars().count(),
    }
}

fn mend_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path, and where a link leads",
        io::ErrorKind::PermissionDenied => "give yourself the right to read it",
        _ => "make it readable, or move it away",
    }
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
        fs::write(path.join("wide.yaml"), "a: 1\nö: \0").unwrap();

        let mut mistakes = Vec::new();
        let sources = read(path, &mut mistakes);

        assert_eq!(sources, []);
        let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(
            shown[0].contains("large.yaml:1:1: this file is larger than 3145728 bytes"),
            "{shown:?}"
        );
        assert!(
            shown[1].contains("latin.yaml:2:4: this is not UTF-8 text"),
            "{shown:?}"
        );
        assert!(
            shown[2].contains("wide.yaml:2:4: the character U+0000 is not allowed"),
            "{shown:?}"
        );
    }
}
