//! The data of the Secrets that users and endpoints name.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::api::core::v1::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

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

/// One state of a Secret in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersion {
    /// Which object it is: another one of the same name has another.
    pub uid: String,
    /// Which of its states it is.
    pub resource_version: String,
}

/// Secrets by namespace and name. Debug shows no value, and values are erased when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<(String, String), Content>);

#[derive(Clone, Default, PartialEq, Eq)]
struct Content {
    version: Option<SecretVersion>,
    entries: BTreeMap<String, Vec<u8>>,
}

impl Drop for Content {
    fn drop(&mut self) {
        self.entries.values_mut().for_each(Zeroize::zeroize);
    }
}

impl Secrets {
    /// Adds a Secret as a cluster would keep it: `stringData` wins over `data`.
    pub fn add(&mut self, secret: Secret) {
        let namespace = namespace_of(&secret.metadata).to_owned();
        let Secret {
            metadata,
            data,
            string_data,
            ..
        } = secret;
        let name = metadata.name.unwrap_or_default();
        let data = data.unwrap_or_default();
        let text = string_data.unwrap_or_default();
        let version = metadata.uid.zip(metadata.resource_version);
        let content = self.0.entry((namespace, name)).or_default();
        content.version = version.map(|(uid, resource_version)| SecretVersion {
            uid,
            resource_version,
        });
        let entries = &mut content.entries;
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
            .entries
            .insert(key, value);
    }

    /// The state in which a Secret was read; none if it was not read from a cluster.
    pub(crate) fn version(&self, namespace: &str, name: &str) -> Option<&SecretVersion> {
        let content = self.0.get(&(namespace.to_owned(), name.to_owned()))?;
        content.version.as_ref()
    }

    /// All entries of a Secret.
    pub(crate) fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<&BTreeMap<String, Vec<u8>>, Mistake> {
        self.0
            .get(&(namespace.to_owned(), name.to_owned()))
            .map(|content| &content.entries)
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
