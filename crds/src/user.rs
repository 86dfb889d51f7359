//! `SecureFtpUser`: who may log in, how, and to which folder.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AuthorizedKeysReference, PasswordReference, SecureFtpUserStatus};

/// Who may log in, how, to which folder and with which permissions.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "secureftp.dev",
    version = "v1alpha1",
    kind = "SecureFtpUser",
    plural = "secureftpusers",
    shortname = "sfu",
    category = "secureftp",
    doc = "Someone who may log in at the endpoints that select this object by its labels.",
    namespaced,
    derive = "PartialEq",
    status = "SecureFtpUserStatus",
    validation = Rule::new("has(self.spec.username) || size(self.metadata.name) <= 64")
        .message("metadata.name is too long for a login name: write a spec.username of at most 64 characters")
        .field_path(".spec.username"),
    validation = Rule::new("(has(self.spec.username) ? self.spec.username : self.metadata.name) == (has(oldSelf.spec.username) ? oldSelf.spec.username : oldSelf.metadata.name)")
        .message("username cannot change: create a new SecureFtpUser and delete this one")
        .field_path(".spec.username"),
    printcolumn(
        name = "Username",
        type_ = "string",
        json_path = ".spec.username",
        description = "The login name; empty: the name of the object"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether every endpoint that selects the user serves it"
    ),
    printcolumn(
        name = "Disabled",
        type_ = "boolean",
        json_path = ".spec.disabled",
        description = "Whether the user is shut out"
    ),
    printcolumn(
        name = "Valid-Until",
        type_ = "string",
        json_path = ".spec.validUntil",
        description = "When the account ends"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why the user is ready or not",
        priority = 1
    ),
    printcolumn(
        name = "Root",
        type_ = "string",
        json_path = ".spec.root",
        description = "The user's folder; empty: /USERNAME",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "How long the user has existed"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct SecureFtpUserSpec {
    /// The login name: ASCII letters, digits and `. _ @ + -`, starting with a letter, a digit or `_`, at most
    /// 64 characters. Default: the name of this object. It cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = "^[A-Za-z0-9_][A-Za-z0-9._@+-]*$")
    )]
    pub username: Option<String>,
    /// How this user logs in; at least one way.
    #[x_kube(validation = (
        "has(self.passwordSecretRef) || (has(self.authorizedKeys) && (has(self.authorizedKeys.secretRef) || (has(self.authorizedKeys.inline) && size(self.authorizedKeys.inline) > 0)))",
        "nothing lets this user in: write passwordSecretRef, authorizedKeys.inline or authorizedKeys.secretRef"
    ))]
    pub authentication: Authentication,
    /// The folder in the volume that this user is shut in, made at the first login with mode 0750.
    /// Default: `/` and the login name. `/` is the whole volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    #[x_kube(
        validation = (
            "self.startsWith('/')",
            "root is not absolute: start it with /, for example /supplier"
        ),
        validation = (
            "!self.matches('(^|/)[.][.]?(/|$)')",
            "root contains . or ..: write the folder's own path, for example /supplier/in"
        )
    )]
    pub root: Option<String>,
    /// What this user may do. Default: everything.
    /// `List`: see what is in a folder. `Read`: read files. `Write`: make new files. `Overwrite`: change or replace
    /// what is in a file. `Append`: add at the end of a file. `Delete`: remove files. `Rename`: rename files and
    /// folders. `MakeDirectory`, `RemoveDirectory`: make folders, remove empty ones. `SetAttributes`: change modes
    /// and times. `Link`: make symbolic and hard links.
    #[serde(default = "all_permissions")]
    #[schemars(length(min = 1, max = 11))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub permissions: Vec<Permission>,
    /// Networks this user may come from, such as `192.0.2.0/24` or `2001:db8::/32`. Default: from anywhere.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        rename = "allowedCIDRs"
    )]
    #[schemars(length(max = 64), inner(length(min = 1, max = 49)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = (
            "self.all(c, isCIDR(c))",
            "an entry of allowedCIDRs is no network: write an address and a prefix length, for example 192.0.2.0/24"
        )
    )]
    pub allowed_cidrs: Vec<String>,
    /// Whether this user's FTPS must be encrypted, login and files, also where the listener would allow less.
    /// Default: false.
    #[serde(default)]
    pub require_tls: bool,
    /// When this account ends, in RFC 3339, for example `2030-12-31T23:59:59Z`. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub valid_until: Option<Time>,
    /// Whether this user is shut out. Default: false.
    #[serde(default)]
    pub disabled: bool,
}

/// How a user logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Authentication {
    /// The password: a hash (argon2, bcrypt, `$5$`, `$6$` or yescrypt) or the password itself, in a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<PasswordReference>,
    /// Public keys that open this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorized_keys: Option<AuthorizedKeys>,
}

/// Public keys that open an account, from both sources together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizedKeys {
    /// One key an entry: algorithm, base64 and optionally a comment, as in OpenSSH's file `authorized_keys`, without
    /// options.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 8192)))]
    pub inline: Vec<String>,
    /// Keys in a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<AuthorizedKeysReference>,
}

/// Something a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Rename files and folders.
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

fn all_permissions() -> Vec<Permission> {
    vec![
        Permission::List,
        Permission::Read,
        Permission::Write,
        Permission::Overwrite,
        Permission::Append,
        Permission::Delete,
        Permission::Rename,
        Permission::MakeDirectory,
        Permission::RemoveDirectory,
        Permission::SetAttributes,
        Permission::Link,
    ]
}
