//! How files go in FTPS: the ports of this gateway, and what clients are told of them.

use std::{collections::BTreeMap, net::Ipv4Addr};

use crds::SecureFtpEndpoint;
use gateway_config::{
    Binding, ClientAddress, DataConnections, Passive, PassivePort, ProxyMode, ProxyProtocol,
};

use crate::{Mistake, Placement, Problem, translate};

const FIELD: &str = "spec.dataConnections.passive";

/// What no manifest says about the passive ports of one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassivePlacement {
    /// Which ports of the endpoint's range this gateway has.
    pub share: Share,
    /// The port that clients are told, by the port of the manifest; one that is not here is told as it is bound.
    pub told: BTreeMap<u16, u16>,
    /// The address that PASV tells, whatever the manifest says. None: what the manifest says.
    pub address: Option<Ipv4Addr>,
}

/// Which ports of an endpoint's range one gateway has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// All of them: there is no other gateway.
    #[default]
    Whole,
    /// As many as `perReplica` says, those of the slot of this number, counted from 0.
    Slot(u16),
}

/// The data connections of this gateway; none if FTPS cannot be served.
pub(crate) fn compile_data_connections(
    endpoint: &SecureFtpEndpoint,
    placement: &Placement,
    proxy: &ProxyProtocol,
    problems: &mut Vec<Problem>,
) -> Option<DataConnections> {
    let mut report = |field: &str, mistake| {
        problems.push(Problem::of_endpoint(endpoint, field, mistake));
    };
    let listeners = &endpoint.spec.listeners;
    if !listeners.iter().any(|listener| is_ftps(listener.protocol)) {
        return None;
    }
    let Some(written) = &endpoint.spec.data_connections else {
        report("spec.dataConnections", Mistake::PassivePortsMissing);
        return None;
    };
    let address = match written.passive.address.as_deref().map(str::parse) {
        None => None,
        Some(Ok(address)) => Some(address),
        Some(Err(_no_address)) => {
            let text = written.passive.address.clone().unwrap_or_default();
            report(&format!("{FIELD}.address"), Mistake::PassiveAddress(text));
            None
        }
    };
    Some(DataConnections {
        binding: written.binding.map_or_else(
            || binding_by_visibility(placement.client_address, proxy.mode),
            translate::binding,
        ),
        passive: Passive {
            listen: placement.address,
            ports: passive_ports(endpoint, &written.passive, placement, &mut report)?,
            address: placement.passive.address.or(address),
            wait_seconds: written.passive.wait_seconds.into(),
            connect_seconds: written.passive.connect_seconds.into(),
        },
        active: translate::active(&written.active),
    })
}

pub(crate) fn is_ftps(protocol: crds::Protocol) -> bool {
    match protocol {
        crds::Protocol::Sftp => false,
        crds::Protocol::FtpsExplicit | crds::Protocol::FtpsImplicit => true,
    }
}

/// An address binds only where every client comes with its own.
fn binding_by_visibility(client_address: ClientAddress, mode: ProxyMode) -> Binding {
    match (client_address, mode) {
        (_, ProxyMode::Required) | (ClientAddress::Real, ProxyMode::Disabled) => {
            Binding::TlsPreferred
        }
        (_, ProxyMode::Optional) | (ClientAddress::Hidden, ProxyMode::Disabled) => {
            Binding::TlsRequired
        }
    }
}

/// The ports of this gateway without those that a listener has; none if nothing is left.
fn passive_ports(
    endpoint: &SecureFtpEndpoint,
    written: &crds::Passive,
    placement: &Placement,
    report: &mut impl FnMut(&str, Mistake),
) -> Option<Vec<PassivePort>> {
    let field = format!("{FIELD}.ports");
    let mut taken: BTreeMap<u16, String> = endpoint
        .spec
        .listeners
        .iter()
        .map(|listener| {
            let owner = format!("the listener {}", listener.name);
            (placement.bound(listener.port), owner)
        })
        .collect();
    let mut ports = Vec::new();
    let mut collision = None;
    for port in share(written, placement.passive.share) {
        let bound = placement.bound(port);
        match taken.insert(bound, format!("the passive port {port}")) {
            None => ports.push(PassivePort {
                bound,
                advertised: placement.passive.told.get(&port).copied().unwrap_or(bound),
            }),
            Some(other) => {
                collision.get_or_insert(Mistake::PassivePortTaken { port, bound, other });
            }
        }
    }
    // The first tells enough: the mend is another range.
    match collision {
        Some(mistake) => report(&field, mistake),
        None if ports.is_empty() => report(&field, Mistake::PassivePortsTooFew),
        None => {}
    }
    (!ports.is_empty()).then_some(ports)
}

fn share(written: &crds::Passive, share: Share) -> Vec<u16> {
    let crds::PortRange { start, end } = written.ports;
    let whole = start..=end;
    match share {
        Share::Whole => whole.collect(),
        Share::Slot(slot) => {
            let size = usize::from(written.per_replica);
            let share = whole.skip(usize::from(slot) * size).take(size);
            let share: Vec<u16> = share.collect();
            // Part of a share would leave a slot with fewer transfers than people reckon with.
            if share.len() == size {
                share
            } else {
                Vec::new()
            }
        }
    }
}
