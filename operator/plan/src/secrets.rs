//! The data of the Secrets that users and endpoints name.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::api::core::v1::Secret;

use crate::problem::{Mistake, namespace_of};

/// One entry of one Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    /// The namespace of the Secret.
    pub namespace: String,
    /// The name of the Secret.
    pub secret: String,
    /// The key in the Secret.
    pub key: String,
}

/// Secrets by namespace and name. Debug shows no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>);

impl Secrets {
    /// Adds a Secret as a cluster would keep it: `stringData` wins over `data`.
    pub fn add(&mut self, secret: Secret) {
        let namespace = namespace_of(&secret.metadata).to_owned();
        let name = secret.metadata.name.unwrap_or_default();
        let data = secret.data.unwrap_or_default();
        let text = secret.string_data.unwrap_or_default();
        let entries = self.0.entry((namespace, name)).or_default();
        entries.extend(data.into_iter().map(|(key, value)| (key, value.0)));
        entries.extend(
            text.into_iter()
                .map(|(key, value)| (key, value.into_bytes())),
        );
    }

    /// Sets one entry, as if its Secret contained it.
    pub fn set(&mut self, entry: SecretKey, value: Vec<u8>) {
        let SecretKey {
            namespace,
            secret,
            key,
        } = entry;
        self.0
            .entry((namespace, secret))
            .or_default()
            .insert(key, value);
    }

    /// All entries of a Secret.
    pub(crate) fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<&BTreeMap<String, Vec<u8>>, Mistake> {
        self.0
            .get(&(namespace.to_owned(), name.to_owned()))
            .ok_or_else(|| Mistake::SecretMissing {
                secret: name.to_owned(),
            })
    }

    /// One entry of a Secret.
    pub(crate) fn value(&self, entry: &SecretKey) -> Result<&[u8], Mistake> {
        let entries = self.secret(&entry.namespace, &entry.secret)?;
        entries
            .get(&entry.key)
            .map(Vec::as_slice)
            .ok_or_else(|| Mistake::SecretKeyMissing {
                secret: entry.secret.clone(),
                key: entry.key.clone(),
                present: entries.keys().cloned().collect(),
            })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromIterator<Secret> for Secrets {
    fn from_iter<I: IntoIterator<Item = Secret>>(secrets: I) -> Self {
        let mut all = Self::default();
        secrets.into_iter().for_each(|secret| all.add(secret));
        all
    }
}
