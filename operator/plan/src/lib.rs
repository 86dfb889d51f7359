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
mod compile;
mod data_connections;
mod host_keys;
mod listeners;
mod offer;
mod password;
mod problem;
mod secrets;
mod selection;
mod translate;
mod user;

pub use authentication::{absent_optional_secrets, plaintext_passwords};
pub use authorized_keys::{KeyMistake, parse_authorized_key};
pub use certificate::{Certificate, CertificateMistake};
pub use compile::{Compiled, PasswordHashes, Placement, Sources, compile};
pub use data_connections::{PassivePlacement, Share};
pub use password::{PasswordMistake, PasswordValue, Plaintext, password_value};
pub use problem::{Kind, Mistake, Object, Problem};
pub use secrets::{SecretKey, Secrets};
pub use selection::selects;

/// The namespace of an object whose manifest names none.
pub const DEFAULT_NAMESPACE: &str = "default";
