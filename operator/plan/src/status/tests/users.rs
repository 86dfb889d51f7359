//! The status of a user, at one endpoint and in sum.

use std::collections::BTreeSet;

use crds::{SecureFtpUser, SecureFtpUserStatus, UserEndpointStatus};
use k8s_openapi::jiff::Timestamp;

use super::scene::{Scene, condition, parse};
use crate::{
    Mistake,
    status::{merged_user_status, user_statuses},
};

const NOON: &str = "2026-03-01T12:00:00Z";
const LATER: &str = "2026-03-01T13:00:00Z";

type Situation = (&'static str, fn(&mut Scene), &'static str);

const SITUATIONS: [Situation; 6] = [
    ("served", |_| {}, "True/Served: the user may log in"),
    (
        "a mistake",
        |scene| scene.problem_of("supplier", "spec.authentication", Mistake::NoWayIn),
        "False/NoWayIn: spec.authentication: nothing lets this user in: add a password or a public key",
    ),
    (
        "a mistake of another",
        |scene| scene.problem_of("customer", "spec.authentication", Mistake::NoWayIn),
        "True/Served: the user may log in",
    ),
    (
        "two mistakes",
        |scene| {
            scene.problem_of("supplier", "spec.root", Mistake::Root("x".to_owned()));
            scene.problem_of("supplier", "spec.authentication", Mistake::NoWayIn);
        },
        "False/RootInvalid: spec.root: \"x\" is no folder of the volume: write an absolute path without . and .., for example /supplier; spec.authentication: nothing lets this user in: add a password or a public key",
    ),
    (
        "shut out",
        |scene| scene.users[0].spec.disabled = true,
        "False/Disabled: spec.disabled: the user is shut out: write false to let them in",
    ),
    (
        "ended",
        |scene| scene.users[0].spec.valid_until = Some(parse("2026-03-01T12:00:00Z")),
        "False/Ended: spec.validUntil: the account ended at 2026-03-01T12:00:00Z: write a later time to let the user in",
    ),
];

#[test]
fn every_situation_of_a_user_has_its_condition() {
    for (situation, change, expected) in SITUATIONS {
        let mut scene = Scene::well();
        scene.users = vec![supplier()];
        change(&mut scene);

        let statuses =
            scene.with_situation(|sources, now| user_statuses(sources, now, &scene.problems));

        let status = &statuses["supplier"];
        let ready = condition(&status.conditions, "Ready");
        let said = format!("{}/{}: {}", ready.status, ready.reason, ready.message);
        assert_eq!(said, expected, "{situation}");
        assert_eq!(status.name, "partners");
        assert_eq!(ready.observed_generation, Some(3));
    }
}

#[test]
fn a_user_of_others_is_told_nothing() {
    let mut scene = Scene::well();
    let mut stranger = supplier();
    stranger.metadata.labels = None;
    scene.users = vec![stranger];

    let statuses =
        scene.with_situation(|sources, now| user_statuses(sources, now, &scene.problems));

    assert!(statuses.is_empty());
}

#[test]
fn a_turn_without_change_gives_a_user_the_same_status() {
    let mut scene = Scene::well();
    scene.users = vec![supplier()];
    let turn = |scene: &Scene| {
        let own = scene
            .with_situation(|sources, now| user_statuses(sources, now, &scene.problems))
            .remove("supplier");
        let living = living(&["partners"]);
        merged_user_status(
            &scene.users[0],
            "partners",
            own.as_ref(),
            &living,
            scene.now,
        )
    };
    let first = turn(&scene);
    scene.users[0].status = Some(first.clone());
    scene.now = time(LATER);

    assert_eq!(turn(&scene), first);
}

#[test]
fn a_user_is_ready_when_every_endpoint_that_selects_them_serves_them() {
    let user = supplier();
    let own = said("partners", "True", "Served");

    let status = merged(&user, Some(&own), &["partners"]);

    assert_eq!(sum(&status), "True/Served: the user may log in at partners");
    assert_eq!(status.observed_generation, 3);
}

#[test]
fn one_endpoint_that_refuses_a_user_decides_the_sum() {
    let mut user = supplier();
    user.status = Some(saying([said("archive", "False", "NoWayIn")]));
    let own = said("partners", "True", "Served");

    let status = merged(&user, Some(&own), &["archive", "partners"]);

    assert_eq!(sum(&status), "False/NoWayIn: endpoint archive: words");
    assert_eq!(names(&status), ["archive", "partners"]);
}

#[test]
fn an_endpoint_that_has_not_spoken_yet_is_waited_for() {
    let own = said("partners", "True", "Served");

    let status = merged(&supplier(), Some(&own), &["archive", "partners"]);

    assert_eq!(
        sum(&status),
        "False/Pending: the endpoint archive has not said anything yet"
    );
}

#[test]
fn endpoints_that_are_gone_are_forgotten() {
    let mut user = supplier();
    user.status = Some(saying([
        said("archive", "False", "NoWayIn"),
        said("partners", "False", "NoWayIn"),
    ]));
    let own = said("partners", "True", "Served");

    let status = merged(&user, Some(&own), &["partners"]);

    assert_eq!(names(&status), ["partners"]);
    assert_eq!(sum(&status), "True/Served: the user may log in at partners");
}

#[test]
fn a_user_that_nobody_selects_any_more_is_told_so() {
    let mut user = supplier();
    user.status = Some(saying([said("partners", "True", "Served")]));

    let status = merged(&user, None, &[]);

    assert_eq!(names(&status), [""; 0]);
    assert_eq!(
        sum(&status),
        "False/NotSelected: metadata.labels: no endpoint of this namespace selects the user: add the labels of spec.users.selector of one"
    );
}

fn supplier() -> SecureFtpUser {
    parse(
        "
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpUser
metadata: { name: supplier, namespace: b2b, generation: 3, labels: { endpoint: partners } }
spec: { authentication: { passwordSecretRef: { name: supplier } } }
",
    )
}

fn said(endpoint: &str, status: &str, reason: &str) -> UserEndpointStatus {
    parse(&format!(
        "{{ name: {endpoint}, conditions: [{{ type: Ready, status: '{status}', reason: {reason}, message: words, lastTransitionTime: {NOON} }}] }}"
    ))
}

fn saying<const N: usize>(endpoints: [UserEndpointStatus; N]) -> SecureFtpUserStatus {
    SecureFtpUserStatus {
        endpoints: endpoints.into(),
        ..SecureFtpUserStatus::default()
    }
}

fn merged(
    user: &SecureFtpUser,
    own: Option<&UserEndpointStatus>,
    living_now: &[&str],
) -> SecureFtpUserStatus {
    merged_user_status(user, "partners", own, &living(living_now), time(NOON))
}

fn living(names: &[&str]) -> BTreeSet<String> {
    names.iter().copied().map(str::to_owned).collect()
}

fn sum(status: &SecureFtpUserStatus) -> String {
    let ready = condition(&status.conditions, "Ready");
    format!("{}/{}: {}", ready.status, ready.reason, ready.message)
}

fn names(status: &SecureFtpUserStatus) -> Vec<&str> {
    let endpoints = status.endpoints.iter();
    endpoints.map(|entry| entry.name.as_str()).collect()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
