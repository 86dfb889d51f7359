//! `SecureFtpEndpoint`: one address with its listeners, storage and users.

use std::{collections::BTreeMap, time};

use kube::{CustomResource, KubeSchema, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DataConnections, Encryption, Exposure, SecretReference, SecureFtpEndpointStatus, Template, Tls,
    references::OBJECT_NAME,
};

/// What an endpoint serves, to whom and from where.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "secureftp.dev",
    version = "v1alpha1",
    kind = "SecureFtpEndpoint",
    plural = "secureftpendpoints",
    shortname = "sfe",
    category = "secureftp",
    doc = "A place where partners deliver and collect files: one address with its listeners, storage and users.",
    namespaced,
    derive = "PartialEq",
    status = "SecureFtpEndpointStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,46}[a-z0-9])?$')")
        .message("metadata.name cannot name a Service: write at most 48 lower-case letters, digits and hyphens, a letter first"),
    validation = Rule::new("self.spec.exposure.externalTrafficPolicy != 'Local' || self.spec.replicas <= 1")
        .message("externalTrafficPolicy Local works with one replica only, for a balancer cannot tell which node has which passive port: write replicas: 1, or externalTrafficPolicy: Cluster")
        .field_path(".spec.exposure.externalTrafficPolicy"),
    validation = Rule::new("has(self.spec.dataConnections) || self.spec.listeners.all(l, l.protocol == 'SFTP')")
        .message("FTPS has no ports for files: add dataConnections.passive with a range of ports")
        .field_path(".spec.listeners"),
    validation = Rule::new("!has(self.spec.dataConnections) || self.spec.dataConnections.passive.ports.end < self.spec.dataConnections.passive.ports.start || self.spec.dataConnections.passive.ports.end - self.spec.dataConnections.passive.ports.start + 1 >= self.spec.dataConnections.passive.perReplica * (self.spec.replicas > 2 ? self.spec.replicas : 2)")
        .message("the range of passive ports is too small: raise end, so that it has perReplica ports for every replica and for at least two")
        .field_path(".spec.dataConnections.passive.ports"),
    validation = Rule::new("!has(self.spec.dataConnections) || self.spec.listeners.all(l, l.port < self.spec.dataConnections.passive.ports.start || l.port > self.spec.dataConnections.passive.ports.end)")
        .message("a listener's port lies in the range of passive ports: choose another port")
        .field_path(".spec.listeners"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether clients are served as the endpoint says"
    ),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        json_path = ".status.readyReplicas",
        description = "How many gateways serve"
    ),
    printcolumn(
        name = "Address",
        type_ = "string",
        json_path = ".status.addresses[0].value",
        description = "Where clients connect"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "How long the endpoint has existed"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why it is ready or not",
        priority = 1
    ),
    printcolumn(
        name = "Cert-Expiry",
        // Not `date`, which shows an age: that of a day to come is `<invalid>`.
        type_ = "string",
        json_path = ".status.certificates[0].notAfter",
        description = "When the certificate of the first FTPS listener ends",
        priority = 1
    ),
    printcolumn(
        name = "Version",
        type_ = "string",
        json_path = ".status.version",
        description = "The version of the gateways",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct SecureFtpEndpointSpec {
    /// The version of the gateways, a tag of their image. Default: that of the first gateways of this endpoint, kept
    /// until this field or the operator's setting says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
    )]
    pub version: Option<String>,
    /// How many gateways serve this endpoint. Default: 1. With 0 nobody can connect.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 0, max = 100))]
    pub replicas: u32,
    /// Where clients connect, each listener with a name and a port of its own.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["name".to_owned()]),
        validation = (
            "self.all(a, self.exists_one(b, b.port == a.port))",
            "two listeners have the same port: give each listener a port of its own"
        )
    )]
    pub listeners: Vec<Listener>,
    /// How SSH is spoken.
    #[serde(default)]
    pub ssh: Ssh,
    /// How FTPS transfers files. Needed with an FTPS listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_connections: Option<DataConnections>,
    /// How clients reach the gateways.
    #[serde(default)]
    pub exposure: Exposure,
    /// Where the files are.
    pub storage: Storage,
    /// Who may log in.
    pub users: Users,
    /// What everything may use at most.
    #[serde(default)]
    #[x_kube(validation = (
        "self.sessionsPerUserPerReplica <= self.sessionsPerReplica",
        "sessionsPerUserPerReplica is above sessionsPerReplica: lower it, or raise sessionsPerReplica"
    ))]
    pub limits: Limits,
    /// How long running transfers may go on when a gateway stops, as hours, minutes and seconds like `1h30m`.
    /// Default: `30m`. From `1s` to `24h`.
    #[serde(default = "default_drain_timeout")]
    #[schemars(
        length(min = 2, max = 18),
        regex(pattern = "^([0-9]{1,5}(h|m|s)){1,3}$"),
        extend("default" = "30m")
    )]
    #[x_kube(validation = (
        "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
        "drainTimeout is out of bounds: write a duration from 1s to 24h, for example 30m"
    ))]
    pub drain_timeout: Duration,
    /// What the pods of the gateways are given besides.
    #[serde(default)]
    pub template: Template,
}

