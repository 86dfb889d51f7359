//! What the gateways of one endpoint are told: their configurations and the users, as the Secrets that carry them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use crds::SecureFtpEndpoint;
use gateway_config::{Digest, Endpoint};
use k8s_openapi::api::core::v1::Secret;

use crate::{
    Certificate, Mistake, Observed, PassivePlacement, Placement, Problem, Share, Situation,
    Sources, Told,
    claim::{Access, access},
    compile::{Shared, compile_users},
    desired::{ADMIN_PORT, DATA_FOLDER, configuration, members, shards},
    exposure::Exposed,
    foreign::Foreign,
    host_keys::HostKeys,
    issuers::answers,
    names,
    problem::name_of,
    running::{Running, told, told_ports},
};

/// What surrounds the gateways of an endpoint and is the same for all of them.
pub(crate) struct Surroundings {
    pub(crate) access: Access,
    pub(crate) exposed: Exposed,
    pub(crate) host_keys: HostKeys,
}

impl Surroundings {
    pub(crate) fn of(
        sources: Sources<'_>,
        observed: &Observed,
        problems: &mut Vec<Problem>,
    ) -> Self {
        Self {
            access: access(sources, observed, problems),
            exposed: Exposed::of(sources.endpoint, observed),
            host_keys: HostKeys::of(sources, observed, problems),
        }
    }

    /// The address that PASV tells: the one that is written, or the one that was found.
    pub(crate) fn pasv_address(&self, endpoint: &SecureFtpEndpoint) -> Option<Ipv4Addr> {
        let data_connections = endpoint.spec.data_connections.as_ref();
        match data_connections.and_then(|data| data.passive.address.as_ref()) {
            Some(written) => written.parse().ok(),
            None => self.exposed.address,
        }
    }
}

/// What the gateways are told.
pub(crate) struct Configured {
    /// The shards of the users.
    pub(crate) users: Vec<Secret>,
    /// What each gateway is told that has something to serve.
    pub(crate) gateways: BTreeMap<u16, Endpoint>,
    /// The digest of each shard, by its file.
    digests: BTreeMap<String, Digest>,
    /// The certificates of the listeners that are served.
    pub(crate) certificates: BTreeMap<String, Certificate>,
    /// The slots that have no configuration: there would be nothing to serve, or its Secret is somebody else's.
    pub(crate) idle: BTreeSet<u16>,
}

/// What one gateway is told, and the Secret that carries it.
pub(crate) struct Configuration {
    pub(crate) gateway: Endpoint,
    pub(crate) secret: Secret,
}

impl Configured {
    pub(crate) fn of(
        sources: Sources<'_>,
        situation: Situation<'_>,
        around: &Surroundings,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let endpoint = sources.endpoint;
        let foreign = Foreign::of(endpoint, situation.observed);
        let placement = Placement {
            certificates: answers(sources, situation.observed, problems),
            ..placement(endpoint, situation.observed, around)
        };
        let mut shared = Shared::compile(sources, &placement, problems);
        if !around.host_keys.suffice() {
            shared = shared.without_sftp();
        }
        let gateways = gateways(&shared, around.access.replicas, problems);
        let first = gateways.values().next();
        let certificates = first.map(|gateway| shared.certificates_of(gateway));
        let (users, digests) = users(sources, situation, &placement, problems);

        let (gateways, idle): (BTreeMap<_, _>, BTreeMap<_, _>) = gateways
            .into_iter()
            .filter(|(slot, _)| *slot < around.access.replicas)
            .partition(|(slot, gateway)| {
                let metadata =
                    names::owned(endpoint, names::slot(name_of(&endpoint.metadata), *slot));
                !gateway.listeners.is_empty() && foreign.leaves("Secret", &metadata, problems)
            });
        Self {
            users,
            gateways,
            digests,
            certificates: certificates.unwrap_or_default(),
            idle: idle.into_keys().collect(),
        }
    }

