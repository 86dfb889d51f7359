//! Step 4: tell the authors of the endpoint and of its users, in statuses and events.

use std::collections::{BTreeMap, BTreeSet};

use crds::{
    SecureFtpEndpoint, SecureFtpEndpointStatus, SecureFtpUser, SecureFtpUserStatus,
    UserEndpointStatus,
};
use k8s_openapi::{
    api::core::v1::ObjectReference,
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ApiResource, Patch, PatchParams},
    core::{DynamicObject, error_boundary::InvalidObject},
    runtime::events::{Event, EventType},
};
use plan::{
    Kind, Plan, Problem, merged_user_status, names::OPERATOR, selects, unreadable_conditions,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    causes::causes,
    leader::Lost,
    memory::{Ahead, Key, Memory},
    observe::Seen,
    request::{RequestError, request},
    turn::{Tools, Turn},
};

/// The length of an event's note that the API server takes, in bytes.
const NOTE_MAX: usize = 1024;

/// The length of an event's action that the API server takes, in bytes.
const ACTION_MAX: usize = 128;

/// Reasons for which a condition is False without anything to mend.
const FINE: [&str; 2] = ["Complete", "ScaledToZero"];

/// Why somebody was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// Somebody else may lead now.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The API server said no, or nothing.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Whether everybody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Everybody was, or has gone.
    All,
    /// The turn of another endpoint wrote the status of a user meanwhile, which the watch will show.
    NotAll,
}

/// Tells what the plan says: to the endpoint, then to the users; events last, of what is new.
pub(crate) async fn report(
    turn: &Turn<'_>,
    (seen, plan): (&Seen, &Plan),
    memory: &mut Memory,
) -> Result<Told, ReportError> {
    let before = turn.endpoint.status.as_ref();
    if before != Some(&plan.status) {
        tell_endpoint(turn, &plan.status, memory).await?;
    }
    let events = news(turn, (seen, plan), memory);
    for (event, about) in events {
        publish(turn, &event, &about).await;
    }
    let told = tell_users(turn, &plan.users, memory).await;
    for invalid in &seen.unreadable_users {
        // What is wrong with one of them stops nobody else's turn.
        if let Err(error) = report_unreadable::<SecureFtpUser>(turn.tools, invalid).await {
            tracing::warn!(
                error = causes(&error),
                "a user that cannot be read was not told"
            );
        }
    }
    told
}