/// A protocol at a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "self.protocol == 'SFTP' || has(self.tls)",
        "an FTPS listener has no certificate: add tls with a secretRef or an issuerRef"
    ),
    validation = (
        "self.protocol != 'SFTP' || !has(self.tls)",
        "an SFTP listener has tls, which SSH does not use: remove tls, or write FTPSExplicit or FTPSImplicit"
    ),
    validation = (
        "self.protocol == 'FTPSExplicit' || !has(self.encryption)",
        "only FTPSExplicit leaves a choice of encryption: remove encryption, for the others encrypt everything"
    )
)]
pub struct Listener {
    /// The name of the listener, unique in the endpoint.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// What is spoken. `SFTP`: SFTP version 3 over SSH. `FTPSExplicit`: FTP that becomes encrypted by `AUTH TLS`.
    /// `FTPSImplicit`: FTP inside TLS from the first byte.
    pub protocol: Protocol,
    /// The port clients connect to, unique in the endpoint. From 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// What must be encrypted; only with `FTPSExplicit`. Default: `Required`.
    /// `Required`: the login and every file. `ControlRequired`: the login; files as the client likes.
    /// `Optional`: what the client likes; a user with `requireTls` must encrypt everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// How TLS is spoken, and with which certificate. Needed with FTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// How SSH is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ssh {
    /// Which algorithms are offered. Default: `Modern`.
    /// `Modern`: ML-KEM and curve25519, AES-GCM and ChaCha20-Poly1305, Ed25519 host keys.
    /// `Intermediate`: also what old clients need (NIST curves, groups 14 and 16, AES-CTR, ECDSA and RSA host keys), never SHA-1.
    pub policy: SshPolicy,
    /// Which authentication methods are offered. Default: `publickey` and `password`.
    #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub authentication_methods: Vec<AuthenticationMethod>,
    /// The host keys. Default: made at the first start and kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_keys: Option<HostKeys>,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            policy: SshPolicy::Modern,
            authentication_methods: vec![
                AuthenticationMethod::PublicKey,
                AuthenticationMethod::Password,
            ],
            host_keys: None,
        }
    }
}

/// Which SSH algorithms are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SshPolicy {
    /// What today's clients speak.
    Modern,
    /// [`SshPolicy::Modern`] and what old clients need.
    Intermediate,
}

