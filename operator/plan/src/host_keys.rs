//! The host keys of an endpoint: in a Secret that it names, or in one that the operator makes once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::Path,
};

use crds::{SecureFtpEndpoint, SshPolicy};

use crate::{
    Mistake, NewHostKeys, Observed, Problem, Secrets, Sources,
    desired::HostKeySource,
    foreign::Foreign,
    names::{self, NEW_HOST_KEYS_ANNOTATION},
    problem::{name_of, namespace_of},
    references::host_keys_secret,
    running::mounted,
};

const FIELD: &str = "spec.ssh.hostKeys";
const REFERENCE_FIELD: &str = "spec.ssh.hostKeys.secretRef";
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
            problems.push(Problem::of_endpoint(endpoint, REFERENCE_FIELD, mistake));
            return BTreeMap::new();
        }
    };
    let (keys, mistakes) = usable(name, entries);
    problems.extend(
        mistakes
            .into_iter()
            .map(|mistake| Problem::of_endpoint(endpoint, REFERENCE_FIELD, mistake)),
    );
    keys
}

/// The host keys of an endpoint in a cluster.
#[derive(Default)]
pub(crate) struct HostKeys {
    /// Those that exist, by file name.
    pub(crate) keys: BTreeMap<String, Vec<u8>>,
    /// Those that have to be made.
    pub(crate) new: Option<NewHostKeys>,
    /// From where the gateways get them; none without SFTP.
    pub(crate) source: Option<HostKeySource>,
}

impl HostKeys {
    pub(crate) fn of(
        sources: Sources<'_>,
        observed: &Observed,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let endpoint = sources.endpoint;
        let Some(secret) = host_keys_secret(endpoint) else {
            return Self::default();
        };
        let (keys, new) = match &endpoint.spec.ssh.host_keys {
            Some(_named) => (host_keys(endpoint, sources.secrets, problems), None),
            None => own_host_keys(sources, observed, problems),
        };
        let entries = if keys.is_empty() {
            // A Secret that is away for a moment replaces no pod.
            mounted_entries(&secret, observed)
        } else {
            keys.keys().cloned().collect()
        };
        Self {
            source: Some(HostKeySource { secret, entries }),
            keys,
            new,
        }
    }

    /// Whether SFTP can be served: keys that are made in this turn are there before the gateways are told of them.
    pub(crate) fn suffice(&self) -> bool {
        !self.keys.is_empty() || self.new.is_some()
    }
}

/// The entries of this Secret that the gateways have got.
fn mounted_entries(secret: &str, observed: &Observed) -> BTreeSet<String> {
    let sets = observed.stateful_sets.iter();
    let pods = sets.filter_map(|set| set.spec.template.spec.as_ref());
    let secrets = pods.flat_map(mounted).filter(|one| one.name == secret);
    let items = secrets.flat_map(|secret| secret.items.iter().flatten());
    items.map(|item| item.key.clone()).collect()
}

/// The keys that the operator has made, or that it has to make.
fn own_host_keys(
    sources: Sources<'_>,
    observed: &Observed,
    problems: &mut Vec<Problem>,
) -> (Entries, Option<NewHostKeys>) {
    let endpoint = sources.endpoint;
    let name = names::host_keys(name_of(&endpoint.metadata));
    if let Some(entries) = own_entries(sources, observed, &name) {
        let (keys, mistakes) = usable(&name, &entries);
        problems.extend(
            mistakes
                .into_iter()
                .map(|mistake| Problem::of_endpoint(endpoint, FIELD, mistake)),
        );
        let missing = NewHostKeys::of(endpoint).entries.into_iter();
        let missing: Vec<_> = missing.filter(|one| !entries.contains_key(*one)).collect();
        if endpoint.spec.ssh.policy == SshPolicy::Intermediate && !missing.is_empty() {
            let mistake = Mistake::HostKeyKinds {
                secret: name,
                missing,
            };
            problems.push(Problem::of_endpoint(endpoint, "spec.ssh.policy", mistake));
        }
        return (keys, None);
    }
    let new = NewHostKeys::of(endpoint);
    let foreign = Foreign::of(endpoint, observed);
    if !foreign.leaves("Secret", &new.metadata, problems) {
        return (BTreeMap::new(), None);
    }
    match lost(endpoint) {
        None => (BTreeMap::new(), Some(new)),
        Some(fingerprint) => {
            let mistake = Mistake::HostKeysMissing {
                secret: name,
                fingerprint,
            };
            problems.push(Problem::of_endpoint(endpoint, FIELD, mistake));
            (BTreeMap::new(), None)
        }
    }
}

/// The entries of the Secret as it was made, or as it was restored without its labels.
fn own_entries(sources: Sources<'_>, observed: &Observed, name: &str) -> Option<Entries> {
    let mut secrets = observed.secrets.iter();
    if let Some(secret) = secrets.find(|secret| name_of(&secret.metadata) == name) {
        let data = secret.data.iter().flatten();
        let entries = data.map(|(key, value)| (key.clone(), value.0.clone()));
        return Some(entries.collect());
    }
    let namespace = namespace_of(&sources.endpoint.metadata);
    sources.secrets.secret(namespace, name).ok().cloned()
}

/// The fingerprint by which clients know the keys that are gone; none if there were none, or if new ones are wished for.
fn lost(endpoint: &SecureFtpEndpoint) -> Option<String> {
    let known = &endpoint.status.as_ref()?.host_key_fingerprints;
    let annotations = endpoint.metadata.annotations.as_ref();
    let renewed = annotations.and_then(|all| all.get(NEW_HOST_KEYS_ANNOTATION));
    match renewed {
        Some(old) if known.contains(old) => None,
        Some(_) | None => known.first().cloned(),
    }
}

type Entries = BTreeMap<String, Vec<u8>>;

/// The private keys among the entries of a Secret, and what is wrong with the others.
fn usable(secret: &str, entries: &Entries) -> (Entries, Vec<Mistake>) {
    let (keys, others): (Entries, Entries) = entries
        .iter()
        .filter(|(key, _)| Path::new(key).extension() != Some(OsStr::new("pub")))
        .map(|(key, value)| (key.clone(), value.clone()))
        .partition(|(_, value)| is_usable(value));
    let none = keys.is_empty() && others.is_empty();
    let mistakes = others.into_keys().map(|key| Mistake::HostKey {
        secret: secret.to_owned(),
        key,
    });
    let nothing = none.then(|| Mistake::NoHostKey {
        secret: secret.to_owned(),
    });
    let mistakes = mistakes.chain(nothing).collect();
    (keys, mistakes)
}

/// Whether the gateway can read this key, as far as that shows without parsing it.
fn is_usable(value: &[u8]) -> bool {
    value
        .trim_ascii_start()
        .strip_prefix(OPENSSH_HEADER)
        .is_some_and(|key| key.trim_ascii_start().starts_with(NO_PASSPHRASE))
}
