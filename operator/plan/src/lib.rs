//! From manifests to the gateway's configuration, as pure code: same input, same result; no client, clock or disk.
//!
//! ```text
//! absent_optional_secrets(sources)           → keys that somebody may make before
//! plaintext_passwords(sources)               → passwords that somebody has to hash before
//! compile(sources, password hashes, placement) → configuration, host keys, certificates, problems
//! ```
//!
//! What is random (keys, certificates, salts) is made elsewhere and comes in as data. A broken user or a missing Secret is a
//! [`Problem`], and everything else of the endpoint still compiles.

mod authentication;
mod authorized_keys;
mod certificate;
pub mod changes;
mod claim;
mod compile;
mod configured;
mod data_connections;
mod desired;
mod exposure;
mod foreign;
mod host_keys;
mod issuers;
mod listeners;
pub mod names;
mod observed;
mod obsolete;
mod offer;
mod password;
mod plan;
mod problem;
mod references;
mod roll;
mod running;
mod secrets;
mod selection;
mod served;
mod settings;
mod status;
mod translate;
mod user;
mod version;

pub use authentication::{absent_optional_secrets, plaintext_passwords};
pub use authorized_keys::{KeyMistake, parse_authorized_key};
pub use certificate::{Certificate, CertificateMistake};
pub use compile::{Compiled, PasswordHashes, Placement, Sources, compile};
pub use data_connections::{PassivePlacement, Share, Told};
pub use desired::{
    ADMIN_PORT, CertificateRequest, CertificateSpec, Desired, KnownHash, NewHostKeys, known_hashes,
};
pub use observed::{CertManager, Observed, Refusal};
pub use obsolete::Obsolete;
pub use password::{PasswordMistake, PasswordValue, Plaintext, password_value};
pub use plan::{Plan, Situation, plan};
pub use problem::{Kind, Mistake, Object, Problem};
pub use references::{ReferencedSecrets, referenced_secrets};
pub use secrets::{SecretKey, SecretVersion, Secrets};
pub use selection::selects;
pub use served::Heard;
pub use settings::Settings;
pub use status::{merged_user_status, unreadable_conditions};

/// The namespace of an object whose manifest names none.
pub const DEFAULT_NAMESPACE: &str = "default";