/// Tells that an object cannot be read by this version: in its status, and in an event when that is new.
pub(crate) async fn report_unreadable<K>(
    tools: &Tools,
    invalid: &InvalidObject,
) -> Result<(), ReportError>
where
    K: Resource<DynamicType = ()>,
{
    let metadata = &invalid.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let resource = ApiResource::erase::<K>(&());
    let kind = &resource.kind;
    let objects: Api<DynamicObject> =
        Api::namespaced_with(tools.client.clone(), namespace, &resource);
    let asked = format!("to read the {kind} {name}");
    let Some(object) = request(asked, objects.get_opt(name)).await? else {
        return Ok(());
    };
    let before = object.data.get("status").cloned().unwrap_or_default();
    let status = unreadable_status(&before, &object.metadata, &invalid.error);
    if status == before {
        return Ok(());
    }
    tools.may_write(kind, "status")?;
    // Whoever mends it meanwhile has the last word.
    let version = object.metadata.resource_version.as_deref();
    let patch = Patch::Apply(status_patch::<K>((name, version), &status));
    let how = PatchParams::apply(OPERATOR).force();
    let asked = format!("to write the status of the {kind} {name}");
    let patched = objects.patch_status(name, &how, &patch);
    match request(asked, patched).await {
        Ok(_) => {}
        Err(error) if error.is_conflict() || error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let event = event(
        EventType::Warning,
        ("Unreadable", "Read"),
        invalid.error.clone(),
    );
    let about = ObjectReference {
        api_version: Some(resource.api_version.clone()),
        kind: Some(kind.clone()),
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
        ..ObjectReference::default()
    };
    publish_event(tools, &event, &about).await;
    Ok(())
}

/// The status of an object that cannot be read, made of the one that it has.
fn unreadable_status(before: &Value, metadata: &ObjectMeta, error: &str) -> Value {
    let generation = metadata.generation.unwrap_or_default();
    let known = before.get("conditions").cloned().unwrap_or_default();
    let known: Vec<Condition> = serde_json::from_value(known).unwrap_or_default();
    let conditions = unreadable_conditions(&known, generation, error, Timestamp::now());
    let mut status = before.as_object().cloned().unwrap_or_default();
    status.insert("conditions".to_owned(), json!(conditions));
    status.insert("observedGeneration".to_owned(), json!(generation));
    Value::Object(status)
}

/// Tells the users of an endpoint that has gone.
pub(crate) async fn report_gone(turn: &Turn<'_>) {
    if let Err(error) = tell_users(turn, &BTreeMap::new(), &mut Memory::default()).await {
        tracing::warn!(
            error = causes(&error),
            "the users of an endpoint that has gone were not told"
        );
    }
}

async fn tell_endpoint(
    turn: &Turn<'_>,
    status: &SecureFtpEndpointStatus,
    memory: &mut Memory,
) -> Result<(), ReportError> {
    let key: Key = ("SecureFtpEndpoint", turn.name().to_owned());
    turn.tools.may_write(key.0, "status")?;
    let patch = Patch::Apply(status_patch::<SecureFtpEndpoint>(
        (turn.name(), None),
        status,
    ));
    let endpoints = turn.api::<SecureFtpEndpoint>();
    let how = PatchParams::apply(OPERATOR).force();
    let asked = "to write the status of the endpoint".to_owned();
    let patched = endpoints.patch_status(turn.name(), &how, &patch);
    match request(asked, patched).await {
        Ok(patched) => {
            let status = serde_json::to_value(&patched.status).ok();
            turn.wrote(memory, &key, status);
            Ok(())
        }
        // It was deleted meanwhile, and there is nobody to tell.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells the users of this endpoint, and those who were and are not any more.
async fn tell_users(
    turn: &Turn<'_>,
    told: &BTreeMap<String, UserEndpointStatus>,
    memory: &mut Memory,
) -> Result<Told, ReportError> {
    let mut everybody = Told::All;
    let endpoints = turn.stores.readable_endpoints();
    let concerned = turn.stores.readable_users(|user| {
        user.metadata.namespace.as_deref() == Some(turn.namespace())
            && (told.contains_key(&user.name_any()) || names(user, turn.name()))
    });
    for mut user in concerned {
        let name = user.name_any();
        let key: Key = ("SecureFtpUser", name.clone());
        if let Ahead::Written(written) = memory.ahead(&key) {
            user = serde_json::from_value(written.clone()).unwrap_or(user);
        }
        let living: BTreeSet<String> = endpoints
            .iter()
            .filter(|endpoint| selects(endpoint, &user))
            .map(kube::ResourceExt::name_any)
            .collect();
        let own = told.get(&name);
        let status = merged_user_status(&user, turn.name(), own, &living, Timestamp::now());
        if user.status.as_ref() != Some(&status) {
            match tell_user(turn, (&user, &status), memory).await? {
                Told::All => {}
                Told::NotAll => everybody = Told::NotAll,
            }
        }
    }
    Ok(everybody)
}

async fn tell_user(
    turn: &Turn<'_>,
    (user, status): (&SecureFtpUser, &SecureFtpUserStatus),
    memory: &mut Memory,
) -> Result<Told, ReportError> {
    let name = user.name_any();
    let key: Key = ("SecureFtpUser", name.clone());
    turn.tools.may_write(key.0, "status")?;
    // Turns of other endpoints write it too: who did not see what they said must not write over it.
    let version = user.resource_version();
    let patch = status_patch::<SecureFtpUser>((&name, version.as_deref()), status);
    let users = turn.api::<SecureFtpUser>();
    let how = PatchParams::apply(OPERATOR).force();
    let asked = format!("to write the status of the user {name}");
    match request(asked, users.patch_status(&name, &how, &Patch::Apply(patch))).await {
        Ok(patched) => {
            turn.wrote(memory, &key, serde_json::to_value(&patched).ok());
            Ok(Told::All)
        }
        Err(error) => untold(error),
    }
}

/// What it means that the status of a user was not written.
fn untold(error: RequestError) -> Result<Told, ReportError> {
    match error {
        error if error.is_not_found() => Ok(Told::All),
        error if error.is_conflict() => Ok(Told::NotAll),
        error => Err(error.into()),
    }
}

/// With a version it is refused where the object has another one.
fn status_patch<K: Resource<DynamicType = ()>>(
    (name, version): (&str, Option<&str>),
    status: &impl Serialize,
) -> Value {
    let metadata = match version {
        None => json!({"name": name}),
        Some(version) => json!({"name": name, "resourceVersion": version}),
    };
    json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": metadata,
        "status": status,
    })
}

/// Whether the status of this user speaks of this endpoint.
fn names(user: &SecureFtpUser, endpoint: &str) -> bool {
    let status = user.status.as_ref();
    status.is_some_and(|status| status.endpoints.iter().any(|entry| entry.name == endpoint))
}

/// What is new since the last turn, and whom it is about.
fn news(
    turn: &Turn<'_>,
    (seen, plan): (&Seen, &Plan),
    memory: &mut Memory,
) -> Vec<(Event, ObjectReference)> {
    let before = turn.endpoint.status.as_ref();
    let about = turn.endpoint.object_ref(&());
    let conditions = before.map_or(&[][..], |status| &status.conditions);
    let mut events: Vec<_> = transitions(conditions, &plan.status.conditions)
        .into_iter()
        .map(|event| (event, about.clone()))
        .collect();
    let told = memory.told.take();
    // Without a memory, what is known from before is in the status: only a new endpoint's problems are all new.
    let is_known = |text: &String| match &told {
        Some(told) => told.contains(text),
        None => before.is_some(),
    };
    let problems = plan
        .problems
        .iter()
        .map(|problem| (problem.to_string(), problem));
    for (_, problem) in problems.filter(|(text, _)| !is_known(text)) {
        let note = format!("{}: {}", problem.field, problem.mistake);
        let event = event(
            EventType::Warning,
            (problem.mistake.reason(), &problem.field),
            note,
        );
        events.push((event, object_of(problem, seen, &about)));
    }
    memory.told = Some(plan.problems.iter().map(ToString::to_string).collect());
    events
}

/// The object that has to be mended.
fn object_of(problem: &Problem, seen: &Seen, endpoint: &ObjectReference) -> ObjectReference {
    match problem.object.kind {
        Kind::Endpoint => endpoint.clone(),
        Kind::User => {
            let mut users = seen.users.iter();
            let user = users.find(|user| user.name_any() == problem.object.name);
            user.map_or_else(|| endpoint.clone(), |user| user.object_ref(&()))
        }
    }
}

/// An event for every condition that became another, or got another reason.
fn transitions(before: &[Condition], after: &[Condition]) -> Vec<Event> {
    after
        .iter()
        .filter(|now| {
            !before.iter().any(|then| {
                then.type_ == now.type_ && then.status == now.status && then.reason == now.reason
            })
        })
        .map(|now| {
            let is_wrong = now.status == "False" && !FINE.contains(&now.reason.as_str());
            let kind = if is_wrong {
                EventType::Warning
            } else {
                EventType::Normal
            };
            let said = format!("{} is {}: {}", now.type_, now.status, now.message);
            event(kind, (&now.reason, &now.type_), said)
        })
        .collect()
}

/// The action says what it is about, for of two events with one reason and one action the second has the note of the
/// first: they count as one.
fn event(type_: EventType, (reason, action): (&str, &str), mut note: String) -> Event {
    let mut action = action.to_owned();
    action.truncate(action.floor_char_boundary(ACTION_MAX));
    note.truncate(note.floor_char_boundary(NOTE_MAX));
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action,
        secondary: None,
    }
}

