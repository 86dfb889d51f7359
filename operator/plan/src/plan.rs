//! The whole decision for one endpoint: pure, the same input gives the same plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crds::{SecureFtpEndpoint, SecureFtpEndpointStatus, UserEndpointStatus};
use gateway_config::Served;
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet, core::v1::Service, networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
    jiff::Timestamp,
};

use crate::{
    CertManager, Certificate, CertificateRequest, Desired, Mistake, Observed, PasswordHashes,
    Problem, Settings, Sources, Told,
    claim::Volume,
    configured::{Configured, Surroundings},
    desired::{
        Gateways, certificates, disruption_budget, network_policy, service, stateful_set,
        without_pod,
    },
    foreign::Foreign,
    obsolete::{Obsolete, obsolete},
    roll::{Roll, Slots, Unready, roll},
    served::{self, Reached, by_pod, incomplete},
    status::{endpoint_status, user_statuses},
    version::version,
};

/// What the operator decides for one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What should exist.
    pub desired: Desired,
    /// What exists and should not, in the order in which it is deleted.
    pub obsolete: Vec<Obsolete>,
    /// What people have to mend. Everything else is served.
    pub problems: Vec<Problem>,
    /// What the endpoint's author is told. It speaks of what was observed: what this plan changes wakes the next turn.
    pub status: SecureFtpEndpointStatus,
    /// What the authors of the users that this endpoint selects are told, by the name of the `SecureFtpUser`.
    pub users: BTreeMap<String, UserEndpointStatus>,
    /// The digest of the configuration, for an annotation of the running pods: a change makes the kubelet refresh their
    /// files at once.
    pub configuration_digest: String,
    /// What each gateway should say that it serves, by the name of its pod.
    pub served: BTreeMap<String, Served>,
}

/// What else a plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What the cluster said.
    pub observed: &'a Observed,
    /// What the operator was started with.
    pub settings: &'a Settings,
    /// The hashes of the plaintext passwords.
    pub hashes: &'a PasswordHashes,
    /// The time of the turn, for conditions that change in it.
    pub now: Timestamp,
}

/// What the status tells besides what was written and observed.
pub(crate) struct Facts<'a> {
    /// What people have to mend.
    pub problems: &'a [Problem],
    /// What happens to the gateways.
    pub roll: &'a Roll,
    /// How far the gateways are with what is written.
    pub reached: &'a Reached,
    /// The version of the gateways that is wanted.
    pub version: &'a str,
    /// The address that PASV tells; none if none is known, and PASV answers 425.
    pub pasv_address: Option<Ipv4Addr>,
    /// The ports that clients are told, by the port of the manifest; none while they are not known.
    pub told: &'a Told,
    /// The certificate of every FTPS listener that is served, by the listener's name.
    pub certificates: &'a BTreeMap<String, Certificate>,
    /// The host keys that SFTP clients see, by file name, in OpenSSH's format.
    pub host_keys: &'a BTreeMap<String, Vec<u8>>,
}

/// Decides everything for one endpoint.
pub fn plan(sources: Sources<'_>, situation: Situation<'_>) -> Plan {
    let Situation {
        observed, settings, ..
    } = situation;
    let endpoint = sources.endpoint;
    let foreign = Foreign::of(endpoint, observed);
    let mut problems = Vec::new();
    let around = Surroundings::of(sources, observed, &mut problems);
    let configured = Configured::of(sources, situation, &around, &mut problems);
    let slots = Slots::of(endpoint, around.access.replicas, situation);
    let version = version(sources, settings, &slots);
    let gateways = Gateways {
        endpoint,
        settings,
        version: &version,
        nodes: around.access.nodes,
        host_keys: around.host_keys.source.clone(),
    };
    let wanted = stateful_sets(&gateways, &slots, foreign, &mut problems);
    let unready = Unready {
        blocked: blocked(&around, &configured, &slots),
        incomplete: incomplete(endpoint, &configured.gateways, situation),
    };
    let roll = roll(wanted, &unready, &slots);
    let ending = slots.ending().map(|slot| without_pod(&gateways, slot));
    let running = slots.running(&roll, observed);
    let configurations = configured.configurations(endpoint, &running, &around.exposed.told);
    let configuration_digest = configured.digest(&configurations, &around.host_keys);
    let certificates = &configured.certificates;
    let served = served::wanted(endpoint, &configurations, (certificates, &running));
    let objects = Objects::of(endpoint, observed, foreign, &mut problems);
    problems.extend(refused(endpoint, observed));
    let facts = Facts {
        problems: &problems,
        roll: &roll,
        reached: &Reached::of(slots.endpoint(), &served, situation),
        version: &version,
        pasv_address: around.pasv_address(endpoint),
        told: &around.exposed.told,
        certificates,
        host_keys: &around.host_keys.keys,
    };
    let secrets = configurations.into_values().map(|one| one.secret);
    Plan {
        status: endpoint_status(sources, situation, &facts),
        users: user_statuses(sources, situation, &problems),
        obsolete: obsolete(&slots, &objects.certificates, observed),
        desired: Desired {
            new_host_keys: around.host_keys.new,
            certificates: objects.certificates,
            users: configured.users,
            configurations: secrets.collect(),
            network_policy: objects.network_policy,
            disruption_budget: objects.disruption_budget,
            service: objects.service,
            stateful_sets: roll.apply.into_iter().chain(ending).collect(),
        },
        problems,
        configuration_digest,
        served: by_pod(slots.endpoint(), served),
    }
}

/// The objects that all gateways share.
struct Objects {
    certificates: Vec<CertificateRequest>,
    network_policy: Option<NetworkPolicy>,
    disruption_budget: Option<PodDisruptionBudget>,
    service: Option<Service>,
}

impl Objects {
    fn of(
        endpoint: &SecureFtpEndpoint,
        observed: &Observed,
        foreign: Foreign<'_>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut certificates = match observed.cert_manager {
            CertManager::Installed => certificates(endpoint),
            CertManager::Missing => Vec::new(),
        };
        certificates.retain(|request| foreign.leaves("Certificate", &request.metadata, problems));
        Self {
            certificates,
            network_policy: foreign.admit(network_policy(endpoint, observed), problems),
            disruption_budget: foreign.admit(disruption_budget(endpoint), problems),
            service: foreign.admit(service(endpoint, observed), problems),
        }
    }
}

/// What the API server does not accept; of `StatefulSets` the roll tells.
fn refused<'a>(
    endpoint: &'a SecureFtpEndpoint,
    observed: &'a Observed,
) -> impl Iterator<Item = Problem> + 'a {
    let refused = observed.refused.iter();
    let refused = refused.filter(|refusal| refusal.kind != "StatefulSet");
    refused.map(|refusal| {
        let mistake = Mistake::NotApplied(refusal.clone());
        Problem::of_endpoint(endpoint, "spec", mistake)
    })
}

/// The `StatefulSets` of all slots.
fn stateful_sets(
    gateways: &Gateways<'_>,
    slots: &Slots<'_>,
    foreign: Foreign<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<u16, StatefulSet> {
    slots
        .wanted()
        .filter_map(|slot| Some((slot, foreign.admit(stateful_set(gateways, slot), problems)?)))
        .collect()
}

/// The slots that may not get a new pod, for it could not start.
fn blocked(around: &Surroundings, configured: &Configured, slots: &Slots<'_>) -> BTreeSet<u16> {
    match around.access.volume {
        Volume::Present => configured.idle.clone(),
        Volume::Missing => slots.wanted().collect(),
    }
}
