//! What this process remembers of an endpoint from one turn to the next. Losing it costs a few requests, nothing else.
//!
//! Watches run behind what the operator itself writes. Until they have caught up, a turn sees what was written, so that
//! it neither writes it again nor hashes a password a second time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use plan::{Refusal, SecretKey, SecretVersion};
use serde_json::Value;
use tokio::time::{Duration, Instant};

use crate::gateways::Gateways;

/// After so long a watch has caught up, or what was written has gone again without a trace.
const CAUGHT_UP: Duration = Duration::from_secs(30);

/// An object of the endpoint's namespace: its kind and its name.
pub(crate) type Key = (&'static str, String);

/// What is remembered of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    written: BTreeMap<Key, Written>,
    /// What the API server makes of objects that it keeps in another form than they were applied in.
    settled: HashMap<Key, Settled>,
    /// Objects that have the name of one that is wanted and belong to somebody else, as the last turn found them.
    pub(crate) taken: BTreeSet<Key>,
    /// What the API server did not accept in the last turn.
    pub(crate) refused: Vec<Refusal>,
    /// Entries of Secrets that people made, as they were last read; never passwords.
    kept: HashMap<String, Secret>,
    /// Hashes that no shard has yet.
    pub(crate) hashes: BTreeMap<SecretKey, (SecretVersion, String)>,
    /// What is known of the gateways.
    pub(crate) gateways: Gateways,
    /// The mistakes that somebody was told of; none before the first turn.
    pub(crate) told: Option<BTreeSet<String>>,
}

/// Whether a turn has to look at what was written, or at what the watch shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead<'a> {
    /// Nothing was written that the watch does not show.
    No,
    /// The watch will show this.
    Written(&'a Value),
    /// The watch will show that it has gone.
    Deleted,
}

#[derive(Debug)]
struct Written {
    /// The version that the watch showed when it was written.
    before: Option<String>,
    /// What was written; none if it was deleted.
    after: Option<Value>,
    until: Instant,
}

/// An object as it looks when it is as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The digest of what was applied.
    pub wanted: String,
    /// The digest of what became of it.
    pub became: String,
}

impl Memory {
    /// Remembers a write, until the watch shows another version than `before`.
    pub(crate) fn wrote(&mut self, key: Key, before: Option<String>, after: Option<Value>) {
        let until = Instant::now() + CAUGHT_UP;
        let written = Written {
            before,
            after,
            until,
        };
        self.written.insert(key, written);
    }

    /// Forgets the writes that a watch shows by now. `version` tells what it shows.
    pub(crate) fn catch_up(&mut self, version: impl Fn(&Key) -> Option<String>) {
        let now = Instant::now();
        self.written
            .retain(|key, written| written.until > now && version(key) == written.before);
    }

    /// Whether a watch still has something to show.
    pub(crate) fn is_ahead(&self) -> bool {
        !self.written.is_empty()
    }

    /// What was done to an object and does not show yet.
    pub(crate) fn ahead(&self, key: &Key) -> Ahead<'_> {
        match self.written.get(key).map(|written| &written.after) {
            None => Ahead::No,
            Some(Some(after)) => Ahead::Written(after),
            Some(None) => Ahead::Deleted,
        }
    }

    /// The objects of this kind that were written and do not show yet, by name.
    pub(crate) fn ahead_of(&self, kind: &str) -> impl Iterator<Item = (&str, Option<&Value>)> {
        let of_kind = self
            .written
            .iter()
            .filter(move |((one, _), _)| *one == kind);
        of_kind.map(|((_, name), written)| (name.as_str(), written.after.as_ref()))
    }

    /// Remembers how an object looks that is as wanted.
    pub(crate) fn settle(&mut self, key: Key, settled: Settled) {
        self.settled.insert(key, settled);
    }

    /// Whether an object that looks so was as wanted when it last did.
    pub(crate) fn is_settled(&self, key: &Key, settled: &Settled) -> bool {
        self.settled.get(key) == Some(settled)
    }

    /// What was kept of a Secret, if it is still in the same version.
    pub(crate) fn kept(&self, metadata: &ObjectMeta) -> Option<&Secret> {
        let kept = self.kept.get(metadata.name.as_deref()?)?;
        let is_same = kept.metadata.uid == metadata.uid
            && kept.metadata.resource_version == metadata.resource_version;
        is_same.then_some(kept)
    }

    /// Keeps what was read of a Secret.
    pub(crate) fn keep(&mut self, secret: Secret) {
        let name = secret.metadata.name.clone().unwrap_or_default();
        self.kept.insert(name, secret);
    }

    /// Forgets the Secrets that nobody names any more.
    pub(crate) fn keep_only(&mut self, is_named: impl Fn(&str) -> bool) {
        self.kept.retain(|name, _| is_named(name));
        self.hashes.retain(|entry, _| is_named(&entry.secret));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> Key {
        ("Service", "partners".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_is_seen_until_the_watch_shows_another_version() {
        let mut memory = Memory::default();
        memory.wrote(key(), Some("1".to_owned()), Some(json!({"new": true})));

        memory.catch_up(|_| Some("1".to_owned()));
        assert_eq!(memory.ahead(&key()), Ahead::Written(&json!({"new": true})));

        memory.catch_up(|_| Some("2".to_owned()));
        assert_eq!(memory.ahead(&key()), Ahead::No);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_shows_is_forgotten_in_time() {
        let mut memory = Memory::default();
        memory.wrote(key(), None, Some(json!({})));

        tokio::time::advance(CAUGHT_UP).await;
        memory.catch_up(|_| None);

        assert!(!memory.is_ahead());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_deleted_is_seen_as_gone() {
        let mut memory = Memory::default();

        memory.wrote(key(), Some("1".to_owned()), None);

        assert_eq!(memory.ahead(&key()), Ahead::Deleted);
        assert_eq!(
            memory.ahead_of("Service").collect::<Vec<_>>(),
            [("partners", None)]
        );
        assert_eq!(memory.ahead_of("Secret").count(), 0);
    }

    #[test]
    fn a_secret_that_changed_is_read_again() {
        let version = |uid: &str, version: &str| ObjectMeta {
            name: Some("keys".to_owned()),
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        let mut memory = Memory::default();
        memory.keep(Secret {
            metadata: version("a", "1"),
            ..Secret::default()
        });

        assert!(memory.kept(&version("a", "1")).is_some());
        assert!(memory.kept(&version("a", "2")).is_none());
        assert!(memory.kept(&version("b", "1")).is_none());
        memory.keep_only(|name| name != "keys");
        assert!(memory.kept(&version("a", "1")).is_none());
    }
}
