//! One turn of one endpoint: observe → hash → plan → apply → report.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crds::{SecureFtpEndpoint, SecureFtpEndpointStatus, SecureFtpUser};
use k8s_openapi::jiff::Timestamp;
use plan::{Plan, Situation, Sources, plaintext_passwords};

use crate::{
    apply::{self, ApplyError, Failures},
    hash::HashError,
    memory::{Ahead, Key, Memory},
    observe::{Seen, observe, pods},
    refresh::refresh,
    report::{self, ReportError, Told},
    request::RequestError,
    stores::Stores,
    turn::{Tools, Turn},
    wake::EndpointRef,
};

/// At rest, an endpoint has a turn now and then all the same: nobody wakes for what the operator did not think of.
const REST: Duration = Duration::from_mins(10);
/// While a watch still has to show what was written.
const CATCHING_UP: Duration = Duration::from_secs(30);
/// While the name of an object is somebody else's: no watch tells when it is free again.
const TAKEN: Duration = Duration::from_mins(1);
/// While gateways start: no watch tells that it takes too long.
const STARTING: Duration = Duration::from_mins(1);
/// When something was found that the plan does not know of yet.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Why a turn is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnError {
    /// Reading failed.
    #[error("failed to observe the cluster")]
    Observe(#[source] RequestError),
    /// A password could not be hashed.
    #[error("failed to hash passwords")]
    Hash(#[source] HashError),
    /// Writing failed.
    #[error("failed to apply the objects")]
    Apply(#[source] ApplyError),
    /// Telling failed.
    #[error("failed to report the status")]
    Report(#[source] ReportError),
}

/// What is remembered of all endpoints between their turns.
#[derive(Debug, Default)]
pub(crate) struct Memories(Mutex<HashMap<EndpointRef, Memory>>);

impl Memories {
    fn take(&self, endpoint: &EndpointRef) -> Memory {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(all.entry(endpoint.clone()).or_default())
    }

    /// Keeps what [`Memories::take`] gave, unless the endpoint has gone meanwhile.
    fn put(&self, endpoint: &EndpointRef, memory: Memory) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get_mut(endpoint) {
            *kept = memory;
        }
    }

    /// Forgets an endpoint that has gone.
    pub(crate) fn forget(&self, endpoint: &EndpointRef) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(endpoint);
    }
}

/// Brings the objects of one endpoint to what its author asked for; when to look again. It waits for a place only when the
/// gateways were asked: who waits for their answers keeps nobody from a turn.
pub(crate) async fn reconcile(
    tools: &Tools,
    stores: &Stores,
    (endpoint, memories): (&SecureFtpEndpoint, &Memories),
) -> Result<Duration, TurnError> {
    let mut turn = Turn {
        tools,
        stores,
        endpoint,
    };
    let reference = turn.reference();
    let mut memory = memories.take(&reference);
    let gateways = (endpoint, &*pods(&turn));
    let now = Timestamp::now();
    memory.gateways.ask(gateways, &tools.questions, now).await;
    // It is never closed.
    let _place = tools.places.acquire().await.ok();
    let timer = tools.metrics.turn_seconds.start_timer();
    memory.catch_up(|key| turn.version(key));
    let endpoint = with_latest_status(&turn, &memory);
    turn.endpoint = &endpoint;
    let outcome = take_turn(&turn, &mut memory).await;
    timer.observe_duration();
    memories.put(&reference, memory);
    outcome
}

async fn take_turn(turn: &Turn<'_>, memory: &mut Memory) -> Result<Duration, TurnError> {
    // What goes with its endpoint is not made again while it goes.
    if turn.endpoint.metadata.deletion_timestamp.is_some() {
        return Ok(REST);
    }
    let taken = memory.taken.clone();
    let mut seen = observe(turn, memory).await.map_err(TurnError::Observe)?;
    hash(turn, &mut seen, memory)
        .await
        .map_err(TurnError::Hash)?;
    let mut plan = make_plan(turn, &seen);
    let failures = act(turn, (&seen, &plan), memory).await;
    // The status speaks of what was applied, and not of what was applied in vain.
    memory.refused = failures.refusals();
    if seen.observed.refused != memory.refused {
        seen.observed.refused.clone_from(&memory.refused);
        plan = make_plan(turn, &seen);
    }
    turn.count_problems(plan.problems.len());
    let told = report::report(turn, (&seen, &plan), memory)
        .await
        .map_err(TurnError::Report)?;
    failures.first().map_err(TurnError::Apply)?;
    if told == Told::NotAll {
        return Ok(AT_ONCE);
    }
    let next = next_turn(&seen.users, memory, &taken);
    Ok(next.min(patience(&plan.status)))
}

/// Hashes the passwords that no earlier turn hashed.
async fn hash(turn: &Turn<'_>, seen: &mut Seen, memory: &mut Memory) -> Result<(), HashError> {
    let known = &seen.hashes;
    let passwords = plaintext_passwords(Sources {
        endpoint: turn.endpoint,
        users: &seen.users,
        secrets: &seen.secrets,
    });
    let new = passwords
        .into_iter()
        .filter(|(entry, _)| !known.contains_key(entry));
    for (entry, hash) in turn.tools.hasher.hash(new).await? {
        if let Some(version) = seen.versions.get(&entry.secret) {
            memory
                .hashes
                .insert(entry.clone(), (version.clone(), hash.clone()));
        }
        seen.hashes.insert(entry, hash);
    }
    Ok(())
}

fn make_plan(turn: &Turn<'_>, seen: &Seen) -> Plan {
    let sources = Sources {
        endpoint: turn.endpoint,
        users: &seen.users,
        secrets: &seen.secrets,
    };
    let situation = Situation {
        observed: &seen.observed,
        settings: &turn.tools.settings,
        hashes: &seen.hashes,
        now: Timestamp::now(),
    };
    plan::plan(sources, situation)
}

async fn act(turn: &Turn<'_>, (seen, plan): (&Seen, &Plan), memory: &mut Memory) -> Failures {
    let mut failures = apply::apply(turn, &plan.desired, &plan.obsolete, memory).await;
    // A kubelet that looks too early looks again only after a minute.
    if failures.secrets_are_there() {
        let now = Timestamp::now();
        memory.gateways.give(&plan.served, now);
        let pods = (&seen.observed.pods[..], plan.configuration_digest.as_str());
        failures.add(refresh(turn, pods, memory, now).await);
    }
    failures
}

/// The endpoint with the status that was written last, which the watch may not show yet.
fn with_latest_status(turn: &Turn<'_>, memory: &Memory) -> SecureFtpEndpoint {
    let mut endpoint = turn.endpoint.clone();
    let key: Key = ("SecureFtpEndpoint", turn.name().to_owned());
    if let Ahead::Written(status) = memory.ahead(&key) {
        endpoint.status = serde_json::from_value(status.clone()).ok();
    }
    endpoint
}

/// When to look again, if nothing wakes the endpoint before.
fn next_turn(users: &[SecureFtpUser], memory: &Memory, taken_before: &BTreeSet<Key>) -> Duration {
    let mut next = REST;
    if memory.is_ahead() {
        next = next.min(CATCHING_UP);
    }
    let now = Timestamp::now();
    if let Some(ask_again) = memory.gateways.are_asked_in(now) {
        next = next.min(ask_again);
    }
    if !memory.taken.is_empty() {
        next = next.min(TAKEN);
    }
    if memory.taken != *taken_before {
        next = next.min(AT_ONCE);
    }
    let ends = users
        .iter()
        .filter_map(|user| user.spec.valid_until.as_ref());
    let ends = ends.filter_map(|end| Duration::try_from(end.0.duration_since(now)).ok());
    ends.filter(|end| !end.is_zero())
        .fold(next, |next, end| next.min(end.max(AT_ONCE)))
}

/// When to look again whether gateways that start have been at it for too long.
fn patience(status: &SecureFtpEndpointStatus) -> Duration {
    if status.is_true("Progressing") {
        STARTING
    } else {
        REST
    }
}

impl Turn<'_> {
    fn version(&self, key: &Key) -> Option<String> {
        let metadata = self.stores.metadata(self.namespace(), key)?;
        metadata.resource_version
    }

    fn count_problems(&self, count: usize) {
        let problems = &self.tools.metrics.problems;
        problems
            .with_label_values(&[self.namespace(), self.name()])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(valid_until: Timestamp) -> SecureFtpUser {
        serde_json::from_value(json!({
            "metadata": {"name": "alice"},
            "spec": {"authentication": {}, "validUntil": valid_until.to_string()},
        }))
        .unwrap()
    }

    #[test]
    fn at_rest_the_next_turn_is_far() {
        let ended = user(Timestamp::UNIX_EPOCH);

        let next = next_turn(&[ended], &Memory::default(), &BTreeSet::new());

        assert_eq!(next, REST);
    }

    #[test]
    fn gateways_that_start_are_looked_at_again_soon() {
        let progressing = |status: &str| SecureFtpEndpointStatus {
            conditions: vec![
                serde_json::from_value(json!({
                    "type": "Progressing", "status": status, "reason": "Rolling", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }))
                .unwrap(),
            ],
            ..SecureFtpEndpointStatus::default()
        };

        assert_eq!(patience(&progressing("True")), STARTING);
        assert_eq!(patience(&progressing("False")), REST);
    }

    #[test]
    fn the_end_of_an_account_has_a_turn() {
        let soon = Timestamp::now() + Duration::from_secs(100);

        let next = next_turn(&[user(soon)], &Memory::default(), &BTreeSet::new());

        assert!(next <= Duration::from_secs(100), "{next:?}");
    }

    #[test]
    fn a_taken_name_is_told_at_once_and_looked_at_again() {
        let mut memory = Memory::default();
        memory.taken.insert(("Service", "partners".to_owned()));

        assert_eq!(next_turn(&[], &memory, &BTreeSet::new()), AT_ONCE);
        assert_eq!(next_turn(&[], &memory, &memory.taken.clone()), TAKEN);
    }
}
