//! What the author of a user is told, at one endpoint and in sum.

use std::collections::{BTreeMap, BTreeSet};

use crds::{SecureFtpUser, SecureFtpUserStatus, UserEndpointStatus};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

use super::conditions::{Moment, Verdict, conditions, listed};
use crate::{
    Kind, Mistake, Problem, Refusal, Situation, Sources,
    problem::{name_of, namespace_of},
    selects,
};

const READY: &str = "Ready";

/// What the authors of the selected users are told, by the name of the `SecureFtpUser`.
pub(crate) fn user_statuses(
    sources: Sources<'_>,
    situation: Situation<'_>,
    problems: &[Problem],
) -> BTreeMap<String, UserEndpointStatus> {
    let endpoint = name_of(&sources.endpoint.metadata);
    let refused = refused(problems);
    let problems = by_user(problems);
    let selected = sources.users.iter();
    selected
        .filter(|user| selects(sources.endpoint, user))
        .map(|user| {
            let key = (namespace_of(&user.metadata), name_of(&user.metadata));
            let mistakes = problems.get(&key).map_or(&[][..], Vec::as_slice);
            let previous = user.status.as_ref();
            let previous = previous.and_then(|status| entry(&status.endpoints, endpoint));
            let verdict = match refused {
                Some(refusal) => not_in_force(refusal),
                None => verdict(user, mistakes, situation.now),
            };
            let moment = moment(
                user,
                previous.map_or(&[], |entry| &entry.conditions),
                situation.now,
            );
            let status = UserEndpointStatus {
                name: endpoint.to_owned(),
                conditions: conditions([verdict], moment),
            };
            (name_of(&user.metadata).to_owned(), status)
        })
        .collect()
}

/// The whole status of a user after a turn of one endpoint: with what that endpoint says now (nothing, if it does not
/// select the user any more), without the endpoints that are gone, and with what the others said before.
///
/// `living` are the names of the endpoints of the namespace that select the user.
pub fn merged_user_status(
    user: &SecureFtpUser,
    endpoint: &str,
    own: Option<&UserEndpointStatus>,
    living: &BTreeSet<String>,
    now: Timestamp,
) -> SecureFtpUserStatus {
    let previous = user.status.as_ref();
    let others = previous.map_or(&[][..], |status| &status.endpoints);
    let mut endpoints: Vec<UserEndpointStatus> = others
        .iter()
        .filter(|entry| entry.name != endpoint && living.contains(&entry.name))
        .chain(own)
        .cloned()
        .collect();
    endpoints.sort_by(|left, right| left.name.cmp(&right.name));
    let verdict = sum(&endpoints, living);
    let moment = moment(user, previous.map_or(&[], |status| &status.conditions), now);
    SecureFtpUserStatus {
        observed_generation: moment.generation,
        endpoints,
        conditions: conditions([verdict], moment),
    }
}

/// What keeps the gateways from what was written last: they take users and configuration whole or not at all.
fn refused(problems: &[Problem]) -> Option<&Refusal> {
    problems.iter().find_map(|problem| match &problem.mistake {
        Mistake::NotApplied(refusal) if refusal.kind == "Secret" => Some(refusal),
        _ => None,
    })
}

fn not_in_force(refusal: &Refusal) -> Verdict {
    let message =
        format!("what was written last may not be in force: {refusal}: mend what it says");
    Verdict::no(READY, "NotApplied", message)
}

fn by_user(problems: &[Problem]) -> BTreeMap<(&str, &str), Vec<&Problem>> {
    let mut users: BTreeMap<_, Vec<&Problem>> = BTreeMap::new();
    for problem in problems {
        let object = &problem.object;
        match object.kind {
            Kind::User => users
                .entry((object.namespace.as_str(), object.name.as_str()))
                .or_default()
                .push(problem),
            Kind::Endpoint => {}
        }
    }
    users
}

fn verdict(user: &SecureFtpUser, mistakes: &[&Problem], now: Timestamp) -> Verdict {
    if user.spec.disabled {
        let message = "spec.disabled: the user is shut out: write false to let them in";
        return Verdict::no(READY, "Disabled", message);
    }
    if let Some(first) = mistakes.first() {
        let lines = mistakes
            .iter()
            .map(|problem| format!("{}: {}", problem.field, problem.mistake));
        return Verdict::no(READY, first.mistake.reason(), listed(lines));
    }
    match &user.spec.valid_until {
        Some(end) if end.0 <= now => Verdict::no(
            READY,
            "Ended",
            format!(
                "spec.validUntil: the account ended at {}: write a later time to let the user in",
                end.0
            ),
        ),
        _ => Verdict::yes(READY, "Served", "the user may log in"),
    }
}

/// Whether every endpoint that selects the user serves it.
fn sum(endpoints: &[UserEndpointStatus], living: &BTreeSet<String>) -> Verdict {
    let refused: Vec<(&str, &Condition)> = endpoints
        .iter()
        .filter_map(|entry| {
            let ready = entry.conditions.iter().find(|one| one.type_ == READY)?;
            (ready.status != "True").then_some((entry.name.as_str(), ready))
        })
        .collect();
    if let Some((_, first)) = refused.first() {
        let lines = refused
            .iter()
            .map(|(name, ready)| format!("endpoint {name}: {}", ready.message));
        return Verdict::no(READY, &first.reason, listed(lines));
    }
    let silent = living
        .iter()
        .filter(|name| entry(endpoints, name).is_none())
        .map(|name| format!("the endpoint {name} has not said anything yet"));
    let silent = listed(silent);
    if !silent.is_empty() {
        return Verdict::no(READY, "Pending", silent);
    }
    if endpoints.is_empty() {
        return Verdict::no(
            READY,
            "NotSelected",
            "metadata.labels: no endpoint of this namespace selects the user: add the labels of spec.users.selector of one",
        );
    }
    let names = listed(endpoints.iter().map(|entry| &entry.name));
    Verdict::yes(READY, "Served", format!("the user may log in at {names}"))
}

fn entry<'a>(endpoints: &'a [UserEndpointStatus], name: &str) -> Option<&'a UserEndpointStatus> {
    endpoints.iter().find(|entry| entry.name == name)
}

fn moment<'a>(user: &SecureFtpUser, previous: &'a [Condition], now: Timestamp) -> Moment<'a> {
    Moment {
        previous,
        generation: user.metadata.generation.unwrap_or_default(),
        now,
    }
}
