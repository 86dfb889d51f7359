//! Step 1: everything outside the endpoint that the plan depends on. The only step that reads for it.
//!
//! Nearly all of it comes from what the watches keep. The data of people's Secrets does not: it is read by name, and
//! only when it is new.

use std::{collections::BTreeMap, net::Ipv4Addr};

use crds::SecureFtpUser;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::{
    ByteString,
    api::core::v1::{Pod, Secret, Service},
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta},
};
use kube::{
    Resource, ResourceExt as _,
    core::error_boundary::InvalidObject,
    runtime::reflector::{Lookup, ObjectRef, Store},
};
use plan::{
    CertManager, KnownHash, Observed, PasswordHashes, SecretKey, SecretVersion, Secrets,
    known_hashes, names, selects,
};
use serde::de::DeserializeOwned;

use crate::{
    certificates,
    memory::{Key, Memory},
    references::{Need, needs},
    request::{RequestError, request},
    stores::labelled,
    turn::Turn,
    wake::labels_match,
};

/// Secrets that are read at the same time.
const READS_AT_ONCE: usize = 8;

/// What the cluster said, at one moment.
pub(crate) struct Seen {
    /// The users that the endpoint selects.
    pub(crate) users: Vec<SecureFtpUser>,
    /// Those that it would select, if this version could read them.
    pub(crate) unreadable_users: Vec<InvalidObject>,
    /// The Secrets that the endpoint and its users name.
    pub(crate) secrets: Secrets,
    /// In which version they were read.
    pub(crate) versions: BTreeMap<String, SecretVersion>,
    /// The hashes that earlier turns made.
    pub(crate) hashes: PasswordHashes,
    /// All the rest.
    pub(crate) observed: Observed,
}

/// Reads what the plan of this endpoint depends on.
pub(crate) async fn observe(turn: &Turn<'_>, memory: &mut Memory) -> Result<Seen, RequestError> {
    let stores = turn.stores;
    let (users, unreadable_users) = users(turn);
    let mut foreign = still_taken(turn, memory).await?;
    let mut owned = Owned {
        turn,
        foreign: &mut foreign,
    };
    let stateful_sets = owned.of("StatefulSet", &stores.stateful_sets, memory);
    let services = owned.of("Service", &stores.services, memory);
    owned.of("NetworkPolicy", &stores.network_policies, memory);
    owned.of("PodDisruptionBudget", &stores.disruption_budgets, memory);
    let own_secrets = owned.of("Secret", &stores.secrets, memory);
    foreign.sort();
    foreign.dedup();
    let service = services
        .into_iter()
        .find(|one| one.name_any() == names::service(turn.name()));
    let mut found = Found::default();
    let needs = needs(turn.endpoint, &users);
    read_secrets(turn, (&needs, &own_secrets), memory, &mut found).await?;
    let claim = &turn
        .endpoint
        .spec
        .storage
        .persistent_volume_claim
        .claim_name;
    let claim = stores
        .claims
        .get(&ObjectRef::new(claim).within(turn.namespace()));
    let observed = Observed {
        unreadable_users: unreadable_users.len(),
        secrets: own_secrets,
        stateful_sets,
        gateways: memory.gateways.heard(),
        pods: pods(turn),
        resolved_address: service.as_ref().and_then(|service| resolved(turn, service)),
        service,
        claim: claim.map(|claim| claim.as_ref().clone()),
        cert_manager: stores.cert_manager.borrow().unwrap_or(CertManager::Missing),
        certificates: issued(turn),
        foreign,
        refused: memory.refused.clone(),
    };
    Ok(Seen {
        users,
        unreadable_users,
        secrets: found.secrets,
        versions: found.versions,
        hashes: found.hashes,
        observed,
    })
}

