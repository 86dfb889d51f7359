//! How files go in FTPS: the ports of this gateway, and what clients are told of them.

use std::{collections::BTreeMap, net::Ipv4Addr};

use crds::SecureFtpEndpoint;
use gateway_config::{
    Binding, ClientAddress, DataConnections, Passive, PassivePort, ProxyMode, ProxyProtocol,
};

use crate::{
    Mistake, Placement, Problem,
    listeners::{ADMIN, owner},
    translate,
};

const FIELD: &str = "spec.dataConnections.passive";

/// What no manifest says about the passive ports of one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassivePlacement {
    /// Which ports of the endpoint's range this gateway has.
    pub share: Share,
    /// The ports that clients are told.
    pub told: Told,
    /// The ports that clients were told until now, by the bound one. Each holds while another is not known.
    pub told_before: BTreeMap<u16, u16>,
    /// The address that PASV tells, whatever the manifest says. None: what the manifest says.
    pub address: Option<Ipv4Addr>,
}

/// The ports that clients are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// The bound ones.
    #[default]
    AsBound,
    /// Others, by the port of the manifest. A port that is not here is not known yet, and nobody is told of it.
    Otherwise(BTreeMap<u16, u16>),
}

impl Told {
    /// The port that clients are told; none if it is not known yet.
    pub(crate) fn port(&self, written: u16, bound: u16) -> Option<u16> {
        match self {
            Self::AsBound => Some(bound),
            Self::Otherwise(ports) => ports.get(&written).copied(),
        }
    }
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

impl Share {
    /// The ports, as the manifest writes them.
    pub(crate) fn of(self, passive: &crds::Passive) -> Vec<u16> {
        let crds::PortRange { start, end } = passive.ports;
        let whole = start..=end;
        match self {
            Self::Whole => whole.collect(),
            Self::Slot(slot) => {
                let size = usize::from(passive.per_replica);
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
}

/// The data connections of this gateway; none if FTPS cannot be served.
pub(crate) fn compile_data_connections(
    endpoint: &SecureFtpEndpoint,
    placement: &Placement,
    share: Share,
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
            ports: passive_ports(endpoint, share.of(&written.passive), placement, &mut report)?,
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
pub(crate) fn binding_by_visibility(client_address: ClientAddress, mode: ProxyMode) -> Binding {
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
    share: Vec<u16>,
    placement: &Placement,
    report: &mut impl FnMut(&str, Mistake),
) -> Option<Vec<PassivePort>> {
    let field = format!("{FIELD}.ports");
    let mut taken: BTreeMap<u16, String> = endpoint
        .spec
        .listeners
        .iter()
        .map(|listener| (placement.bound(listener.port), owner(listener)))
        .chain(placement.admin.map(|port| (port, ADMIN.to_owned())))
        .collect();
    let mut ports = Vec::new();
    let mut mistake = None;
    for port in share {
        let bound = placement.bound(port);
        let told = placement.passive.told.port(port, bound);
        if told.is_none() {
            mistake.get_or_insert(Mistake::PortsPending);
        }
        let told = told.or_else(|| placement.passive.told_before.get(&bound).copied());
        // The first mistake tells enough: the mend is another range.
        match (
            taken.insert(bound, format!("the passive port {port}")),
            told,
        ) {
            (None, Some(advertised)) => ports.push(PassivePort { bound, advertised }),
            (None, None) => {}
            (Some(other), _) => {
                mistake.get_or_insert(Mistake::PassivePortTaken { port, bound, other });
            }
        }
    }
    match mistake {
        Some(mistake) => report(&field, mistake),
        None if ports.is_empty() => report(&field, Mistake::PassivePortsTooFew),
        None => {}
    }
    (!ports.is_empty()).then_some(ports)
}