async fn publish(turn: &Turn<'_>, event: &Event, about: &ObjectReference) {
    publish_event(turn.tools, event, about).await;
}

/// Events help; that one is missing stops nothing.
async fn publish_event(tools: &Tools, event: &Event, about: &ObjectReference) {
    if tools.leadership.check().is_err() {
        return;
    }
    let asked = format!("to write the event {}", event.reason);
    if let Err(error) = request(asked, tools.recorder.publish(event, about)).await {
        tracing::warn!(error = causes(&error), "an event was not written");
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn condition(kind: &str, status: &str, reason: &str) -> Condition {
        Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: "so it is".to_owned(),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            observed_generation: None,
        }
    }

    #[track_caller]
    fn check(before: &[Condition], after: &[Condition], expected: &[(EventType, &str)]) {
        let events = transitions(before, after);
        let events: Vec<_> = events
            .iter()
            .map(|one| (one.type_, one.reason.as_str()))
            .collect();
        assert_eq!(events, expected);
    }

    #[test]
    fn only_what_changes_is_an_event() {
        let pending = condition("Programmed", "False", "AddressPending");
        let ready = condition("Ready", "True", "Ready");
        let mut said_anew = pending.clone();
        said_anew.message = "it still is".to_owned();

        check(
            &[pending.clone(), ready.clone()],
            &[said_anew, ready.clone()],
            &[],
        );
        check(
            &[pending, ready.clone()],
            &[condition("Programmed", "True", "Programmed"), ready],
            &[(EventType::Normal, "Programmed")],
        );
    }

    #[test]
    fn another_reason_is_an_event_and_what_is_wrong_a_warning() {
        check(
            &[condition("Progressing", "True", "Rolling")],
            &[condition("Progressing", "False", "RollStuck")],
            &[(EventType::Warning, "RollStuck")],
        );
        check(
            &[condition("Progressing", "True", "Rolling")],
            &[condition("Progressing", "False", "Complete")],
            &[(EventType::Normal, "Complete")],
        );
        check(
            &[condition("Ready", "False", "AddressPending")],
            &[condition("Ready", "False", "SecretMissing")],
            &[(EventType::Warning, "SecretMissing")],
        );
    }

    #[test]
    fn the_status_of_what_cannot_be_read_keeps_what_else_it_says() {
        let before = json!({"replicas": 2, "observedGeneration": 3, "conditions": [
            {"type": "Ready", "status": "True", "reason": "Serving", "message": "",
             "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]});
        let metadata = ObjectMeta {
            generation: Some(4),
            ..ObjectMeta::default()
        };

        let status = unreadable_status(&before, &metadata, "unknown variant");

        assert_eq!(status["replicas"], 2);
        assert_eq!(status["observedGeneration"], 4);
        assert_eq!(status["conditions"][0]["reason"], "Unreadable");
        assert_eq!(
            unreadable_status(&status, &metadata, "unknown variant"),
            status
        );
    }

    #[test]
    fn who_was_overtaken_at_one_user_goes_on_with_the_next() {
        let untold = |code| {
            let status = kube::core::Status::failure("so it is", "Reason").with_code(code);
            untold(RequestError::Refused {
                what: "to write the status of the user alice".to_owned(),
                source: Box::new(kube::Error::Api(status.boxed())),
            })
        };

        assert_eq!(untold(409).ok(), Some(Told::NotAll));
        assert_eq!(untold(404).ok(), Some(Told::All));
        assert!(untold(500).is_err());
    }

    #[test]
    fn events_of_one_reason_about_two_conditions_are_two() {
        let missing = |kind| condition(kind, "False", "SecretMissing");

        let events = transitions(&[], &[missing("ResolvedRefs"), missing("CertificateReady")]);

        let actions: Vec<_> = events.iter().map(|one| one.action.as_str()).collect();
        assert_eq!(actions, ["ResolvedRefs", "CertificateReady"]);
    }

    #[test]
    fn a_note_is_as_long_as_the_api_server_takes() {
        let event = event(
            EventType::Normal,
            ("Long", &"é".repeat(ACTION_MAX)),
            "é".repeat(NOTE_MAX),
        );

        assert_eq!(event.note.unwrap(), "é".repeat(NOTE_MAX / 2));
        assert_eq!(event.action, "é".repeat(ACTION_MAX / 2));
    }
}
