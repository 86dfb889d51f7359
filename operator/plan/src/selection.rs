//! Which users an endpoint serves.

use std::collections::BTreeMap;

use crds::{SecureFtpEndpoint, SecureFtpUser};
use k8s_openapi::jiff::Timestamp;

use crate::{
    Mistake, Problem, Sources,
    problem::{name_of, namespace_of},
};

/// Whether the endpoint serves this user: same namespace, and the user carries all the labels that the endpoint names.
pub fn selects(endpoint: &SecureFtpEndpoint, user: &SecureFtpUser) -> bool {
    let wanted = &endpoint.spec.users.selector.match_labels;
    let labels = user.metadata.labels.as_ref();
    // No label at all would select everybody: that must be a mistake, and nobody is the safe reading.
    !wanted.is_empty()
        && namespace_of(&endpoint.metadata) == namespace_of(&user.metadata)
        && wanted
            .iter()
            .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// The enabled users of the endpoint's namespace that carry all its labels, oldest first.
pub(crate) fn selected(sources: Sources<'_>) -> Vec<&SecureFtpUser> {
    let mut users: Vec<_> = sources
        .users
        .iter()
        .filter(|user| selects(sources.endpoint, user) && !user.spec.disabled)
        .collect();
    users.sort_by_key(|user| age(user));
    users
}

/// One user a login name: the oldest. Every other is a problem.
pub(crate) fn without_duplicates<'a>(
    endpoint: &SecureFtpEndpoint,
    users: Vec<&'a SecureFtpUser>,
    problems: &mut Vec<Problem>,
) -> Vec<&'a SecureFtpUser> {
    let mut oldest = BTreeMap::new();
    users
        .into_iter()
        .filter(|user| match oldest.get(username(user)) {
            None => {
                oldest.insert(username(user), name_of(&user.metadata));
                true
            }
            Some(older) => {
                let mistake = Mistake::Duplicate {
                    username: username(user).to_owned(),
                    older: (*older).to_owned(),
                    endpoint: name_of(&endpoint.metadata).to_owned(),
                };
                problems.push(Problem::of_user(user, "spec.username", mistake));
                false
            }
        })
        .collect()
}

/// The name a user logs in with.
pub(crate) fn username(user: &SecureFtpUser) -> &str {
    user.spec
        .username
        .as_deref()
        .unwrap_or_else(|| name_of(&user.metadata))
}

fn age(user: &SecureFtpUser) -> (Option<Timestamp>, &str) {
    let created = user.metadata.creation_timestamp.as_ref();
    (created.map(|time| time.0), name_of(&user.metadata))
}
