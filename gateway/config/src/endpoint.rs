//! `endpoint.json`: everything but the users.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{DataConnections, Digest, Tls};

/// One endpoint as one gateway serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Endpoint {
    /// The version of this format, [`crate::VERSION`].
    pub version: u32,
    /// The namespace of the `SecureFtpEndpoint`.
    pub namespace: String,
    /// The name of the `SecureFtpEndpoint`.
    pub name: String,
    /// The generation of the `SecureFtpEndpoint` that this was compiled from.
    pub generation: i64,
    /// Where clients are served.
    pub listeners: Vec<Listener>,
    /// Whether the peer address of a connection is the client's.
    pub client_address: ClientAddress,
    /// Who may say in a PROXY header where a connection comes from.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// How FTPS transfers files; present exactly if a listener speaks FTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_connections: Option<DataConnections>,
    /// How SSH is spoken.
    pub ssh: Ssh,
    /// What everything may use at most.
    pub limits: Limits,
    /// Where the files are.
    pub storage: Storage,
    /// How long a drain waits for running transfers, in seconds.
    pub drain_seconds: u64,
    /// The digest of every users file by its name in the folder `users`.
    pub users: BTreeMap<String, Digest>,
}

/// A protocol at an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Listener {
    /// The listener's name in the endpoint; unique there.
    pub name: String,
    /// What is spoken.
    pub protocol: Protocol,
    /// Where the gateway listens.
    pub address: SocketAddr,
    /// How FTPS is encrypted; present exactly if the protocol is FTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// SFTP version 3 over SSH.
    #[serde(rename = "SFTP")]
    Sftp,
    /// FTP that becomes encrypted by `AUTH TLS` (RFC 4217).
    #[serde(rename = "FTPSExplicit")]
    FtpsExplicit,
    /// FTP inside TLS from the first byte.
    #[serde(rename = "FTPSImplicit")]
    FtpsImplicit,
}

/// Whether the peer address of a connection is the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAddress {
    /// It is; limits, bans and address rules apply.
    Real,
    /// It may be a node's or a balancer's: nothing is decided by it.
    Hidden,
}

/// Who may say in a PROXY header (version 2) where a connection comes from; for every listener and every passive port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProxyProtocol {
    /// Whether a header is expected.
    pub mode: ProxyMode,
    /// Who is believed; not empty unless the mode is [`ProxyMode::Disabled`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_cidrs: Vec<IpNet>,
}

/// Whether a PROXY header is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxyMode {
    /// No: a header is rubbish like any other.
    #[default]
    Disabled,
    /// It is read where one comes from a trusted address; connections without one are served, their address hidden.
    Optional,
    /// A connection without one from a trusted address is closed.
    Required,
}

/// How SSH is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ssh {
    /// Which algorithms are offered.
    pub policy: SshPolicy,
    /// Which authentication methods are offered; not empty.
    pub authentication_methods: Vec<AuthenticationMethod>,
}

/// Which SSH algorithms are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SshPolicy {
    /// Key exchange mlkem768x25519 and curve25519, ciphers AES-GCM and ChaCha20-Poly1305, Ed25519 host keys.
    Modern,
    /// [`SshPolicy::Modern`] and what old clients need: NIST curves, groups 14 and 16, AES-CTR with
    /// encrypt-then-MAC, ECDSA and RSA host keys. Never SHA-1.
    Intermediate,
}

/// How a user proves who they are (RFC 4252, RFC 4256).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AuthenticationMethod {
    /// A key pair.
    #[serde(rename = "publickey")]
    PublicKey,
    /// The password in one message.
    #[serde(rename = "password")]
    Password,
    /// The password as the answer to a prompt.
    #[serde(rename = "keyboard-interactive")]
    KeyboardInteractive,
}

/// What everything may use at most, in one gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// Sessions that are logged in.
    pub sessions: u32,
    /// Sessions of one user that are logged in.
    pub sessions_per_user: u32,
    /// Connections from one address, logged in or not; only where addresses are real.
    pub connections_per_address: u32,
    /// Connections that are not logged in yet. From half of it on, new ones are dropped at random.
    pub half_open: u32,
    /// Time from the connection to the login, in seconds.
    pub login_seconds: u64,
    /// Time without a byte in either direction after which a session ends, in seconds.
    pub idle_seconds: u64,
    /// Failed logins from one address, within `ban_seconds`, that ban it; only where addresses are real.
    pub login_failures: u32,
    /// How long an address stays banned, in seconds; 0: no address is ever banned.
    pub ban_seconds: u64,
    /// Memory that one session may hold in buffers and queues, in bytes.
    pub memory_per_session_bytes: u64,
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Storage {
    /// The folder of the volume; every user's root lies inside it.
    pub volume: PathBuf,
    /// When an upload becomes visible.
    pub uploads: Uploads,
    /// When an upload counts as written.
    pub durability: Durability,
    /// A call on the volume older than this, in seconds, counts as stuck and its thread is replaced.
    pub stuck_seconds: u64,
    /// How many stuck threads may be replaced; beyond that storage answers an error at once.
    pub stuck_threads_max: u32,
}

/// When an upload becomes visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Uploads {
    /// While it is written, as on any disk.
    Direct,
    /// A new whole file when it is complete; until then it is `.NAME.part`.
    Atomic,
}

/// When an upload counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Durability {
    /// When the kernel has it.
    Written,
    /// When the disk has it: every finished upload is synced.
    Sync,
}