/// The pods of the gateways. One that only carries the label of the endpoint is somebody else's.
pub(crate) fn pods(turn: &Turn<'_>) -> Vec<Pod> {
    let mut pods = labelled(&turn.stores.pods, turn.namespace(), turn.name());
    pods.retain(|pod| {
        let mut owners = pod.owner_references().iter();
        let controller = owners.find(|owner| owner.controller == Some(true));
        controller.is_some_and(|controller| {
            let name = &controller.name;
            // A `StatefulSet` goes at once, its pod when it has drained.
            let set = ObjectRef::new(name).within(turn.namespace());
            let set = turn.stores.stateful_sets.get(&set);
            controller.kind == "StatefulSet"
                && names::slot_of(turn.name(), name).is_some()
                && set.is_none_or(|set| turn.owns(set.meta()))
        })
    });
    pods
}

fn users(turn: &Turn<'_>) -> (Vec<SecureFtpUser>, Vec<InvalidObject>) {
    let users = turn
        .stores
        .readable_users(|user| selects(turn.endpoint, user));
    let all = turn.stores.users.state();
    let unreadable = all.iter().filter_map(|one| one.0.as_ref().err());
    let unreadable = unreadable.filter(|one| labels_match(turn.endpoint, &one.metadata));
    (users, unreadable.cloned().collect())
}

/// The objects that were found to be somebody else's and still are, as `Kind name`.
async fn still_taken(turn: &Turn<'_>, memory: &mut Memory) -> Result<Vec<String>, RequestError> {
    let mut still = Vec::new();
    for key in std::mem::take(&mut memory.taken) {
        if turn.found_as_others(&key).await? {
            still.push(format!("{} {}", key.0, key.1));
            memory.taken.insert(key);
        }
    }
    Ok(still)
}

struct Owned<'a> {
    turn: &'a Turn<'a>,
    foreign: &'a mut Vec<String>,
}

impl Owned<'_> {
    /// The objects of a kind that belong to the endpoint. Those that only carry its label are somebody else's.
    fn of<K>(&mut self, kind: &str, store: &Store<K>, memory: &Memory) -> Vec<K>
    where
        K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + DeserializeOwned,
        K: 'static,
    {
        let objects = labelled(store, self.turn.namespace(), self.turn.name());
        let mut objects: BTreeMap<String, K> = objects
            .into_iter()
            .map(|one| (one.name_any(), one))
            .collect();
        for (name, after) in memory.ahead_of(kind) {
            let after = after.and_then(|form| serde_json::from_value(form.clone()).ok());
            match after {
                Some(object) => objects.insert(name.to_owned(), object),
                None => objects.remove(name),
            };
        }
        // Host keys outlive their endpoint, so nobody owns them.
        let host_keys = names::host_keys(self.turn.name());
        objects.retain(|name, object| {
            let is_own = self.turn.owns(object.meta()) || (kind == "Secret" && *name == host_keys);
            if !is_own {
                self.foreign.push(format!("{kind} {name}"));
            }
            is_own
        });
        objects.into_values().collect()
    }
}

#[derive(Default)]
struct Found {
    secrets: Secrets,
    versions: BTreeMap<String, SecretVersion>,
    hashes: PasswordHashes,
}

impl Found {
    fn add(&mut self, secret: Secret) {
        if let (Some(name), Some(version)) = (&secret.metadata.name, version(&secret.metadata)) {
            self.versions.insert(name.clone(), version);
        }
        self.secrets.add(secret);
    }
}

