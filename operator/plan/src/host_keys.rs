//! The host keys that an endpoint names in a Secret.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use crds::SecureFtpEndpoint;

use crate::{Mistake, Problem, Secrets, problem::namespace_of};

const FIELD: &str = "spec.ssh.hostKeys.secretRef";
const OPENSSH_HEADER: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
/// The base64 of `openssh-key-v1` and the cipher `none`, with which a key without passphrase begins (OpenSSH's
/// PROTOCOL.key).
const NO_PASSPHRASE: &[u8] = b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";

/// The private keys of the endpoint's Secret by their name there; empty if it names none.
pub(crate) fn host_keys(
    endpoint: &SecureFtpEndpoint,
    secrets: &Secrets,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Vec<u8>> {
    let Some(keys) = &endpoint.spec.ssh.host_keys else {
        return BTreeMap::new();
    };
    let name = &keys.secret_ref.name;
    let entries = match secrets.secret(namespace_of(&endpoint.metadata), name) {
        Ok(entries) => entries,
        Err(mistake) => {
            problems.push(Problem::of_endpoint(endpoint, FIELD, mistake));
            return BTreeMap::new();
        }
    };
    let (keys, others): (BTreeMap<_, _>, BTreeMap<_, _>) = entries
        .iter()
        .filter(|(key, _)| Path::new(key).extension() != Some(OsStr::new("pub")))
        .map(|(key, value)| (key.clone(), value.clone()))
        .partition(|(_, value)| is_usable(value));
    let none = keys.is_empty() && others.is_empty();
    let mistakes = others.into_keys().map(|key| Mistake::HostKey {
        secret: name.clone(),
        key,
    });
    let nothing = none.then(|| Mistake::NoHostKey {
        secret: name.clone(),
    });
    problems.extend(
        mistakes
            .chain(nothing)
            .map(|mistake| Problem::of_endpoint(endpoint, FIELD, mistake)),
    );
    keys
}

/// Whether the gateway can read this key, as far as that shows without parsing it.
fn is_usable(value: &[u8]) -> bool {
    value
        .trim_ascii_start()
        .strip_prefix(OPENSSH_HEADER)
        .is_some_and(|key| key.trim_ascii_start().starts_with(NO_PASSPHRASE))
}
