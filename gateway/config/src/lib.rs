//! The configuration that crosses from the operator to the gateway: a folder of files with a version.
//!
//! ```text
//! endpoint.json      Endpoint: listeners, policies, limits, storage, and the digest of every users file
//! users/00.json …    Users: who may log in
//! host-keys/*        SSH host keys, OpenSSH private key format; not part of the digests
//! tls/LISTENER/      tls.crt and tls.key of an FTPS listener, PEM; not part of the digests
//! ```
//!
//! [`render`] makes the files and [`parse`] reads them back. Neither touches a disk, knows Kubernetes or
//! decides anything: what is in here has already been decided.

mod endpoint;
mod files;
mod ftps;
mod served;
mod users;

pub use endpoint::{
    AuthenticationMethod, ClientAddress, Durability, Endpoint, Limits, Listener, Protocol,
    ProxyMode, ProxyProtocol, Ssh, SshPolicy, Storage, Uploads,
};
pub use files::{
    Configuration, Digest, ENDPOINT_FILE, Error, Files, HOST_KEYS_FOLDER, TLS_FOLDER, USERS_FOLDER,
    parse, render, render_endpoint, render_users, users_file,
};
pub use ftps::{
    Active, ActiveMode, Binding, DataConnections, Encryption, Passive, PassivePort, Tls, TlsVersion,
};
pub use served::{SERVED_PATH, Served, ServedListener};
pub use users::{AuthorizedKey, Permission, User, UserName, Users};

/// The version of this format. A gateway serves no other.
pub const VERSION: u32 = 1;
