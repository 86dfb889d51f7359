//! From the folder to a configuration that can be served, whole or not at all.

mod check;
mod tls;
mod watch;

use std::{
    collections::BTreeMap,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use gateway_config::{
    Configuration, Digest, ENDPOINT_FILE, Files, HOST_KEYS_FOLDER, Listener, Protocol, TLS_FOLDER,
};
use zeroize::Zeroizing;

pub use self::watch::FolderWatch;
use crate::{
    endpoint::HostKey,
    ftps::{ServerTls, TlsError},
    sftp::{HostKeyError, Ssh},
};

const USERS_FOLDER: &str = "users";
/// A larger file is no configuration.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files in one folder.
const FILES_MAX: usize = 1024;

/// What the folder holds.
#[derive(Debug)]
pub struct Loaded {
    /// What `endpoint.json` and the users files say.
    pub configuration: Configuration,
    /// What is in `host-keys`, in the order of the names; nothing where no listener speaks SFTP.
    pub host_keys: Vec<HostKey>,
    /// How SSH is spoken with these keys; None where no listener speaks SFTP.
    pub ssh: Option<Ssh>,
    /// How the FTPS listeners speak TLS, by their names.
    pub tls: BTreeMap<String, Arc<ServerTls>>,
    /// The digest of `endpoint.json`, and through it of the users files.
    pub digest: Digest,
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is too large to be what it should be.
    #[error("{} is larger than {FILE_BYTES_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    /// A folder has too many files.
    #[error("{} has more than {FILES_MAX} files", .0.display())]
    TooMany(PathBuf),
    /// The files do not make a configuration.
    #[error("the configuration is not valid")]
    Configuration(#[source] gateway_config::Error),
    /// The configuration contradicts itself.
    #[error("{0}")]
    Contradiction(String),
    /// A host key is not text.
    #[error("host-keys/{0} is not a private key in OpenSSH format")]
    Binary(String),
    /// The host keys cannot be used.
    #[error("the host keys cannot be used")]
    HostKeys(#[source] HostKeyError),
    /// The certificate of a listener cannot be served.
    #[error("the certificate in {TLS_FOLDER}/{listener} cannot be served")]
    Tls {
        /// The listener.
        listener: String,
        /// Why.
        source: Box<TlsError>,
    },
    /// Without a host key no client of SFTP can be served.
    #[error("host-keys has no key; make one with ssh-keygen -t ed25519")]
    NoHostKey,
}

impl LoadError {
    /// Whether waiting may help: the files come from several Secrets, and of one that is new or has just changed a kubelet
    /// may bring them a moment later than of another.
    pub fn may_pass(&self) -> bool {
        use gateway_config::Error::{Digest, Missing};
        match self {
            Self::Configuration(Missing(_) | Digest(_)) | Self::NoHostKey => true,
            Self::Read { path, source } => {
                source.kind() == io::ErrorKind::NotFound && !path.ends_with(ENDPOINT_FILE)
            }
            Self::TooLarge(_)
            | Self::TooMany(_)
            | Self::Configuration(_)
            | Self::Contradiction(_)
            | Self::Binary(_)
            | Self::HostKeys(_)
            | Self::Tls { .. } => false,
        }
    }
}

/// Reads and validates the folder. Blocks.
pub fn load(folder: &Path) -> Result<Loaded, LoadError> {
    let endpoint = read(&folder.join(ENDPOINT_FILE))?;
    let digest = Digest::of(&endpoint);
    let mut files = Files::from([(ENDPOINT_FILE.to_owned(), endpoint)]);
    for (name, bytes) in read_all(&folder.join(USERS_FOLDER))? {
        files.insert(format!("{USERS_FOLDER}/{name}"), bytes);
    }
    let configuration = gateway_config::parse(&files).map_err(LoadError::Configuration)?;
    check::check(&configuration).map_err(LoadError::Contradiction)?;
    let listeners = &configuration.endpoint.listeners;
    let (host_keys, ssh) = if listeners.iter().any(is_sftp) {
        let host_keys = host_keys(&folder.join(HOST_KEYS_FOLDER))?;
        let ssh = Ssh::new(&configuration.endpoint.ssh, &host_keys).map_err(LoadError::HostKeys)?;
        (host_keys, Some(ssh))
    } else {
        (Vec::new(), None)
    };
    let tls = tls::load(folder, listeners)?;
    Ok(Loaded {
        configuration,
        host_keys,
        ssh,
        tls,
        digest,
    })
}

fn is_sftp(listener: &Listener) -> bool {
    listener.protocol == Protocol::Sftp
}

fn host_keys(folder: &Path) -> Result<Vec<HostKey>, LoadError> {
    let host_keys = read_all(folder)?
        .into_iter()
        .filter(|(name, _)| !has_extension(name, "pub"))
        .map(|(name, bytes)| host_key(name, bytes))
        .collect::<Result<Vec<_>, _>>()?;
    if host_keys.is_empty() {
        return Err(LoadError::NoHostKey);
    }
    Ok(host_keys)
}

fn host_key(name: String, bytes: Vec<u8>) -> Result<HostKey, LoadError> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(HostKey {
            name,
            pem: Zeroizing::new(text),
        }),
        Err(_binary) => Err(LoadError::Binary(name)),
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

/// The files of a folder by name, without those whose names begin with a dot; nothing if there is no folder.
fn read_all(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, LoadError> {
    let failed = |source| LoadError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // Names that are not UTF-8 cannot be named by endpoint.json.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if files.len() >= FILES_MAX {
            return Err(LoadError::TooMany(folder.to_owned()));
        }
        files.push((name, read(&entry.path())?));
    }
    files.sort_unstable();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe would block the reader for ever.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a file")));
    }
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(LoadError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}
