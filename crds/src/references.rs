//! How a resource names another object of its namespace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What Kubernetes takes as the name of most objects (RFC 1123 subdomain).
pub(crate) const OBJECT_NAME: &str =
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// What Kubernetes takes as a key of a Secret.
const SECRET_KEY: &str = "^[-._a-zA-Z0-9]+$";

/// A Secret in the namespace of the object that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// The name of the Secret.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = OBJECT_NAME)
    )]
    pub name: String,
}

/// The password in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordReference {
    /// The name of the Secret.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = OBJECT_NAME)
    )]
    pub name: String,
    /// The key in the Secret. Default: `password`.
    #[serde(default = "default_password_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SECRET_KEY))]
    pub key: String,
}

/// Public keys in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizedKeysReference {
    /// The name of the Secret.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = OBJECT_NAME)
    )]
    pub name: String,
    /// The key in the Secret, in the format of OpenSSH's file `authorized_keys`. Default: `authorized_keys`.
    #[serde(default = "default_authorized_keys_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SECRET_KEY))]
    pub key: String,
    /// Whether the Secret or its key may be absent: then it simply names no keys. Default: false.
    #[serde(default)]
    pub optional: bool,
}

fn default_password_key() -> String {
    "password".to_owned()
}

fn default_authorized_keys_key() -> String {
    "authorized_keys".to_owned()
}
