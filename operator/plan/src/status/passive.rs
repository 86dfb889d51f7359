//! How files go in FTPS: which gateway has which passive ports, and how data connections are bound.

use std::collections::BTreeSet;

use crds::{Binding, DataConnections, Passive, PassiveAllocation, SecureFtpEndpoint};
use k8s_openapi::api::core::v1::Pod;

use crate::{
    Observed,
    data_connections::{binding_by_visibility, is_ftps},
    exposure::Exposed,
    names::SLOT_LABEL,
    roll::Roll,
    translate,
};

/// The ports of every slot that is wanted or still there; none without FTPS.
pub(super) fn passive_allocations(
    endpoint: &SecureFtpEndpoint,
    roll: &Roll,
    pods: &[Pod],
) -> Vec<PassiveAllocation> {
    let Some(connections) = data_connections(endpoint) else {
        return Vec::new();
    };
    let wanted = 0..u16::try_from(endpoint.spec.replicas).unwrap_or(u16::MAX);
    let slots: BTreeSet<u16> = wanted.chain(roll.leaving.iter().copied()).collect();
    let draining = draining(pods);
    slots
        .into_iter()
        .filter_map(|slot| {
            let (start, end) = share(&connections.passive, slot)?;
            Some(PassiveAllocation {
                slot,
                start,
                end,
                ready: roll.serving.contains(&slot),
                draining: roll.leaving.contains(&slot) || draining.contains(&slot),
            })
        })
        .collect()
}

/// The binding that is written, or that was chosen; none without FTPS.
pub(super) fn binding(endpoint: &SecureFtpEndpoint, observed: &Observed) -> Option<Binding> {
    let connections = data_connections(endpoint)?;
    let mode = translate::proxy_mode(endpoint.spec.exposure.proxy_protocol.mode);
    let seen = Exposed::of(endpoint, observed).client_address;
    connections
        .binding
        .or_else(|| Some(written_as(binding_by_visibility(seen, mode))))
}

fn written_as(binding: gateway_config::Binding) -> Binding {
    match binding {
        gateway_config::Binding::TlsRequired => Binding::TlsRequired,
        gateway_config::Binding::TlsPreferred => Binding::TlsPreferred,
        gateway_config::Binding::Address => Binding::Address,
        gateway_config::Binding::None => Binding::None,
    }
}

fn data_connections(endpoint: &SecureFtpEndpoint) -> Option<&DataConnections> {
    let spec = &endpoint.spec;
    let has_ftps = spec.listeners.iter().any(|one| is_ftps(one.protocol));
    spec.data_connections.as_ref().filter(|_| has_ftps)
}

/// The first and the last port of a slot; none if the range ends before.
fn share(passive: &Passive, slot: u16) -> Option<(u16, u16)> {
    let start = slot
        .checked_mul(passive.per_replica)?
        .checked_add(passive.ports.start)?;
    let end = start.checked_add(passive.per_replica.checked_sub(1)?)?;
    (end <= passive.ports.end).then_some((start, end))
}

/// The slots with a pod that is being deleted: it lets its last transfers end.
fn draining(pods: &[Pod]) -> BTreeSet<u16> {
    pods.iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_some())
        .filter_map(|pod| pod.metadata.labels.as_ref()?.get(SLOT_LABEL)?.parse().ok())
        .collect()
}
