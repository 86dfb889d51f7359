//! What the author of an endpoint is told.

use std::collections::BTreeSet;

use crds::{SecureFtpEndpoint, SecureFtpEndpointStatus};
use k8s_openapi::api::apps::v1::StatefulSet;

use super::{
    addresses::{addresses, listeners},
    certificates::certificate_statuses,
    conditions::{Moment, conditions},
    fingerprints::fingerprints,
    passive::{binding, passive_allocations},
    verdicts::{Case, verdicts},
};
use crate::{Situation, Sources, names, plan::Facts, problem::name_of, served::Reach};

/// The label with the version of what runs.
const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// What the endpoint's author is told.
pub(crate) fn endpoint_status(
    sources: Sources<'_>,
    situation: Situation<'_>,
    facts: &Facts<'_>,
) -> SecureFtpEndpointStatus {
    let endpoint = sources.endpoint;
    let observed = situation.observed;
    let addresses = addresses(endpoint, observed.service.as_ref());
    let certificates = certificate_statuses(endpoint, facts.certificates);
    let verdicts = verdicts(&Case {
        endpoint,
        observed,
        facts,
        certificates: &certificates,
        addresses: &addresses,
        now: situation.now,
    });
    let generation = endpoint.metadata.generation.unwrap_or_default();
    let previous = endpoint.status.as_ref();
    let moment = Moment {
        previous: previous.map_or(&[], |status| &status.conditions),
        generation,
        now: situation.now,
    };
    SecureFtpEndpointStatus {
        observed_generation: generation,
        replicas: replicas(&observed.stateful_sets),
        ready_replicas: count(&facts.roll.serving),
        programmed_replicas: count(&facts.reached.those(Reach::Programmed)),
        selector: selector(name_of(&endpoint.metadata)),
        version: version(&observed.stateful_sets, facts.version),
        addresses,
        listeners: listeners(endpoint, facts.told),
        passive_allocations: passive_allocations(endpoint, facts.roll, &observed.pods),
        data_connection_binding: binding(endpoint, observed),
        host_key_fingerprints: host_key_fingerprints(endpoint, facts),
        certificates,
        conditions: conditions(verdicts, moment),
    }
}

fn count(slots: &BTreeSet<u16>) -> u32 {
    u32::try_from(slots.len()).unwrap_or(u32::MAX)
}

/// The gateways that there are, as each `StatefulSet` counts its own.
fn replicas(stateful_sets: &[StatefulSet]) -> u32 {
    stateful_sets
        .iter()
        .filter_map(|set| u32::try_from(set.status.as_ref()?.replicas).ok())
        .sum()
}

/// How `kubectl` and autoscalers write a selector.
fn selector(endpoint: &str) -> String {
    let pairs = names::selector(endpoint).into_iter();
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

/// The version of the gateways; during a roll that of a gateway that does not have the wanted one yet.
fn version(stateful_sets: &[StatefulSet], wanted: &str) -> Option<String> {
    let mut versions = stateful_sets
        .iter()
        .filter_map(|set| set.metadata.labels.as_ref()?.get(VERSION_LABEL));
    let first = versions.clone().next()?;
    Some(
        versions
            .find(|version| *version != wanted)
            .unwrap_or(first)
            .clone(),
    )
}

/// Those of lost keys are kept: nobody may take a new key for the one that clients know.
fn host_key_fingerprints(endpoint: &SecureFtpEndpoint, facts: &Facts<'_>) -> Vec<String> {
    let found = fingerprints(facts.host_keys);
    let previous = endpoint.status.as_ref();
    match previous {
        Some(previous) if found.is_empty() => previous.host_key_fingerprints.clone(),
        _ => found,
    }
}
