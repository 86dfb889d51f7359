//! What has to be read of each Secret that an endpoint and its users name. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use plan::referenced_secrets;

/// What is needed of one Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// Entries that hold passwords. They are read only while their hash is not known, and never kept.
    pub(crate) passwords: BTreeSet<String>,
    /// What is read once for each version of the Secret, and kept.
    pub(crate) kept: Kept,
}

/// What is kept of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// These entries; none is none.
    Entries(BTreeSet<String>),
    /// All: a certificate or host keys.
    Whole,
}

impl Default for Kept {
    fn default() -> Self {
        Self::Entries(BTreeSet::new())
    }
}

impl Need {
    /// Whether this entry is kept. A password never is, whoever else names it.
    pub(crate) fn keeps(&self, entry: &str) -> bool {
        let is_wanted = match &self.kept {
            Kept::Entries(entries) => entries.contains(entry),
            Kept::Whole => true,
        };
        is_wanted && !self.passwords.contains(entry)
    }

    /// Whether nothing but passwords is wanted.
    pub(crate) fn is_passwords_only(&self) -> bool {
        self.kept == Kept::default()
    }
}

/// What is needed of each Secret, by its name.
pub(crate) fn needs(
    endpoint: &SecureFtpEndpoint,
    users: &[SecureFtpUser],
) -> BTreeMap<String, Need> {
    let referenced = referenced_secrets(endpoint, users);
    let mut needs: BTreeMap<String, Need> = BTreeMap::new();
    for entry in referenced.authorized_keys {
        let need = needs.entry(entry.secret).or_default();
        if let Kept::Entries(entries) = &mut need.kept {
            entries.insert(entry.key);
        }
    }
    for secret in referenced.whole {
        needs.entry(secret).or_default().kept = Kept::Whole;
    }
    for entry in referenced.passwords {
        let need = needs.entry(entry.secret).or_default();
        need.passwords.insert(entry.key);
    }
    needs
}

/// Whether the endpoint itself names this Secret.
pub(crate) fn endpoint_names(endpoint: &SecureFtpEndpoint, secret: &str) -> bool {
    referenced_secrets(endpoint, &[]).whole.contains(secret)
}

/// Whether this user names this Secret.
pub(crate) fn user_names(user: &SecureFtpUser, secret: &str) -> bool {
    let authentication = &user.spec.authentication;
    let password = authentication.password_secret_ref.as_ref();
    let keys = authentication.authorized_keys.as_ref();
    let keys = keys.and_then(|keys| keys.secret_ref.as_ref());
    password.is_some_and(|password| password.name == secret)
        || keys.is_some_and(|keys| keys.name == secret)
}
