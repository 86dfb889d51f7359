//! What the configuration says about a session.

use alloc::string::String;

/// What the configuration says about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What must be encrypted.
    pub encryption: Encryption,
    /// Whether the connection began inside TLS (implicit FTPS): as if `AUTH TLS`, `PBSZ 0` and `PROT P` had been sent.
    pub implicit: bool,
    /// What `PORT` and `EPRT` are refused with where `PASV` and `EPSV` are not: the reason, and the alternative.
    pub active_refusal: String,
    /// `PASV` and `EPSV`.
    pub passive: Mode,
    /// How the client has reached the server, and so how its data connections can.
    pub family: Family,
    /// How many wrong passwords end the connection.
    pub wrong_passwords_max: u32,
    /// How many refused commands before the login end the connection; wrong passwords count by themselves.
    pub refused_commands_max: u32,
}

/// What must be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// The control connection before `USER`, and every data connection.
    Required,
    /// The control connection before `USER`.
    ControlRequired,
    /// What the client likes.
    Optional,
}

/// A network protocol, numbered as in RFC 2428 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4: 1.
    V4,
    /// IPv6: 2.
    V6,
    /// Somebody in between may have translated: it can be either.
    Unknown,
}

/// Whether data connections are possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are: the client opens them.
    Allow,
    /// They are not. Whatever needs one is refused with this text, which says so and names the alternative.
    Deny(String),
}
