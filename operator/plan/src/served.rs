//! Whether clients get what is written: what the gateways should say that they serve, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use crds::SecureFtpEndpoint;
use gateway_config::{Digest, ENDPOINT_FILE, Endpoint, Served, ServedListener};
use k8s_openapi::api::core::v1::Secret;
use serde::{Deserialize, Serialize};

use crate::{
    Certificate, Observed,
    names::{self, SLOT_LABEL},
    problem::name_of,
    running::told,
};

/// What was heard of a gateway that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Heard {
    /// What it says that it serves; none if it does not answer.
    pub served: Option<Served>,
    /// Whether it has had more time than a kubelet needs since what it should serve has last changed.
    pub is_overdue: bool,
}

/// Whether a gateway that says this serves what is wanted. It may serve more.
pub fn serves_as_wanted(said: &Served, wanted: &Served) -> bool {
    said.configuration == wanted.configuration
        && wanted.listeners.iter().all(|(name, wanted)| {
            let said = said.listeners.get(name);
            said.is_some_and(|said| wanted.certificate.is_none() || *said == *wanted)
        })
}

/// How far the gateways are with what is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The slots that serve it.
    pub(crate) programmed: BTreeSet<u16>,
    /// Those that still serve what was written before.
    pub(crate) loading: BTreeSet<u16>,
    /// Those that serve something else, and no waiting helps.
    pub(crate) refusing: BTreeSet<u16>,
    /// Those that do not answer, and have had time enough.
    pub(crate) silent: BTreeSet<u16>,
}

impl Reach {
    /// Compares what is wanted with what was heard.
    pub(crate) fn of(endpoint: &str, wanted: &BTreeMap<u16, Served>, observed: &Observed) -> Self {
        let mut reach = Self::default();
        for (slot, wanted) in wanted {
            let Some(heard) = observed.gateways.get(&names::pod(endpoint, *slot)) else {
                continue;
            };
            let group = match &heard.served {
                Some(said) if serves_as_wanted(said, wanted) => &mut reach.programmed,
                Some(_) if heard.is_overdue => &mut reach.refusing,
                Some(_) => &mut reach.loading,
                None if heard.is_overdue => &mut reach.silent,
                None => continue,
            };
            group.insert(*slot);
        }
        reach
    }
}

/// What each gateway should say, by slot, once it has its configuration and the certificates.
pub(crate) fn wanted(
    configurations: &[Secret],
    certificates: &BTreeMap<String, Certificate>,
) -> BTreeMap<u16, Served> {
    let wanted = configurations.iter().filter_map(|secret| {
        let slot = secret.metadata.labels.as_ref()?.get(SLOT_LABEL)?;
        let file = secret.data.as_ref()?.get(ENDPOINT_FILE)?;
        let listeners = told(secret)?.listeners.into_iter();
        let listeners = listeners.map(|listener| {
            let certificate = certificates.get(&listener.name);
            let own = certificate.and_then(Certificate::first);
            let certificate = own.map(|der| Digest::of(&der));
            (listener.name, ServedListener { certificate })
        });
        let served = Served {
            configuration: Digest::of(&file.0),
            listeners: listeners.collect(),
        };
        Some((slot.parse().ok()?, served))
    });
    wanted.collect()
}

/// The same by the name of the pod.
pub(crate) fn by_pod(endpoint: &str, wanted: BTreeMap<u16, Served>) -> BTreeMap<String, Served> {
    let wanted = wanted.into_iter();
    wanted
        .map(|(slot, served)| (names::pod(endpoint, slot), served))
        .collect()
}

/// The slots whose gateway does not have all its listeners yet, however ready its pod is: it has started before the
/// certificate was there, for example. Of a gateway that does not answer this is assumed for a while, unless clients could
/// rely on the endpoint when it was last told of.
pub(crate) fn incomplete(
    endpoint: &SecureFtpEndpoint,
    gateways: &BTreeMap<u16, Endpoint>,
    observed: &Observed,
) -> BTreeSet<u16> {
    let status = endpoint.status.as_ref();
    let was_ready = status.is_some_and(|status| status.is_true("Ready"));
    let is_incomplete = |slot: u16, gateway: &Endpoint| {
        let pod = names::pod(name_of(&endpoint.metadata), slot);
        let heard = observed.gateways.get(&pod);
        let said = heard.and_then(|heard| heard.served.as_ref());
        match said {
            Some(said) => {
                let mut listeners = gateway.listeners.iter();
                !listeners.all(|listener| said.listeners.contains_key(&listener.name))
            }
            None => !was_ready && !heard.is_some_and(|heard| heard.is_overdue),
        }
    };
    let gateways = gateways.iter();
    gateways
        .filter(|(slot, gateway)| is_incomplete(**slot, gateway))
        .map(|(slot, _)| *slot)
        .collect()
}