    /// What each gateway is told in this turn: one that keeps its pod, what it can serve with that.
    pub(crate) fn configurations(
        &self,
        endpoint: &SecureFtpEndpoint,
        running: &BTreeMap<u16, Running>,
        told: &Told,
    ) -> BTreeMap<u16, Configuration> {
        let gateways = self.gateways.iter().filter_map(|(slot, gateway)| {
            let gateway = match running.get(slot) {
                None => gateway.clone(),
                Some(running) => running.fit(gateway.clone(), told),
            };
            let secret = configuration(endpoint, *slot, &gateway, &self.digests)?;
            Some((*slot, Configuration { gateway, secret }))
        });
        gateways.collect()
    }

    /// One digest of everything that the gateways read.
    pub(crate) fn digest(
        &self,
        configurations: &BTreeMap<u16, Configuration>,
        host_keys: &HostKeys,
    ) -> String {
        let configurations = configurations.values().map(|configuration| {
            let data = configuration.secret.data.iter().flatten();
            data.map(|(_, content)| content.0.as_slice())
        });
        let certificates = self.certificates.values();
        let certificates =
            certificates.flat_map(|certificate| [&*certificate.chain, &certificate.key]);
        let host_keys = host_keys.keys.values().map(Vec::as_slice);
        let digests: String = configurations
            .flatten()
            .chain(certificates)
            .chain(host_keys)
            .map(|content| Digest::of(content).to_string())
            .collect();
        Digest::of(digests.as_bytes()).to_string()
    }
}

/// Where the gateways run, without certificates.
fn placement(
    endpoint: &SecureFtpEndpoint,
    observed: &Observed,
    around: &Surroundings,
) -> Placement {
    let configurations = observed.secrets.iter().filter_map(told);
    let told_before = configurations.flat_map(|told| told_ports(&told));
    Placement {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        // A pod has an address of its own, so every port is the written one.
        ports: BTreeMap::new(),
        admin: Some(ADMIN_PORT),
        passive: PassivePlacement {
            share: Share::Whole,
            told: around.exposed.told.clone(),
            told_before: told_before.collect(),
            address: around.pasv_address(endpoint),
        },
        certificates: BTreeMap::new(),
        volume: DATA_FOLDER.into(),
        client_address: around.exposed.client_address,
    }
}

/// What each gateway is told; at least that of the first, for what is wrong with it is told also to whom wants none.
fn gateways(
    shared: &Shared<'_>,
    replicas: u16,
    problems: &mut Vec<Problem>,
) -> BTreeMap<u16, Endpoint> {
    let mut gateways = BTreeMap::new();
    for slot in 0..replicas.max(1) {
        let mut found = Vec::new();
        gateways.insert(slot, shared.gateway(Share::Slot(slot), &mut found));
        // What is wrong with all of them is said once.
        found.retain(|problem| !problems.contains(problem));
        problems.append(&mut found);
    }
    gateways
}

/// The shards of the users, and the digests that the gateways are told of them.
fn users(
    sources: Sources<'_>,
    situation: Situation<'_>,
    placement: &Placement,
    problems: &mut Vec<Problem>,
) -> (Vec<Secret>, BTreeMap<String, Digest>) {
    let endpoint = sources.endpoint;
    let users = compile_users(sources, situation.hashes, placement, problems);
    let members = members(sources, users);
    let observed = situation.observed;
    let shards = shards(endpoint, members, sources.secrets, &observed.secrets);
    if !shards.left_out.is_empty() {
        let count = shards.left_out.len();
        let mistake = Mistake::UsersLeftOut { count };
        problems.push(Problem::of_endpoint(
            endpoint,
            "spec.users.selector",
            mistake,
        ));
    }
    problems.extend(shards.left_out.iter().map(|member| {
        let endpoint = name_of(&endpoint.metadata).to_owned();
        Problem::of_user(
            member.object,
            "metadata.labels",
            Mistake::NoRoom { endpoint },
        )
    }));
    let foreign = Foreign::of(endpoint, observed);
    let admitted = shards
        .files
        .into_iter()
        .filter_map(|(file, (secret, digest))| {
            Some((foreign.admit(secret, problems)?, (file, digest)))
        });
    admitted.unzip()
}