/// Reads those of the named Secrets of which something is not known.
async fn read_secrets(
    turn: &Turn<'_>,
    (needs, own): (&BTreeMap<String, Need>, &[Secret]),
    memory: &mut Memory,
    found: &mut Found,
) -> Result<(), RequestError> {
    memory.keep_only(|name| needs.contains_key(name));
    let known = known_hashes(own);
    let mut unread = Vec::new();
    for (name, need) in needs {
        let reference = ObjectRef::new(name).within(turn.namespace());
        let Some(current) = turn.stores.secret_versions.get(&reference) else {
            continue;
        };
        let hashes = hashes_of(turn.namespace(), &current.metadata, need, (&known, memory));
        let is_known = hashes.len() == need.passwords.len();
        found.hashes.extend(hashes);
        match memory.kept(&current.metadata) {
            _ if !is_known => unread.push(name.clone()),
            Some(kept) => found.add(kept.clone()),
            None if need.is_passwords_only() => found.add(Secret {
                metadata: current.metadata.clone(),
                ..Secret::default()
            }),
            None => unread.push(name.clone()),
        }
    }
    let secrets = turn.api::<Secret>();
    let reading = stream::iter(unread).map(|name| {
        let secrets = secrets.clone();
        async move {
            let asked = format!("to read the Secret {name}");
            let secret = request(asked, secrets.get_opt(&name)).await?;
            Ok::<_, RequestError>((name, secret))
        }
    });
    let mut reading = reading.buffer_unordered(READS_AT_ONCE);
    while let Some((name, secret)) = reading.try_next().await? {
        if let (Some(secret), Some(need)) = (secret, needs.get(&name)) {
            memory.keep(without_passwords(&secret, need));
            found.add(secret);
        }
    }
    Ok(())
}

/// The hashes of the passwords in a Secret that were made from this version of it.
fn hashes_of(
    namespace: &str,
    metadata: &ObjectMeta,
    need: &Need,
    (known, memory): (&BTreeMap<SecretKey, KnownHash>, &Memory),
) -> PasswordHashes {
    let Some(current) = version(metadata) else {
        return PasswordHashes::new();
    };
    let entries = need.passwords.iter().map(|key| SecretKey {
        namespace: namespace.to_owned(),
        secret: metadata.name.clone().unwrap_or_default(),
        key: key.clone(),
    });
    entries
        .filter_map(|entry| {
            let stored = known.get(&entry).map(|known| (&known.version, &known.hash));
            let fresh = memory
                .hashes
                .get(&entry)
                .map(|(version, hash)| (version, hash));
            let mut hashes = [stored, fresh].into_iter().flatten();
            let (_, hash) = hashes.find(|(version, _)| **version == current)?;
            Some((entry, hash.clone()))
        })
        .collect()
}

/// What may be kept of a Secret: the wanted entries. The others are there, for messages list them, but empty.
fn without_passwords(secret: &Secret, need: &Need) -> Secret {
    let data = secret.data.iter().flatten().map(|(key, value)| {
        let value = if need.keeps(key) {
            value.clone()
        } else {
            ByteString::default()
        };
        (key.clone(), value)
    });
    Secret {
        metadata: ObjectMeta {
            name: secret.metadata.name.clone(),
            namespace: secret.metadata.namespace.clone(),
            uid: secret.metadata.uid.clone(),
            resource_version: secret.metadata.resource_version.clone(),
            ..ObjectMeta::default()
        },
        data: Some(data.collect()),
        ..Secret::default()
    }
}

fn version(metadata: &ObjectMeta) -> Option<SecretVersion> {
    Some(SecretVersion {
        uid: metadata.uid.clone()?,
        resource_version: metadata.resource_version.clone()?,
    })
}

/// The address of the Service's load balancer, if it is a host name that resolves.
fn resolved(turn: &Turn<'_>, service: &Service) -> Option<Ipv4Addr> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    let ingress = balancer.ingress.as_ref()?.first()?;
    match (&ingress.ip, &ingress.hostname) {
        (None, Some(host)) => turn.tools.addresses.of(host, &turn.reference()),
        _ => None,
    }
}

/// What cert-manager says of the Certificates of the endpoint, by their name.
fn issued(turn: &Turn<'_>) -> BTreeMap<String, Vec<Condition>> {
    let label = names::ENDPOINT_LABEL;
    let all = turn.stores.certificates.state();
    all.iter()
        .filter(|one| one.metadata.namespace.as_deref() == Some(turn.namespace()))
        .filter(|one| one.labels().get(label).map(String::as_str) == Some(turn.name()))
        .map(|one| (one.name_any(), certificates::conditions(one)))
        .collect()
}