/// How a user proves who they are (RFC 4252, RFC 4256).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// The host keys of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostKeys {
    /// A Secret in which every entry is one private key in OpenSSH's format, without a passphrase. Entries named `*.pub` are ignored.
    pub secret_ref: SecretReference,
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// The claim that holds the files.
    pub persistent_volume_claim: PersistentVolumeClaim,
    /// When an upload becomes visible. Default: `Direct`.
    /// `Direct`: while it is written, as on any disk.
    /// `Atomic`: a new whole file when it is complete; until then it is `.NAME.part`.
    #[serde(default = "default_uploads")]
    pub uploads: Uploads,
    /// When an upload counts as written. Default: `Written`.
    /// `Written`: when the kernel has it. `Sync`: when the disk has it.
    #[serde(default = "default_durability")]
    pub durability: Durability,
    /// The age, in seconds, from which a call on the volume counts as stuck and its thread is replaced. Default: 10.
    #[serde(default = "default_stuck_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub stuck_seconds: u32,
    /// How many stuck threads are replaced; beyond that storage answers an error at once. Default: 256.
    #[serde(default = "default_stuck_threads_max")]
    #[schemars(range(min = 1, max = 4096))]
    pub stuck_threads_max: u32,
}

/// A claim in the namespace of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaim {
    /// The name of the claim.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = OBJECT_NAME)
    )]
    pub claim_name: String,
}

/// When an upload becomes visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Uploads {
    /// While it is written.
    Direct,
    /// When it is complete.
    Atomic,
}

/// When an upload counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Durability {
    /// When the kernel has it.
    Written,
    /// When the disk has it.
    Sync,
}

/// Who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Users {
    /// Which `SecureFtpUser` objects of this namespace may log in.
    pub selector: Selector,
}

/// Which users an endpoint serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// The labels that a user must carry, all of them. At least one.
    #[schemars(schema_with = "match_labels")]
    #[x_kube(validation = (
        "size(self) > 0",
        "matchLabels is empty: name at least one label that the users of this endpoint carry"
    ))]
    pub match_labels: BTreeMap<String, String>,
}

/// What everything may use at most, in one gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Sessions that are logged in. Default: 2000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions_per_replica: u32,
    /// Sessions of one user that are logged in. Default: 20. At most `sessionsPerReplica`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions_per_user_per_replica: u32,
    /// Connections from one address, logged in or not, where addresses are the clients' own. Default: 50.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions_per_address_per_replica: u32,
    /// Connections that are not logged in yet; from half of it on, new ones are dropped at random. Default: 100.
    #[schemars(range(min = 1, max = 100_000))]
    pub half_open_per_replica: u32,
    /// Time from the connection to the login, in seconds. Default: 60.
    #[schemars(range(min = 1, max = 3600))]
    pub login_seconds: u32,
    /// Time without a byte in either direction after which a session ends, in seconds. Default: 900.
    #[schemars(range(min = 1, max = 604_800))]
    pub idle_seconds: u32,
    /// Failed logins from one address, within `banSeconds`, that ban it, where addresses are the clients' own. Default: 5.
    #[schemars(range(min = 1, max = 1000))]
    pub login_failures: u32,
    /// How long an address stays banned, in seconds. Default: 600. With 0 no address is ever banned.
    #[schemars(range(min = 0, max = 86_400))]
    pub ban_seconds: u32,
    /// Memory that one session may hold in buffers and queues, in bytes. Default: 8388608 (8 MiB).
    #[schemars(range(min = 1_048_576, max = 1_073_741_824))]
    pub memory_per_session_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_per_replica: 2000,
            sessions_per_user_per_replica: 20,
            sessions_per_address_per_replica: 50,
            half_open_per_replica: 100,
            login_seconds: 60,
            idle_seconds: 900,
            login_failures: 5,
            ban_seconds: 600,
            memory_per_session_bytes: 8 * 1024 * 1024,
        }
    }
}

fn match_labels(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 16,
        "x-kubernetes-map-type": "atomic",
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
        }
    })
}

const fn default_replicas() -> u32 {
    1
}

fn default_drain_timeout() -> Duration {
    time::Duration::from_mins(30).into()
}

const fn default_uploads() -> Uploads {
    Uploads::Direct
}

const fn default_durability() -> Durability {
    Durability::Written
}

const fn default_stuck_seconds() -> u32 {
    10
}

const fn default_stuck_threads_max() -> u32 {
    256
}
