//! Which version the gateways of an endpoint have.

use k8s_openapi::api::apps::v1::StatefulSet;

use crate::{
    Settings, Sources,
    names::VERSION_LABEL,
    roll::{Slots, serves},
};

/// What is written; else what the operator was told; else what the endpoint has already, so that a new operator alone
/// replaces no gateway; else the operator's own.
pub(crate) fn version(sources: Sources<'_>, settings: &Settings, slots: &Slots<'_>) -> String {
    let written = sources.endpoint.spec.version.as_ref();
    written
        .or(settings.gateway_version.as_ref())
        .or_else(|| present(slots))
        .unwrap_or(&settings.operator_version)
        .clone()
}

/// The version of the first gateway that serves: one that does not may have a version that does not exist.
fn present<'a>(slots: &Slots<'a>) -> Option<&'a String> {
    let sets = || slots.sets().values().copied();
    let mut versions = sets()
        .filter(|set| serves(set))
        .chain(sets())
        .filter_map(version_of);
    versions.next()
}

fn version_of(set: &StatefulSet) -> Option<&String> {
    set.metadata.labels.as_ref()?.get(VERSION_LABEL)
}
