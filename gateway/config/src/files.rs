//! Between the configuration and the bytes of its files.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::{Endpoint, User, UserName, Users, VERSION};

/// The file with the [`Endpoint`].
pub const ENDPOINT_FILE: &str = "endpoint.json";

/// The folder with the SSH host keys, one file a key.
pub const HOST_KEYS_FOLDER: &str = "host-keys";

/// The folder with a folder for every FTPS listener, named like it, that holds `tls.crt` and `tls.key`.
pub const TLS_FOLDER: &str = "tls";

/// The folder with the users files.
pub const USERS_FOLDER: &str = "users";

/// Files by their path in the configuration folder, with `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The whole configuration of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Everything but the users. Rendering fills in the digests of the users files.
    pub endpoint: Endpoint,
    /// Who may log in.
    pub users: BTreeMap<UserName, User>,
}

/// Makes the files, `endpoint.json` and `users/*`, with all users in one file. The same configuration always gives the same
/// bytes.
///
/// Write the users first and `endpoint.json` last: a gateway serves a set only when every digest matches.
pub fn render(configuration: &Configuration) -> Result<Files, serde_json::Error> {
    let name = users_file(0);
    let users = render_users(&configuration.users)?;
    let digests = BTreeMap::from([(name.clone(), Digest::of(&users))]);
    let endpoint = render_endpoint(&configuration.endpoint, digests)?;
    Ok(Files::from([
        (format!("{USERS_FOLDER}/{name}"), users),
        (ENDPOINT_FILE.to_owned(), endpoint),
    ]))
}

/// Makes one users file, where the users are spread over several.
pub fn render_users(users: &BTreeMap<UserName, User>) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec_pretty(&Users {
        users: users.clone(),
    })
}

/// Makes `endpoint.json`, with the digest of every users file by its name in [`USERS_FOLDER`].
pub fn render_endpoint(
    endpoint: &Endpoint,
    users: BTreeMap<String, Digest>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut endpoint = endpoint.clone();
    endpoint.users = users;
    serde_json::to_vec_pretty(&endpoint)
}

/// The name, in [`USERS_FOLDER`], of the users file of this number.
pub fn users_file(number: u8) -> String {
    format!("{number:02}.json")
}

/// Reads the files back, whole or not at all. Files that `endpoint.json` does not name are ignored.
pub fn parse(files: &Files) -> Result<Configuration, Error> {
    let bytes = file(files, ENDPOINT_FILE)?;
    // The version goes first: whatever else is unknown then, this is why.
    let Version { version } = read(ENDPOINT_FILE, bytes)?;
    if version != VERSION {
        return Err(Error::Version(version));
    }
    let endpoint: Endpoint = read(ENDPOINT_FILE, bytes)?;
    let mut users = BTreeMap::new();
    for (name, digest) in &endpoint.users {
        let path = format!("{USERS_FOLDER}/{name}");
        let bytes = file(files, &path)?;
        if Digest::of(bytes) != *digest {
            return Err(Error::Digest(path));
        }
        for (name, user) in read::<Users>(&path, bytes)?.users {
            match users.entry(name) {
                Entry::Vacant(free) => free.insert(user),
                Entry::Occupied(taken) => return Err(Error::Duplicate(taken.remove_entry().0)),
            };
        }
    }
    Ok(Configuration { endpoint, users })
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn file<'a>(files: &'a Files, path: &str) -> Result<&'a [u8], Error> {
    files
        .get(path)
        .map(Vec::as_slice)
        .ok_or_else(|| Error::Missing(path.to_owned()))
}

fn read<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json {
        path: path.to_owned(),
        source,
    })
}

/// Why files are no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that should be there is not.
    #[error("{0} is missing")]
    Missing(String),
    /// A file is not what this version expects.
    #[error("{path} cannot be read")]
    Json {
        /// The file.
        path: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The format has another version.
    #[error("endpoint.json has version {0}, this gateway serves version {VERSION}")]
    Version(u32),
    /// A users file is of another moment than `endpoint.json`.
    #[error("{0} does not have the digest that endpoint.json names; it may be on its way")]
    Digest(String),
    /// Two users files have the same user, so nobody can say which one is meant.
    #[error("the user {0} is in two files")]
    Duplicate(UserName),
}

/// The SHA-256 of a file's bytes, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            // Writing to a String cannot fail.
            let _infallible = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
