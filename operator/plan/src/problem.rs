//! What the author of a manifest has to mend.

use std::fmt;

use crds::{SecureFtpEndpoint, SecureFtpUser};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{
    CertificateMistake, DEFAULT_NAMESPACE, KeyMistake, PasswordMistake, Refusal,
    names::NEW_HOST_KEYS_ANNOTATION,
};

/// One mistake at one field of one object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {field}: {mistake}")]
pub struct Problem {
    /// The object that has to be mended.
    pub object: Object,
    /// The path of the field, for example `spec.authentication.passwordSecretRef`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub mistake: Mistake,
}

/// An object of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The kinds that have problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SecureFtpEndpoint`.
    Endpoint,
    /// `SecureFtpUser`.
    User,
}

/// What is wrong and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// A Secret that is needed does not exist.
    #[error("the Secret {secret} does not exist in this namespace: create it or name another")]
    SecretMissing {
        /// The name of the Secret.
        secret: String,
    },
    /// A Secret does not have the key that is needed.
    #[error(
        "the Secret {secret} has no key {key} but {}: add the key or name another",
        listed(present)
    )]
    SecretKeyMissing {
        /// The name of the Secret.
        secret: String,
        /// The key that is needed.
        key: String,
        /// The keys it has.
        present: Vec<String>,
    },
    /// The value of a password Secret cannot be a password.
    #[error("the password in the Secret {secret}, key {key}, {mistake}")]
    Password {
        /// The name of the Secret.
        secret: String,
        /// The key in the Secret.
        key: String,
        /// What is wrong with it.
        mistake: PasswordMistake,
    },
    /// A plaintext password came without its hash.
    #[error(
        "the password in the Secret {secret}, key {key}, is not hashed yet: nothing to mend unless this stays"
    )]
    PasswordNotHashed {
        /// The name of the Secret.
        secret: String,
        /// The key in the Secret.
        key: String,
    },
    /// An inline key is no public key that is accepted.
    #[error("{0}")]
    InlineKey(KeyMistake),
    /// A line of a Secret is no public key that is accepted.
    #[error("line {line} of the Secret {secret}, key {key}: {mistake}")]
    SecretLine {
        /// The name of the Secret.
        secret: String,
        /// The key in the Secret.
        key: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        mistake: KeyMistake,
    },
    /// Nothing opens this account.
    #[error("nothing lets this user in: add a password or a public key")]
    NoWayIn,
    /// The endpoint offers no method that this user could use.
    #[error(
        "this user has only {has}, which the endpoint {endpoint} does not accept: give the user {wanted}, or the endpoint an SFTP listener with the method in spec.ssh.authenticationMethods"
    )]
    MethodNotOffered {
        /// What the user has.
        has: &'static str,
        /// What the endpoint wants.
        wanted: &'static str,
        /// The name of the endpoint.
        endpoint: String,
    },
    /// An older user of the endpoint has the same login name.
    #[error(
        "the login name {username} belongs to the older SecureFtpUser {older} of the endpoint {endpoint}: choose another, or delete one of the two"
    )]
    Duplicate {
        /// The login name.
        username: String,
        /// The object that keeps serving.
        older: String,
        /// The name of the endpoint.
        endpoint: String,
    },
    /// The login name is none.
    #[error(
        "{0:?} is no login name: use at most 64 ASCII letters, digits and . _ @ + -, starting with a letter, a digit or _"
    )]
    Username(String),
    /// The user's folder is none.
    #[error(
        "{0:?} is no folder of the volume: write an absolute path without . and .., for example /supplier"
    )]
    Root(String),
    /// An address rule is no network.
    #[error("{0:?} is no network: write an address and a prefix length, for example 192.0.2.0/24")]
    Network(String),
    /// There are address rules but the gateway does not see addresses.
    #[error(
        "the endpoint {endpoint} does not see the addresses of clients, so this user cannot be let in: remove allowedCIDRs, or make client addresses visible"
    )]
    AddressHidden {
        /// The name of the endpoint.
        endpoint: String,
    },
    /// A listener would be bound where something else is.
    #[error("port {port} is served at {bound}, which {other} has already: choose another port")]
    PortTaken {
        /// The port in the manifest.
        port: u16,
        /// The port that would be bound.
        bound: u16,
        /// What has it.
        other: String,
    },
    /// An FTPS listener does not say how it is encrypted.
    #[error("an FTPS listener has no certificate: add tls with a secretRef or an issuerRef")]
    TlsMissing,
    /// A certificate comes from nowhere, or from two places.
    #[error("tls needs exactly one source of its certificate: write either secretRef or issuerRef")]
    CertificateSource,
    /// The issuer has not answered.
    #[error("the certificate has not been issued yet: nothing to mend unless this stays")]
    CertificatePending,
    /// The issuer has not issued yet, and says why.
    #[error("cert-manager has not issued the certificate: {message}")]
    CertificateNotIssued {
        /// What the Certificate says.
        message: String,
    },
    /// Nobody issues certificates in this cluster.
    #[error(
        "cert-manager is not installed, so nobody issues the certificate: install it, or name a Secret in tls.secretRef"
    )]
    CertManagerMissing,
    /// The Secret of a certificate cannot be served.
    #[error("the Secret {secret} {mistake}")]
    Certificate {
        /// The name of the Secret.
        secret: String,
        /// What is wrong with it.
        mistake: CertificateMistake,
    },
    /// The certificate is for other names.
    #[error(
        "the certificate in the Secret {secret} is not valid for {host}: issue it for this name too, or remove the name"
    )]
    CertificateName {
        /// The name of the Secret.
        secret: String,
        /// The name that clients connect to.
        host: String,
    },
    /// FTPS without passive ports.
    #[error("FTPS has no ports for files: add dataConnections.passive with a range of ports")]
    PassivePortsMissing,
    /// A gateway has no share of the passive ports.
    #[error(
        "the range of passive ports is too small: raise end, so that it has perReplica ports for every replica and for at least two"
    )]
    PassivePortsTooFew,
    /// A passive port would be bound where something else is.
    #[error(
        "the passive port {port} is served at {bound}, which {other} has already: choose another range, or another port for the other"
    )]
    PassivePortTaken {
        /// The port in the manifest.
        port: u16,
        /// The port that would be bound.
        bound: u16,
        /// What has it.
        other: String,
    },
    /// The cluster has not given the Service its node ports.
    #[error("the Service has no node ports yet: nothing to mend unless this stays")]
    PortsPending,
    /// What PASV should tell is no IPv4 address.
    #[error(
        "{0:?} is no IPv4 address: write the one that clients connect to, for example 203.0.113.7"
    )]
    PassiveAddress(String),
    /// An entry of the host key Secret is no private key.
    #[error(
        "the entry {key} of the Secret {secret} is no private key in OpenSSH's format without a passphrase: convert it with `ssh-keygen -p -N '' -f FILE` or remove it"
    )]
    HostKey {
        /// The name of the Secret.
        secret: String,
        /// The key in the Secret.
        key: String,
    },
    /// The host keys that clients know are gone.
    #[error(
        "the Secret {secret} with the host keys is gone, and clients know them as {fingerprint}: restore the Secret, or have new keys made, which every client has to accept, with the annotation {NEW_HOST_KEYS_ANNOTATION}: {fingerprint}"
    )]
    HostKeysMissing {
        /// The name of the Secret.
        secret: String,
        /// The fingerprint of one of the keys.
        fingerprint: String,
    },
    /// The host keys were made for another policy.
    #[error(
        "the Secret {secret} has no {}, so clients that know no other kind of host key cannot connect: add each, made like `ssh-keygen -t rsa -b 3072 -N '' -f ssh_host_rsa_key`, or write Modern",
        missing.join(" and no ")
    )]
    HostKeyKinds {
        /// The name of the Secret.
        secret: String,
        /// The entries that it should have.
        missing: Vec<&'static str>,
    },
    /// The claim does not exist.
    #[error("the claim {claim} does not exist in this namespace: create it or name another")]
    ClaimMissing {
        /// The name of the claim.
        claim: String,
    },
    /// There is a claim for one pod, and more than one is wanted.
    #[error(
        "the claim {claim} is ReadWriteOncePod, so only one gateway can have it: write replicas: 1, or name a claim that is ReadWriteMany"
    )]
    ClaimForOnePod {
        /// The name of the claim.
        claim: String,
    },
    /// An object that is needed has the name of somebody else's.
    #[error(
        "the {kind} {name} belongs to somebody else and is left alone: delete it, or create the endpoint under another name"
    )]
    NameTaken {
        /// The kind of the object.
        kind: &'static str,
        /// The name of the object.
        name: String,
    },
    /// The API server does not accept an object that is needed.
    #[error("{0}: mend what it says")]
    NotApplied(Refusal),
    /// There is no room for some users.
    #[error(
        "{count} users find no room in the configuration of this endpoint and cannot log in: spread the users over several endpoints"
    )]
    UsersLeftOut {
        /// How many.
        count: usize,
    },
    /// There is no room for this user.
    #[error(
        "the endpoint {endpoint} has no room for this user: spread the users over several endpoints"
    )]
    NoRoom {
        /// The name of the endpoint.
        endpoint: String,
    },
    /// The host key Secret has no private key.
    #[error(
        "the Secret {secret} contains no host key: add one, for example ssh_host_ed25519_key made by `ssh-keygen -t ed25519 -N '' -f ssh_host_ed25519_key`"
    )]
    NoHostKey {
        /// The name of the Secret.
        secret: String,
    },
}

