//! Which Secrets an endpoint and its users name.

use std::collections::BTreeSet;

use crds::{Listener, SecureFtpEndpoint, SecureFtpUser};

use crate::{
    SecretKey,
    authentication::{keys_of, password_of},
    data_connections::is_ftps,
    names,
    problem::name_of,
    selects,
};

/// The Secrets of the endpoint's namespace that its plan depends on, besides the operator's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferencedSecrets {
    /// The names of those that are read whole: certificates, also those that an issuer makes, and host keys, also those that the operator makes.
    pub whole: BTreeSet<String>,
    /// Entries with passwords. One whose hash is known, and whose Secret has not changed since, need not be read.
    pub passwords: BTreeSet<SecretKey>,
    /// Entries with public keys.
    pub authorized_keys: BTreeSet<SecretKey>,
}

impl ReferencedSecrets {
    /// The names of all of them.
    pub fn names(&self) -> BTreeSet<&str> {
        let entries = self.passwords.iter().chain(&self.authorized_keys);
        self.whole
            .iter()
            .chain(entries.map(|entry| &entry.secret))
            .map(String::as_str)
            .collect()
    }
}

/// The Secrets that the endpoint and the enabled users that it selects name.
pub fn referenced_secrets(
    endpoint: &SecureFtpEndpoint,
    users: &[SecureFtpUser],
) -> ReferencedSecrets {
    let served = || {
        let users = users.iter();
        users.filter(|user| selects(endpoint, user) && !user.spec.disabled)
    };
    let listeners = endpoint.spec.listeners.iter();
    let certificates = listeners
        .filter(|listener| is_ftps(listener.protocol))
        .filter_map(|listener| certificate_secret(endpoint, listener));
    ReferencedSecrets {
        whole: certificates.chain(host_keys_secret(endpoint)).collect(),
        passwords: served().filter_map(password_of).collect(),
        authorized_keys: served().filter_map(keys_of).collect(),
    }
}

/// The Secret with the host keys; none without SFTP. Also the operator's own is read by its name: restored from a backup
/// it may have lost the label by which it is found.
pub(crate) fn host_keys_secret(endpoint: &SecureFtpEndpoint) -> Option<String> {
    let spec = &endpoint.spec;
    let mut listeners = spec.listeners.iter();
    let speaks_sftp = listeners.any(|listener| !is_ftps(listener.protocol));
    let named = spec.ssh.host_keys.as_ref();
    let secret = named.map_or_else(
        || names::host_keys(name_of(&endpoint.metadata)),
        |keys| keys.secret_ref.name.clone(),
    );
    speaks_sftp.then_some(secret)
}

/// The Secret with the certificate of a listener: the one that it names, or the one that cert-manager fills for it.
pub(crate) fn certificate_secret(
    endpoint: &SecureFtpEndpoint,
    listener: &Listener,
) -> Option<String> {
    let tls = listener.tls.as_ref()?;
    match (&tls.secret_ref, &tls.issuer_ref) {
        (Some(secret), _) => Some(secret.name.clone()),
        (None, Some(_issuer)) => {
            let endpoint = name_of(&endpoint.metadata);
            Some(names::certificate_secret(endpoint, &listener.name))
        }
        (None, None) => None,
    }
}
