//! What one object says of another: claims, Secrets, users and the endpoints that select them.

use std::collections::BTreeMap;

use crds::{SecureFtpEndpoint, SecureFtpUser};

use super::{
    Manifests,
    mistake::{Mistake, Place},
    object::{Identity, Object},
    schema::did_you_mean,
};

/// The claims that endpoints name and nobody wrote.
pub(super) fn missing_claims(manifests: &Manifests) -> Vec<Mistake> {
    if manifests.is_partial {
        return Vec::new();
    }
    manifests
        .endpoints
        .iter()
        .filter_map(|endpoint| missing_claim(endpoint, &manifests.declared))
        .collect()
}

/// Endpoints without users and users without an endpoint, which is worth a warning once all else is right.
pub(super) fn unmatched(manifests: &Manifests) -> Vec<Mistake> {
    let Manifests {
        endpoints, users, ..
    } = manifests;
    let selects = |endpoint: &Object<SecureFtpEndpoint>, user: &Object<SecureFtpUser>| {
        plan::selects(&endpoint.value, &user.value)
    };
    let lonely = endpoints
        .iter()
        .filter(|endpoint| !users.iter().any(|user| selects(endpoint, user)))
        .map(|endpoint| {
            let namespace = &endpoint.identity.namespace;
            endpoint.mistake(
                "spec.users.selector.matchLabels",
                format!(
                    "no user of namespace {namespace} carries these labels: nobody can log in here"
                ),
                "give a SecureFtpUser of this namespace these labels",
            )
        });
    let idle = users
        .iter()
        .filter(|user| !endpoints.iter().any(|endpoint| selects(endpoint, user)))
        .map(|user| {
            let namespace = &user.identity.namespace;
            user.mistake(
                "metadata.labels",
                format!(
                    "no endpoint of namespace {namespace} selects this user: nobody can log in with it"
                ),
                "put it into the namespace of its endpoint, with the labels that spec.users.selector.matchLabels names there",
            )
        });
    lonely.chain(idle).map(Mistake::warning).collect()
}

/// The name this user logs in with.
pub fn login_name(user: &Object<SecureFtpUser>) -> &str {
    user.value
        .spec
        .username
        .as_deref()
        .unwrap_or(&user.identity.name)
}

fn missing_claim(
    endpoint: &Object<SecureFtpEndpoint>,
    declared: &BTreeMap<Identity, Place>,
) -> Option<Mistake> {
    let claim = &endpoint.value.spec.storage.persistent_volume_claim;
    let (kind, name) = ("PersistentVolumeClaim", &claim.claim_name);
    let namespace = &endpoint.identity.namespace;
    let mut claims = declared.iter().filter(|(known, _)| known.kind == kind);
    if claims
        .clone()
        .any(|(known, _)| known.name == *name && known.namespace == *namespace)
    {
        return None;
    }
    let what = format!("there is no {kind} `{name}` in namespace {namespace}");
    let names = claims
        .clone()
        .filter(|(known, _)| known.namespace == *namespace)
        .map(|(known, _)| known.name.as_str());
    let mend = match claims.find(|(known, _)| known.name == *name) {
        Some((known, place)) => format!(
            "namespace {} has one ({place}): move one of the two",
            known.namespace
        ),
        None => did_you_mean(name, names).unwrap_or_else(|| {
            format!("add a manifest of a {kind} with that name below the same PATH")
        }),
    };
    let path = "spec.storage.persistentVolumeClaim.claimName";
    Some(endpoint.mistake(path, what, mend))
}
