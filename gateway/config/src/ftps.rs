//! What FTPS adds to an endpoint: encryption and data connections.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// How a listener's FTPS is encrypted. The certificate and its key are the files `tls/LISTENER/tls.crt` and
/// `tls/LISTENER/tls.key`, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tls {
    /// What must be encrypted; [`Encryption::Required`] with implicit FTPS.
    pub encryption: Encryption,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// What must be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// The control connection before `USER`, and every data connection.
    Required,
    /// The control connection before `USER`; data connections as the client likes.
    ControlRequired,
    /// Everything as the client likes. A user may demand more.
    Optional,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// How FTPS transfers files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DataConnections {
    /// How a data connection proves that it belongs to its session.
    pub binding: Binding,
    /// Data connections that clients open.
    pub passive: Passive,
    /// Data connections that the gateway would open.
    pub active: Active,
}

/// How a data connection proves that it belongs to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    /// By resuming the TLS session of the control connection.
    #[serde(rename = "TLSRequired")]
    TlsRequired,
    /// By resuming the TLS session if the client does that, otherwise by its address.
    #[serde(rename = "TLSPreferred")]
    TlsPreferred,
    /// By the address that the control connection comes from.
    Address,
    /// Not at all.
    None,
}

/// Data connections that clients open (`PASV`, `EPSV`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Passive {
    /// Where the ports are bound.
    pub listen: IpAddr,
    /// The ports; not empty.
    pub ports: Vec<PassivePort>,
    /// The address that `PASV` tells. None: it is not known, and only `EPSV` works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// How long a session waits for a free port, in seconds.
    pub wait_seconds: u64,
    /// How long a port waits for its data connection, handshake included, in seconds.
    pub connect_seconds: u64,
}

/// A passive port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PassivePort {
    /// The port that the gateway listens on.
    pub bound: u16,
    /// The port that clients are told; another one behind a `NodePort`.
    pub advertised: u16,
}

/// Data connections that the gateway would open (`PORT`, `EPRT`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Active {
    /// Whether it does.
    pub mode: ActiveMode,
    /// What clients read that ask for it.
    pub message: String,
}

/// Whether the gateway opens data connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActiveMode {
    /// It never does.
    Deny,
}