impl Mistake {
    /// The reason of a condition: `CamelCase`, stable.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::SecretMissing { .. } => "SecretMissing",
            Self::SecretKeyMissing { .. } => "SecretKeyMissing",
            Self::Password { .. } => "PasswordInvalid",
            Self::PasswordNotHashed { .. } => "PasswordNotHashed",
            Self::InlineKey(_) | Self::SecretLine { .. } => "KeyInvalid",
            Self::NoWayIn => "NoWayIn",
            Self::MethodNotOffered { .. } => "MethodNotOffered",
            Self::Duplicate { .. } => "Duplicate",
            Self::Username(_) => "UsernameInvalid",
            Self::Root(_) => "RootInvalid",
            Self::Network(_) => "NetworkInvalid",
            Self::AddressHidden { .. } => "AddressHidden",
            Self::PortTaken { .. } => "PortTaken",
            Self::PortsPending => "AddressPending",
            Self::TlsMissing | Self::CertificateSource => "TlsInvalid",
            Self::CertificatePending | Self::CertificateNotIssued { .. } => "CertificatePending",
            Self::CertManagerMissing => "CertManagerMissing",
            Self::Certificate { .. } | Self::CertificateName { .. } => "CertificateInvalid",
            Self::PassivePortsMissing
            | Self::PassivePortsTooFew
            | Self::PassivePortTaken { .. }
            | Self::PassiveAddress(_) => "PassivePortsInvalid",
            Self::HostKey { .. } | Self::NoHostKey { .. } => "HostKeyInvalid",
            Self::HostKeysMissing { .. } => "HostKeysMissing",
            Self::HostKeyKinds { .. } => "HostKeyKindsMissing",
            Self::ClaimMissing { .. } => "ClaimMissing",
            Self::ClaimForOnePod { .. } => "ClaimForOnePod",
            Self::NameTaken { .. } => "NameTaken",
            Self::NotApplied(_) => "NotApplied",
            Self::UsersLeftOut { .. } | Self::NoRoom { .. } => "TooManyUsers",
        }
    }
}

impl Problem {
    pub(crate) fn of_user(user: &SecureFtpUser, field: &str, mistake: Mistake) -> Self {
        Self {
            object: Object::new(Kind::User, &user.metadata),
            field: field.to_owned(),
            mistake,
        }
    }

    pub(crate) fn of_endpoint(endpoint: &SecureFtpEndpoint, field: &str, mistake: Mistake) -> Self {
        Self {
            object: Object::new(Kind::Endpoint, &endpoint.metadata),
            field: field.to_owned(),
            mistake,
        }
    }
}

impl Object {
    fn new(kind: Kind, metadata: &ObjectMeta) -> Self {
        Self {
            kind,
            namespace: namespace_of(metadata).to_owned(),
            name: name_of(metadata).to_owned(),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Endpoint => "SecureFtpEndpoint",
            Kind::User => "SecureFtpUser",
        };
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}

fn listed(keys: &[String]) -> String {
    if keys.is_empty() {
        return "is empty".to_owned();
    }
    format!("has {}", keys.join(", "))
}

pub(crate) fn namespace_of(metadata: &ObjectMeta) -> &str {
    metadata.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
}

pub(crate) fn name_of(metadata: &ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or_default()
}
