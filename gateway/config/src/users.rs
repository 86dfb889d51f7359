//! `users/NN.json`: who may log in.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// One users file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Users {
    /// The users by the name they log in with.
    pub users: BTreeMap<UserName, User>,
}

/// The name a user logs in with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserName(String);

impl UserName {
    /// This name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for UserName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Someone who may log in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct User {
    /// The folder this user is shut in: absolute inside the volume, without `.` and `..`, for example `/supplier`.
    pub root: String,
    /// A password hash: argon2 (PHC), bcrypt, `$5$`, `$6$` or yescrypt. None: no password opens this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// Keys that open this account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorized_keys: Vec<AuthorizedKey>,
    /// What this user may do.
    pub permissions: BTreeSet<Permission>,
    /// Where this user may come from; empty: from anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_cidrs: Vec<IpNet>,
    /// Whether this user's login and files travel inside TLS (or SSH) only, whatever the listener allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_tls: bool,
    /// When this account ends, in seconds since 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<i64>,
}

impl fmt::Debug for User {
    /// Without the password hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("root", &self.root)
            .field("authorized_keys", &self.authorized_keys)
            .field("permissions", &self.permissions)
            .field("allowed_cidrs", &self.allowed_cidrs)
            .field("require_tls", &self.require_tls)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

/// A public key as OpenSSH's `authorized_keys` writes it, without options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AuthorizedKey {
    /// The algorithm, for example `ssh-ed25519`.
    pub algorithm: String,
    /// The key in SSH wire format (RFC 4253 §6.6), base64.
    pub key: String,
    /// What its owner calls it; for logs only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// Something a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// See what is in a folder.
    List,
    /// Read files.
    Read,
    /// Make new files.
    Write,
    /// Change or replace what is in a file.
    Overwrite,
    /// Add at the end of a file.
    Append,
    /// Remove files.
    Delete,
    /// Rename files and folders; over an existing target only with [`Permission::Overwrite`] too.
    Rename,
    /// Make folders.
    MakeDirectory,
    /// Remove empty folders.
    RemoveDirectory,
    /// Change modes and times.
    SetAttributes,
    /// Make symbolic and hard links.
    Link,
}

impl Permission {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 11] = [
        Self::List,
        Self::Read,
        Self::Write,
        Self::Overwrite,
        Self::Append,
        Self::Delete,
        Self::Rename,
        Self::MakeDirectory,
        Self::RemoveDirectory,
        Self::SetAttributes,
        Self::Link,
    ];
}
