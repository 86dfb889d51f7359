//! The folder STATE: what `local` keeps between two starts.
//!
//! ```text
//! lock                              held by the `local` that uses it
//! endpoints/NAMESPACE/NAME/         what the gateway reads (`gateway-config`)
//! host-keys/NAMESPACE/NAME/ed25519  a host key that `local` made
//! ca/ca.crt, ca.key                 the authority that signs certificates here
//! certificates/NAMESPACE/NAME/…     certificates that it signed, a folder a listener
//! keys/USERNAME, USERNAME.pub       a user's key pair that `local` made
//! passwords.json                    hashes of the passwords that stand in Secrets as they are
//! volumes/CLAIM/                    the files
//! known_hosts                       the host keys, for clients
//! ```
//!
//! Everything is for the owner's eyes only, and appears whole or not at all.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// The folder, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    _lock: File,
}

impl State {
    /// Opens the folder, making it if need be, unless another `local` uses it.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        make_folder(folder)?;
        let path = folder.join("lock");
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Used(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// Whether somebody who reads all manifests below this path reads what is kept here too. What is below a hidden
    /// folder is not read.
    pub(super) fn is_read_with(&self, manifests: &Path) -> Result<bool, Error> {
        let real = |path: &Path| fs::canonicalize(path).map_err(failed("find", path));
        let (own, manifests) = (real(&self.folder)?, real(manifests)?);
        let hidden = |below: &Path| {
            let mut parts = below.iter();
            parts.any(|part| part.to_string_lossy().starts_with('.'))
        };
        let below = own.strip_prefix(&manifests);
        Ok(below.is_ok_and(|below| !hidden(below)) || manifests.starts_with(&own))
    }

    /// This path below the folder.
    pub(super) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.folder.join(below)
    }

    /// The file by which clients know the host keys.
    pub(super) fn known_hosts(&self) -> PathBuf {
        self.path("known_hosts")
    }

    /// Where the gateway of this endpoint reads.
    pub(super) fn endpoint(&self, namespace: &str, name: &str) -> PathBuf {
        self.path("endpoints").join(namespace).join(name)
    }

    /// The folder of this claim, made if need be.
    pub(super) fn volume(&self, claim: &str) -> Result<PathBuf, Error> {
        let folder = self.path("volumes").join(claim);
        make_folder(&folder)?;
        // The gateway does not care from where it was started.
        fs::canonicalize(&folder).map_err(failed("find", &folder))
    }
}

/// What is in a file; none if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path)(source)),
    }
}

/// Writes a file that only its owner reads, with its folders. Whoever reads meanwhile gets the old or the new
/// content whole.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    make_folder(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.part"));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut file| {
            // A part that a crash left behind keeps its mode otherwise.
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(content)?;
            file.sync_all()
        });
    written.map_err(failed("write", &part))?;
    fs::rename(&part, path).map_err(failed("write", path))
}

/// Removes the files of a folder that are not among these names.
pub(super) fn keep_only(folder: &Path, names: &[&str]) -> Result<(), Error> {
    for path in entries(folder)? {
        let named = names
            .iter()
            .any(|name| path.file_name() == Some(OsStr::new(name)));
        if path.is_file() && !named {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes the folders of a folder that are not among these names, with all that is in them.
pub(super) fn keep_only_folders(folder: &Path, names: &[&str]) -> Result<(), Error> {
    for path in entries(folder)? {
        let named = names
            .iter()
            .any(|name| path.file_name() == Some(OsStr::new(name)));
        if path.is_dir() && !named {
            fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

/// What is in a folder; nothing if there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("read", folder)(source)),
    };
    entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed("read", folder))
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed("make", folder))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Disk { what, path, source }
}

fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            " (become its owner, or name a folder of your own with --state)"
        }
        io::ErrorKind::ReadOnlyFilesystem => " (name a folder that can be written with --state)",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (make room, or name a folder on another disk with --state)"
        }
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => {
            " (something else has this name: move it away, or name another folder with --state)"
        }
        _ => "",
    }
}

/// Why STATE cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two of them would overwrite each other's configuration.
    #[error("another `secureftp local` uses {}: stop it, or name another folder with --state", .0.display())]
    Used(PathBuf),
    /// The disk did not do as told.
    #[error("cannot {what} {}{}", path.display(), mend(source))]
    Disk {
        /// What was tried.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_told_who_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::open(folder.path()).unwrap();

        let second = State::open(folder.path());
        assert!(matches!(second, Err(Error::Used(_))));

        drop(first);
        assert!(State::open(folder.path()).is_ok());
    }

    #[test]
    fn what_is_written_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c");

        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();

        assert_eq!(read(&path).unwrap().as_deref(), Some(b"new".as_slice()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_longer_named_goes() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kept", "gone"] {
            write(&folder.path().join(name), b"").unwrap();
        }

        keep_only(folder.path(), &["kept", "never made"]).unwrap();
        keep_only(&folder.path().join("nowhere"), &[]).unwrap();

        assert!(folder.path().join("kept").exists());
        assert!(!folder.path().join("gone").exists());
    }

    #[test]
    fn folders_that_are_no_longer_named_go_with_all_that_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kept/tls.key", "gone/tls.key"] {
            write(&folder.path().join(name), b"").unwrap();
        }

        keep_only_folders(folder.path(), &["kept", "never made"]).unwrap();
        keep_only_folders(&folder.path().join("nowhere"), &[]).unwrap();

        assert!(folder.path().join("kept/tls.key").exists());
        assert!(!folder.path().join("gone").exists());
    }
}
