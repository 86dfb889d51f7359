//! What one object says of another: claims, Secrets, users and the endpoints that select them.

use std::collections::BTreeMap;

use crds::{SecureFtpEndpoint, SecureFtpUser};

use super::{
    Manifests,
    mistake::{Mistake, Place},
    object::{Identity, Object},
    schema::did_you_mean,
};

/// Every object of a kind that is read, and where it was written; also those with mistakes of their own, since
/// an object that is wrong is not missing.
pub(super) type Declared = BTreeMap<Identity, Place>;

/// Everything that one object says wrongly of another, as far as `plan` does not look.
pub(super) fn check(manifests: &Manifests, declared: &Declared) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for endpoint in &manifests.endpoints {
        claim(endpoint, declared, &mut mistakes);
        if !manifests.users.iter().any(|user| selects(endpoint, user)) {
            let what = "no user carries these labels: nobody can log in here";
            let mend = "give a SecureFtpUser of this namespace these labels";
            let path = "spec.users.selector.matchLabels";
            mistakes.push(endpoint.mistake(path, what, mend).warning());
        }
    }
    let is_endpoint = |known: &Identity| known.kind == "SecureFtpEndpoint";
    for user in &manifests.users {
        let selected = manifests
            .endpoints
            .iter()
            .any(|endpoint| selects(endpoint, user));
        // An endpoint with mistakes of its own may well select this user.
        let certain =
            declared.keys().filter(|known| is_endpoint(known)).count() == manifests.endpoints.len();
        if !selected && certain {
            let what = "no endpoint selects this user: nobody can log in with it";
            let mend =
                "give it the labels that an endpoint's spec.users.selector.matchLabels names";
            mistakes.push(user.mistake("metadata.labels", what, mend).warning());
        }
    }
    mistakes
}

/// Whether the endpoint serves this user: same namespace, all labels.
pub fn selects(endpoint: &Object<SecureFtpEndpoint>, user: &Object<SecureFtpUser>) -> bool {
    let labels = user.value.metadata.labels.as_ref();
    endpoint.identity.namespace == user.identity.namespace
        && endpoint
            .value
            .spec
            .users
            .selector
            .match_labels
            .iter()
            .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
}

/// The name this user logs in with.
pub fn login_name(user: &Object<SecureFtpUser>) -> &str {
    user.value
        .spec
        .username
        .as_deref()
        .unwrap_or(&user.identity.name)
}

fn claim(endpoint: &Object<SecureFtpEndpoint>, declared: &Declared, mistakes: &mut Vec<Mistake>) {
    let path = "spec.storage.persistentVolumeClaim.claimName";
    let name = &endpoint
        .value
        .spec
        .storage
        .persistent_volume_claim
        .claim_name;
    let wanted = other(endpoint, "PersistentVolumeClaim", name);
    if !declared.contains_key(&wanted) {
        mistakes.push(missing(endpoint, path, &wanted, declared));
    }
}

fn other<T>(object: &Object<T>, kind: &str, name: &str) -> Identity {
    Identity {
        group: String::new(),
        kind: kind.to_owned(),
        namespace: object.identity.namespace.clone(),
        name: name.to_owned(),
    }
}

fn missing<T>(object: &Object<T>, path: &str, wanted: &Identity, declared: &Declared) -> Mistake {
    let Identity {
        kind,
        namespace,
        name,
        ..
    } = wanted;
    let what = format!("there is no {kind} `{name}` in namespace {namespace}");
    let names = declared
        .keys()
        .filter(|known| known.kind == *kind && known.namespace == *namespace)
        .map(|known| known.name.as_str());
    let elsewhere = declared
        .iter()
        .find(|(known, _)| known.kind == *kind && known.name == *name);
    let mend = match elsewhere {
        Some((known, place)) => format!(
            "namespace {} has one ({place}): move one of the two",
            known.namespace
        ),
        None => did_you_mean(name, names).unwrap_or_else(|| {
            format!("add a manifest of a {kind} with that name below the same PATH")
        }),
    };
    object.mistake(path, what, mend)
}