/// How an object is looked up without a watch.
impl Turn<'_> {
    /// Whether there is an object of this name that belongs to somebody else. Only the API server knows: watches follow
    /// the objects that carry the operator's label.
    pub(crate) async fn found_as_others(&self, key: &Key) -> Result<bool, RequestError> {
        let found = self.look_up(key).await?;
        Ok(found.is_some_and(|metadata| !self.owns(&metadata)))
    }

    /// Who an object is, asked at the API server.
    pub(crate) async fn look_up(&self, key: &Key) -> Result<Option<ObjectMeta>, RequestError> {
        let (kind, name) = key;
        let api = self.dynamic(kind);
        let asked = format!("to look for the {kind} {name}");
        let found = request(asked, api.get_metadata_opt(name)).await?;
        Ok(found.map(|found| found.metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::references::Kept;

    fn metadata() -> ObjectMeta {
        ObjectMeta {
            name: Some("alice".to_owned()),
            uid: Some("u".to_owned()),
            resource_version: Some("7".to_owned()),
            ..ObjectMeta::default()
        }
    }

    fn entry(key: &str) -> SecretKey {
        SecretKey {
            namespace: "b2b".to_owned(),
            secret: "alice".to_owned(),
            key: key.to_owned(),
        }
    }

    fn need(passwords: &[&str], kept: Kept) -> Need {
        Need {
            passwords: passwords.iter().map(|key| (*key).to_owned()).collect(),
            kept,
        }
    }

    #[test]
    fn a_hash_is_good_as_long_as_its_secret_is_the_same() {
        let need = need(&["password"], Kept::default());
        let hash = |uid: &str, version: &str| KnownHash {
            hash: "$argon2id$".to_owned(),
            version: SecretVersion {
                uid: uid.to_owned(),
                resource_version: version.to_owned(),
            },
        };
        let found = |known: KnownHash| {
            let known = [(entry("password"), known)].into();
            hashes_of("b2b", &metadata(), &need, (&known, &Memory::default())).len()
        };

        assert_eq!(found(hash("u", "7")), 1);
        assert_eq!(found(hash("u", "8")), 0, "it was changed");
        assert_eq!(found(hash("v", "7")), 0, "it was made anew");
    }

    #[test]
    fn a_hash_that_is_in_no_shard_yet_is_not_made_again() {
        let need = need(&["password", "other"], Kept::default());
        let mut memory = Memory::default();
        let version = version(&metadata()).unwrap();
        memory
            .hashes
            .insert(entry("password"), (version, "hash".to_owned()));

        let hashes = hashes_of("b2b", &metadata(), &need, (&BTreeMap::new(), &memory));

        assert_eq!(hashes, [(entry("password"), "hash".to_owned())].into());
    }

    #[test]
    fn of_a_secret_with_keys_and_a_password_only_the_keys_are_kept() {
        let secret = Secret {
            metadata: metadata(),
            data: Some(
                ["keys", "password", "other"]
                    .map(|key| (key.to_owned(), ByteString(b"value".to_vec())))
                    .into(),
            ),
            ..Secret::default()
        };
        let kept = |need: &Need| -> Vec<(String, bool)> {
            let data = without_passwords(&secret, need).data.unwrap();
            data.into_iter()
                .map(|(key, value)| (key, !value.0.is_empty()))
                .collect()
        };
        let expected = |of: [bool; 3]| -> Vec<(String, bool)> {
            ["keys", "other", "password"]
                .map(str::to_owned)
                .into_iter()
                .zip(of)
                .collect()
        };

        let keys = need(&["password"], Kept::Entries(["keys".to_owned()].into()));
        assert_eq!(kept(&keys), expected([true, false, false]));
        let whole = need(&["password"], Kept::Whole);
        assert_eq!(kept(&whole), expected([true, true, false]));
    }
}
