//! The users, spread over Secrets: each holds a users file of the gateways and, for the operator alone, where its
//! password hashes come from.

use std::collections::BTreeMap;

use crds::{SecureFtpEndpoint, SecureFtpUser};
use gateway_config::{Digest, User, UserName, Users, render_users, users_file};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    SecretKey, SecretVersion, Secrets, Sources,
    authentication::password_of,
    names::{self, USER_SHARDS_MAX},
    problem::{name_of, namespace_of},
    selection::{selected, username},
};

/// The entry that tells where the password hashes of the shard come from. It is mounted nowhere.
const SOURCES_ENTRY: &str = "sources.json";
/// From here on the users are spread over more shards.
const SHARD_BYTES_AIM: usize = 450 * 1024;
/// A Secret holds 1 MiB; beyond this a shard takes nobody more.
const SHARD_BYTES_MAX: usize = 900 * 1024;

/// A password hash that an earlier turn made or found.
#[derive(Clone, PartialEq, Eq)]
pub struct KnownHash {
    /// The hash.
    pub hash: String,
    /// The password Secret as it was then: as long as it is still so, it need not be read or hashed again.
    pub version: SecretVersion,
}

/// Where the password hash of a user comes from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasswordSource {
    secret: String,
    key: String,
    #[serde(flatten)]
    version: SecretVersion,
}

/// A user on the way into a shard.
pub(crate) struct Member<'a> {
    /// Who it is in the cluster.
    pub(crate) object: &'a SecureFtpUser,
    /// The name that the user logs in with.
    pub(crate) name: UserName,
    /// What the gateways are told.
    pub(crate) user: User,
    /// The entry with the password, if there is one.
    pub(crate) password: Option<SecretKey>,
}

/// The compiled users with what they were compiled from, the oldest first.
pub(crate) fn members(
    sources: Sources<'_>,
    mut users: BTreeMap<UserName, User>,
) -> Vec<Member<'_>> {
    selected(sources)
        .into_iter()
        .filter_map(|object| {
            let (name, user) = users.remove_entry(username(object))?;
            Some(Member {
                password: password_of(object).filter(|_| user.password_hash.is_some()),
                object,
                name,
                user,
            })
        })
        .collect()
}

/// The users of an endpoint, spread over Secrets.
pub(crate) struct Shards<'a> {
    /// The Secrets, one a shard, also the empty ones: their number is read back in the next turn. With each, the digest
    /// of its users file, by whose name it is found here.
    pub(crate) files: BTreeMap<String, (Secret, Digest)>,
    /// Those for whom there is no place.
    pub(crate) left_out: Vec<Member<'a>>,
}

/// Spreads the users, of whom the oldest come first: where a shard is full, those who came first stay.
///
/// The shard of a user is told by the first bits of the SHA-256 of the name, so a change of one user changes one file. The
/// number of shards is a power of two. It grows when one becomes too large, and never shrinks.
pub(crate) fn shards<'a>(
    endpoint: &SecureFtpEndpoint,
    members: Vec<Member<'a>>,
    secrets: &Secrets,
    observed: &[Secret],
) -> Shards<'a> {
    let members: Vec<_> = members
        .into_iter()
        .filter_map(|member| Measured::of(member, secrets))
        .collect();
    let count = count(
        &members,
        observed_count(name_of(&endpoint.metadata), observed),
    );
    let mut shards = Shards {
        files: BTreeMap::new(),
        left_out: Vec::new(),
    };
    let mut spread: BTreeMap<u8, (usize, Vec<Measured<'a>>)> =
        (0..count).map(|shard| (shard, (0, Vec::new()))).collect();
    for member in members {
        let (bytes, shard) = spread
            .entry(shard_of(&member.member.name, count))
            .or_default();
        if bytes.saturating_add(member.bytes) > SHARD_BYTES_MAX {
            shards.left_out.push(member.member);
        } else {
            *bytes = bytes.saturating_add(member.bytes);
            shard.push(member);
        }
    }
    for (shard, (_, members)) in spread {
        let made = secret(endpoint, shard, members);
        let made = made.map(|made| (users_file(shard), made));
        shards.files.extend(made);
    }
    shards
}

/// A user with what it takes in a shard.
struct Measured<'a> {
    member: Member<'a>,
    source: Option<PasswordSource>,
    bytes: usize,
}

