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
    /// The names of those that are read whole: certificates, also those that an issuer makes, and host keys.
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
    let host_keys = endpoint.spec.ssh.host_keys.iter();
    ReferencedSecrets {
        whole: certificates
            .chain(host_keys.map(|keys| keys.secret_ref.name.clone()))
            .collect(),
        passwords: served().filter_map(password_of).collect(),
        authorized_keys: served().filter_map(keys_of).collect(),
    }
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
