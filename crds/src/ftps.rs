//! What FTPS adds to an endpoint: certificates, and the ports through which files go.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SecretReference, references::OBJECT_NAME};

/// What must be encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encryption {
    /// The login and every file.
    #[default]
    Required,
    /// The login; files as the client likes.
    ControlRequired,
    /// What the client likes. A user may demand more.
    Optional,
}

/// How TLS is spoken, and with which certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "has(self.secretRef) != has(self.issuerRef)",
        "tls needs exactly one source of its certificate: write either secretRef or issuerRef"
    ),
    validation = (
        "!has(self.issuerRef) || (has(self.dnsNames) && size(self.dnsNames) > 0)",
        "the issuer does not know for which hosts: add dnsNames with the names that clients connect to"
    )
)]
pub struct Tls {
    /// A Secret of type `kubernetes.io/tls`: `tls.crt` is the certificate with its chain, `tls.key` its private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// Who issues the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_ref: Option<IssuerReference>,
    /// The names that clients connect to. An issuer makes the certificate for them, so it needs at least one; the
    /// certificate of a Secret must be valid for all that are written here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 253), regex(pattern = OBJECT_NAME)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub dns_names: Vec<String>,
    /// The oldest version that is spoken, with quotes: `"1.2"` or `"1.3"`. Default: `"1.2"`.
    #[serde(default)]
    pub min_version: TlsVersion,
}

/// An issuer of certificates, as cert-manager names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerReference {
    /// The kind of the issuer, for example `Issuer` (of this namespace) or `ClusterIssuer`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// The name of the issuer.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
    /// The API group of the issuer. Default: `cert-manager.io`.
    #[serde(default = "default_issuer_group")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub group: String,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// How FTPS transfers files: FTP opens a connection of its own for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataConnections {
    /// How a data connection proves that it belongs to its session. Default: `TLSPreferred` where the gateway sees the
    /// address of every client, otherwise `TLSRequired`.
    /// `TLSRequired`: it resumes the TLS session of the login; some clients cannot. `TLSPreferred`: it resumes the
    /// session, or comes from the client's address. `Address`: it comes from the client's address. `None`: not at all,
    /// so a stranger may take or forge a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// Data connections that clients open (PASV, EPSV).
    pub passive: Passive,
    /// Data connections that the gateway would open (PORT, EPRT).
    #[serde(default)]
    pub active: Active,
}

/// How a data connection proves that it belongs to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Binding {
    /// By resuming the TLS session of the login.
    #[serde(rename = "TLSRequired")]
    TlsRequired,
    /// By resuming the TLS session if the client does that, otherwise by its address.
    #[serde(rename = "TLSPreferred")]
    TlsPreferred,
    /// By the address of the client.
    Address,
    /// Not at all.
    None,
}

/// Data connections that clients open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passive {
    /// The ports of all replicas together, which firewalls must let through: at least `perReplica` × `replicas`, and
    /// never less than twice `perReplica`.
    pub ports: PortRange,
    /// How many of the ports one replica has: so many transfers can begin there at once. It cannot change.
    #[schemars(range(min = 1, max = 1024))]
    #[x_kube(validation = (
        "self == oldSelf",
        "perReplica cannot change while ports are in use: create a new SecureFtpEndpoint"
    ))]
    pub per_replica: u16,
    /// The IPv4 address that clients are told to connect to (PASV). Default: it is found out where that is possible;
    /// elsewhere only EPSV works, which needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 7, max = 15))]
    #[x_kube(validation = (
        "isIP(self) && ip(self).family() == 4",
        "address is no IPv4 address: write the one that clients connect to, for example 203.0.113.7"
    ))]
    pub address: Option<String>,
    /// How long a transfer waits for a free port, in seconds. Default: 10.
    #[serde(default = "default_wait_seconds")]
    #[schemars(range(min = 0, max = 300))]
    pub wait_seconds: u32,
    /// How long a port waits for its client, in seconds. Default: 30.
    #[serde(default = "default_connect_seconds")]
    #[schemars(range(min = 1, max = 300))]
    pub connect_seconds: u32,
}

/// Ports from `start` to `end`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.end >= self.start",
    "the range ends before it starts: raise end"
))]
pub struct PortRange {
    /// The first port. It cannot change.
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = (
        "self == oldSelf",
        "start cannot change while ports are in use: raise end, or create a new SecureFtpEndpoint"
    ))]
    pub start: u16,
    /// The last port. It may only grow.
    #[schemars(range(min = 1, max = 65535))]
    #[x_kube(validation = (
        "self >= oldSelf",
        "end cannot shrink while ports are in use: raise it, or create a new SecureFtpEndpoint"
    ))]
    pub end: u16,
}

/// Data connections that the gateway would open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Active {
    /// Whether it does. Default: `Deny`, at once and with the message.
    pub mode: ActiveMode,
    /// What clients read that ask for it. Default: `active mode is closed here, use passive (EPSV or PASV)`.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub message: String,
}

impl Default for Active {
    fn default() -> Self {
        Self {
            mode: ActiveMode::Deny,
            message: "active mode is closed here, use passive (EPSV or PASV)".to_owned(),
        }
    }
}

/// Whether the gateway opens data connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ActiveMode {
    /// It never does.
    Deny,
}

fn default_issuer_group() -> String {
    "cert-manager.io".to_owned()
}

const fn default_wait_seconds() -> u32 {
    10
}

const fn default_connect_seconds() -> u32 {
    30
}