impl<'a> Measured<'a> {
    /// None if the user cannot be rendered.
    fn of(member: Member<'a>, secrets: &Secrets) -> Option<Self> {
        let source = member.password.as_ref().and_then(|entry| {
            Some(PasswordSource {
                secret: entry.secret.clone(),
                key: entry.key.clone(),
                version: secrets.version(&entry.namespace, &entry.secret)?.clone(),
            })
        });
        // Each alone in a file of its own: a little more than in company.
        let user = render_users(&[(member.name.clone(), member.user.clone())].into()).ok()?;
        let described = serde_json::to_vec(&[(&member.name, &source)]).ok()?;
        Some(Self {
            bytes: user.len().saturating_add(described.len()),
            member,
            source,
        })
    }
}

/// The smallest number of shards, at least as many as there were, none of which is too large.
fn count(members: &[Measured<'_>], least: u8) -> u8 {
    let fits = |count: &u8| {
        let mut sizes = BTreeMap::new();
        for member in members {
            let size: &mut usize = sizes
                .entry(shard_of(&member.member.name, *count))
                .or_default();
            *size = size.saturating_add(member.bytes);
        }
        sizes.values().all(|size| *size < SHARD_BYTES_AIM)
    };
    let powers = (0..).map_while(|power| 1_u8.checked_shl(power));
    powers
        .filter(|count| (least..=USER_SHARDS_MAX).contains(count))
        .find(fits)
        .unwrap_or(USER_SHARDS_MAX)
}

/// How many shards there are, counting one that has gone missing below another.
fn observed_count(endpoint: &str, observed: &[Secret]) -> u8 {
    let last = (0..USER_SHARDS_MAX).rev().find(|shard| {
        let name = names::users(endpoint, *shard);
        observed
            .iter()
            .any(|secret| name_of(&secret.metadata) == name)
    });
    last.map_or(1, |last| last.saturating_add(1).next_power_of_two())
}

/// `count` is a power of two up to 64.
fn shard_of(name: &UserName, count: u8) -> u8 {
    let digest = Sha256::digest(name.as_str());
    digest.first().copied().unwrap_or_default() % count
}

fn secret(
    endpoint: &SecureFtpEndpoint,
    shard: u8,
    members: Vec<Measured<'_>>,
) -> Option<(Secret, Digest)> {
    let mut sources = BTreeMap::new();
    let mut users = BTreeMap::new();
    for Measured { member, source, .. } in members {
        sources.extend(source.map(|source| (member.name.clone(), source)));
        users.insert(member.name, member.user);
    }
    let users = render_users(&users).ok()?;
    let sources = serde_json::to_vec_pretty(&sources).ok()?;
    let digest = Digest::of(&users);
    let data = BTreeMap::from([
        (users_file(shard), ByteString(users)),
        (SOURCES_ENTRY.to_owned(), ByteString(sources)),
    ]);
    let secret = Secret {
        metadata: names::owned(endpoint, names::users(name_of(&endpoint.metadata), shard)),
        data: Some(data),
        ..Secret::default()
    };
    Some((secret, digest))
}

/// The password hashes in the observed Secrets of an endpoint, by the entry that holds the password.
///
/// Whoever finds the version of the password Secret unchanged adds the Secret without its data to [`crate::Secrets`] and
/// the hash to [`crate::PasswordHashes`].
pub fn known_hashes(secrets: &[Secret]) -> BTreeMap<SecretKey, KnownHash> {
    secrets.iter().filter_map(known_in).flatten().collect()
}

/// The hashes of one shard; none if the Secret is something else, or damaged.
fn known_in(secret: &Secret) -> Option<Vec<(SecretKey, KnownHash)>> {
    let data = secret.data.as_ref()?;
    let sources: BTreeMap<UserName, PasswordSource> =
        serde_json::from_slice(&data.get(SOURCES_ENTRY)?.0).ok()?;
    let mut files = data.iter().filter(|(name, _)| *name != SOURCES_ENTRY);
    let users: Users = serde_json::from_slice(&files.next()?.1.0).ok()?;
    let known = sources.into_iter().filter_map(|(name, source)| {
        let hash = users.users.get(&name)?.password_hash.clone()?;
        let entry = SecretKey {
            namespace: namespace_of(&secret.metadata).to_owned(),
            secret: source.secret,
            key: source.key,
        };
        let version = source.version;
        Some((entry, KnownHash { hash, version }))
    });
    Some(known.collect())
}
