//! A cluster as far as plans see it: what is applied is observed in the next turn, and pods do what a case says.

use std::{collections::BTreeMap, net::Ipv4Addr};

use gateway_config::Served;
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::{StatefulSet, StatefulSetStatus},
        core::v1::{
            ContainerState, ContainerStateWaiting, ContainerStatus, LoadBalancerIngress,
            LoadBalancerStatus, Pod, PodCondition, PodStatus, Secret, Service, ServiceStatus,
        },
    },
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time},
    jiff::Timestamp,
};
use plan::{
    CertManager, Heard, Observed, Obsolete, PasswordHashes, Plan, Refusal, Settings, Situation,
    names,
};
use serde::Deserialize;

use crate::manifests::{Manifests, issued};

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600;

pub(crate) struct Cluster {
    pub(crate) manifests: Manifests,
    pub(crate) observed: Observed,
    pub(crate) settings: Settings,
    unhashed: Vec<String>,
    minutes: i64,
    /// What each gateway was last given, by the name of its pod.
    given: BTreeMap<String, Served>,
    /// What each gateway serves, by the name of its pod.
    loaded: BTreeMap<String, Served>,
    /// The slots whose gateway goes on serving what it serves, whatever it is given.
    stubborn: Vec<u16>,
    /// The slots whose gateway does not answer.
    silent: Vec<u16>,
}

/// What happens between two turns.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Events {
    /// What the author of the endpoint changes, as a merge patch.
    pub(crate) patch: Option<serde_json::Value>,
    /// The slots whose pod serves what its `StatefulSet` says.
    pub(crate) serving: Vec<u16>,
    /// The slots whose pod cannot start, and what it says.
    pub(crate) waiting: BTreeMap<u16, Words>,
    /// The slots whose pod is not ready any more.
    pub(crate) failing: Vec<u16>,
    /// The slots whose new `StatefulSet` the controller has not seen yet.
    pub(crate) unseen: Vec<u16>,
    /// The slots whose pod begins to run and is not ready yet.
    pub(crate) starting: Vec<u16>,
    /// The slots whose gateway from now on goes on serving what it serves, whatever it is given; the others do not.
    pub(crate) stubborn: Option<Vec<u16>>,
    /// The slots whose gateway from now on does not answer.
    pub(crate) silent: Vec<u16>,
    /// The slots whose `StatefulSet` finds that it cannot make a pod.
    pub(crate) podless: Vec<u16>,
    /// The slots whose pod ends at last.
    pub(crate) gone: Vec<u16>,
    /// What the API server will not accept of this turn.
    pub(crate) not_accepted: Vec<Refusal>,
    /// How many minutes pass before the turn, besides the one.
    pub(crate) minutes: i64,
    pub(crate) cert_manager: Option<CertManager>,
    /// The listeners whose Certificate is issued.
    pub(crate) issued: Vec<String>,
    /// What Certificates say, by their name.
    pub(crate) refused: BTreeMap<String, String>,
    /// The Certificates that say that all is well.
    pub(crate) up_to_date: Vec<String>,
    /// What the balancer tells.
    pub(crate) balancer: Option<Balancer>,
    pub(crate) resolved_address: Option<Ipv4Addr>,
    /// A new operator has not looked the balancer's name up yet.
    pub(crate) unresolved: bool,
    pub(crate) foreign: Vec<String>,
    /// How many users cannot be read.
    pub(crate) unreadable_users: usize,
    /// The Secrets of the endpoint that somebody deletes.
    pub(crate) lost: Vec<String>,
    /// The Secrets that people write, with these entries.
    pub(crate) written: BTreeMap<String, BTreeMap<String, String>>,
    /// The users who get more keys than a Secret holds.
    pub(crate) giants: Vec<String>,
    /// The Secrets with passwords that this turn has no hash of yet.
    pub(crate) unhashed: Vec<String>,
    /// The Secret of the endpoint whose entries somebody deletes.
    pub(crate) emptied: Option<String>,
    pub(crate) gateway_version: Option<String>,
    /// A new operator takes over.
    pub(crate) operator_version: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Words {
    reason: String,
    message: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Balancer {
    ip: Option<String>,
    hostname: Option<String>,
}

impl Cluster {
    pub(crate) fn new(mut manifests: Manifests) -> Self {
        let metadata = &mut manifests.endpoint.metadata;
        metadata.uid.get_or_insert_with(|| "6f1c".to_owned());
        metadata.generation.get_or_insert(1);
        Self {
            manifests,
            observed: Observed {
                cert_manager: CertManager::Installed,
                ..Observed::default()
            },
            settings: Settings {
                gateway_image: "ghcr.io/example/secureftp-gateway".to_owned(),
                gateway_version: None,
                operator_version: "1.0.0".to_owned(),
                image_pull_policy: "IfNotPresent".to_owned(),
                image_pull_secrets: Vec::new(),
            },
            unhashed: Vec::new(),
            minutes: 0,
            given: BTreeMap::new(),
            loaded: BTreeMap::new(),
            stubborn: Vec::new(),
            silent: Vec::new(),
        }
    }

    pub(crate) fn plan(&mut self) -> Plan {
        let mut hashes = self.manifests.hashes();
        hashes.retain(|entry, _| !self.unhashed.contains(&entry.secret));
        self.plan_with(&hashes)
    }

    pub(crate) fn plan_with(&mut self, hashes: &PasswordHashes) -> Plan {
        let storage = &self.manifests.endpoint.spec.storage;
        let claim = &storage.persistent_volume_claim.claim_name;
        let mut claims = self.manifests.claims.iter();
        self.observed.claim = claims
            .rfind(|known| known.metadata.name.as_ref() == Some(claim))
            .cloned();
        plan::plan(
            self.manifests.sources(),
            Situation {
                observed: &self.observed,
                settings: &self.settings,
                hashes,
                now: self.now(),
            },
        )
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(START + 60 * self.minutes).unwrap()
    }

    fn accepts(&self, kind: &str, metadata: &ObjectMeta) -> bool {
        let mut refused = self.observed.refused.iter();
        !refused.any(|one| one.kind == kind && Some(&one.name) == metadata.name.as_ref())
    }

    /// What the operator and the API server make of a plan.
    pub(crate) fn apply(&mut self, plan: &Plan) {
        self.manifests.endpoint.status = Some(plan.status.clone());
        self.given.clone_from(&plan.served);
        let now = self.now();
        for (pod, heard) in &mut self.observed.gateways {
            heard.give(plan.served.get(pod), now);
        }
        self.minutes += 1;
        let desired = &plan.desired;
        if let Some(new) = &desired.new_host_keys {
            let entries = new
                .entries
                .iter()
                .map(|entry| ((*entry).to_owned(), host_key(entry)));
            self.put_secret(Secret {
                metadata: new.metadata.clone(),
                data: Some(entries.collect()),
                ..Secret::default()
            });
        }
        for request in &desired.certificates {
            let name = request.metadata.name.clone().unwrap();
            self.observed.certificates.entry(name).or_default();
        }
        for secret in desired.users.iter().chain(&desired.configurations) {
            if self.accepts("Secret", &secret.metadata) {
                self.put_secret(secret.clone());
            }
        }
        if let Some(service) = &desired.service
            && self.accepts("Service", &service.metadata)
        {
            self.put_service(service.clone());
        }
        for set in &desired.stateful_sets {
            if self.accepts("StatefulSet", &set.metadata) {
                self.put_set(set.clone());
            }
        }
        for obsolete in &plan.obsolete {
            self.delete(obsolete);
        }
    }

    pub(crate) fn happen(&mut self, events: &Events) {
        self.minutes += events.minutes;
        if let Some(stubborn) = &events.stubborn {
            self.stubborn.clone_from(stubborn);
        }
        self.silent.extend(&events.silent);
        self.unhashed.clone_from(&events.unhashed);
        self.observed.refused.clone_from(&events.not_accepted);
        if let Some(patch) = &events.patch {
            self.patch(patch);
        }
        for name in &events.giants {
            self.enlarge(name);
        }
        self.move_slots(events);
        self.reload();
        self.issue_certificates(events);
        for lost in &events.lost {
            let secrets = &mut self.observed.secrets;
            secrets.retain(|secret| secret.metadata.name.as_ref() != Some(lost));
        }
        for secret in &mut self.observed.secrets {
            if secret.metadata.name == events.emptied {
                secret.data = None;
            }
        }
        for (name, entries) in &events.written {
            self.write_secret(name, entries);
        }
        if let Some(balancer) = &events.balancer {
            self.balance(balancer);
        }
        let observed = &mut self.observed;
        observed.cert_manager = events.cert_manager.unwrap_or(observed.cert_manager);
        observed.resolved_address = events.resolved_address.or(observed.resolved_address);
        observed.unreadable_users = events.unreadable_users;
        if events.unresolved {
            observed.resolved_address = None;
        }
        observed.foreign.extend(events.foreign.iter().cloned());
        if let Some(version) = &events.operator_version {
            self.settings.operator_version.clone_from(version);
        }
        if events.gateway_version.is_some() {
            self.settings
                .gateway_version
                .clone_from(&events.gateway_version);
        }
    }

    /// The gateways that serve load what they were given and say so, unless a case says otherwise.
    fn reload(&mut self) {
        let pods = |slots: &[u16]| -> Vec<String> {
            let pods = slots.iter().map(|slot| names::pod(self.name(), *slot));
            pods.collect()
        };
        let (stubborn, silent) = (pods(&self.stubborn), pods(&self.silent));
        let now = self.now();
        for (pod, heard) in &mut self.observed.gateways {
            let answer = if silent.contains(pod) {
                None
            } else if stubborn.contains(pod) {
                self.loaded.get(pod).cloned()
            } else {
                self.given.get(pod).cloned()
            };
            if let Some(answer) = &answer {
                self.loaded.insert(pod.clone(), answer.clone());
            }
            heard.hear(answer, now);
        }
    }

    fn enlarge(&mut self, name: &String) {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
        let inline = vec![format!("{key} {}", "x".repeat(1000)); 1000];
        let mut users = self.manifests.users.iter_mut();
        let user = users.find(|user| user.metadata.name.as_ref() == Some(name));
        let authentication = &mut user.unwrap().spec.authentication;
        authentication.authorized_keys =
            Some(serde_json::from_value(serde_json::json!({"inline": inline})).unwrap());
    }

    fn move_slots(&mut self, events: &Events) {
        for slot in &events.serving {
            self.serve(*slot);
        }
        for (slot, words) in &events.waiting {
            self.wait(*slot, words);
        }
        for slot in &events.failing {
            self.fail(*slot);
        }
        for slot in &events.unseen {
            self.set(*slot).unwrap().status = Some(StatefulSetStatus::default());
        }
        for slot in &events.starting {
            self.begin(*slot);
        }
        for slot in &events.podless {
            self.lose_pod(*slot);
        }
        for slot in &events.gone {
            let name = names::pod(self.name(), *slot);
            self.observed
                .pods
                .retain(|pod| pod.metadata.name.as_ref() != Some(&name));
        }
    }

    fn issue_certificates(&mut self, events: &Events) {
        for listener in &events.issued {
            self.issue(listener);
        }
        for (certificate, message) in &events.refused {
            let condition = not_ready(message);
            self.observed
                .certificates
                .insert(certificate.clone(), vec![condition]);
        }
        for certificate in &events.up_to_date {
            let condition = Condition {
                status: "True".to_owned(),
                ..not_ready("Certificate is up to date and has not expired")
            };
            self.observed
                .certificates
                .insert(certificate.clone(), vec![condition]);
        }
    }

    pub(crate) fn patch(&mut self, patch: &serde_json::Value) {
        let mut endpoint = serde_json::to_value(&self.manifests.endpoint).unwrap();
        merge(&mut endpoint, patch);
        self.manifests.endpoint = serde_json::from_value(endpoint).unwrap();
        *self
            .manifests
            .endpoint
            .metadata
            .generation
            .as_mut()
            .unwrap() += 1;
    }

    /// The pod of a slot runs as its `StatefulSet` says.
    pub(crate) fn serve(&mut self, slot: u16) {
        let Some(set) = self.set(slot) else { return };
        let revision = revision(set);
        set.status = Some(StatefulSetStatus {
            replicas: 1,
            ready_replicas: Some(1),
            updated_replicas: Some(1),
            observed_generation: set.metadata.generation,
            current_revision: Some(revision.clone()),
            update_revision: Some(revision),
            ..StatefulSetStatus::default()
        });
        self.put_pod(slot, PodStatus::default());
        let pod = names::pod(self.name(), slot);
        let mut heard = Heard::nothing(&self.manifests.endpoint);
        if !self.silent.contains(&slot) {
            heard.hear(self.given.get(&pod).cloned(), self.now());
        }
        self.observed.gateways.insert(pod, heard);
    }

    pub(crate) fn wait(&mut self, slot: u16, words: &Words) {
        let waiting = ContainerStateWaiting {
            reason: Some(words.reason.clone()),
            message: Some(words.message.clone()),
        };
        let container = ContainerStatus {
            name: "gateway".to_owned(),
            state: Some(ContainerState {
                waiting: Some(waiting),
                ..ContainerState::default()
            }),
            ..ContainerStatus::default()
        };
        let status = PodStatus {
            container_statuses: Some(vec![container]),
            ..PodStatus::default()
        };
        self.replace_pod(slot, status);
    }

    /// The pod of a slot runs as its `StatefulSet` says, and is not ready.
    fn begin(&mut self, slot: u16) {
        let ready = PodCondition {
            type_: "Ready".to_owned(),
            status: "False".to_owned(),
            last_transition_time: Some(Time(self.now())),
            ..PodCondition::default()
        };
        let status = PodStatus {
            conditions: Some(vec![ready]),
            ..PodStatus::default()
        };
        self.replace_pod(slot, status);
    }

    /// The pod of a slot is one of its latest template that does not serve.
    fn replace_pod(&mut self, slot: u16, pod: PodStatus) {
        let Some(set) = self.set(slot) else { return };
        let revision = revision(set);
        let generation = set.metadata.generation;
        let status = set.status.as_mut().unwrap();
        status.observed_generation = generation;
        status.update_revision = Some(revision);
        status.updated_replicas = Some(1);
        status.ready_replicas = Some(0);
        self.put_pod(slot, pod);
    }

    /// The old pod of a slot has gone, and there is no new one.
    fn lose_pod(&mut self, slot: u16) {
        let name = names::pod(self.name(), slot);
        let Some(set) = self.set(slot) else { return };
        set.status = Some(StatefulSetStatus {
            replicas: 0,
            observed_generation: set.metadata.generation,
            current_revision: Some("old".to_owned()),
            update_revision: Some(revision(set)),
            ..StatefulSetStatus::default()
        });
        let pods = &mut self.observed.pods;
        pods.retain(|pod| pod.metadata.name.as_ref() != Some(&name));
    }

    /// The pod of a slot has the template that it should have, and is not ready.
    pub(crate) fn fail(&mut self, slot: u16) {
        let status = self.set(slot).and_then(|set| set.status.as_mut());
        if let Some(status) = status {
            status.ready_replicas = Some(0);
        }
    }

    pub(crate) fn set(&mut self, slot: u16) -> Option<&mut StatefulSet> {
        let name = names::slot(self.name(), slot);
        let mut sets = self.observed.stateful_sets.iter_mut();
        sets.find(|set| set.metadata.name.as_ref() == Some(&name))
    }

    fn write_secret(&mut self, name: &str, entries: &BTreeMap<String, String>) {
        self.manifests.secrets.add(Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            string_data: Some(entries.clone()),
            ..Secret::default()
        });
    }

    fn issue(&mut self, listener: &str) {
        let certificate = issued();
        let name = names::certificate_secret(self.name(), listener);
        let entries = [("tls.crt", certificate.chain), ("tls.key", certificate.key)];
        self.manifests.secrets.add(Secret {
            metadata: ObjectMeta {
                name: Some(name),
                ..ObjectMeta::default()
            },
            data: Some(
                entries
                    .map(|(key, value)| (key.to_owned(), ByteString(value)))
                    .into(),
            ),
            ..Secret::default()
        });
    }

    fn balance(&mut self, balancer: &Balancer) {
        let ingress = LoadBalancerIngress {
            ip: balancer.ip.clone(),
            hostname: balancer.hostname.clone(),
            ..LoadBalancerIngress::default()
        };
        self.observed.service.as_mut().unwrap().status = Some(ServiceStatus {
            load_balancer: Some(LoadBalancerStatus {
                ingress: Some(vec![ingress]),
            }),
            ..ServiceStatus::default()
        });
    }

    fn name(&self) -> &str {
        self.manifests.endpoint.metadata.name.as_deref().unwrap()
    }

    fn put_secret(&mut self, secret: Secret) {
        let secrets = &mut self.observed.secrets;
        secrets.retain(|known| known.metadata.name != secret.metadata.name);
        secrets.push(secret);
    }

    fn put_service(&mut self, mut service: Service) {
        let spec = service.spec.as_mut().unwrap();
        spec.cluster_ip = Some("198.19.0.10".to_owned());
        if spec.type_.as_deref() != Some("ClusterIP") {
            for (number, port) in (0..).zip(spec.ports.iter_mut().flatten()) {
                port.node_port = Some(31000 + number);
            }
        }
        service.status = self.observed.service.take().and_then(|known| known.status);
        self.observed.service = Some(service);
    }

    fn put_set(&mut self, mut set: StatefulSet) {
        let sets = &mut self.observed.stateful_sets;
        let known = sets
            .iter()
            .position(|known| known.metadata.name == set.metadata.name);
        let known = known.map(|position| sets.remove(position));
        let generation = known.as_ref().and_then(|known| known.metadata.generation);
        let changed = known.as_ref().is_none_or(|known| known.spec != set.spec);
        set.metadata.generation = Some(generation.unwrap_or_default() + i64::from(changed));
        // The controller is there at once, the pod is not.
        let revision = revision(&set);
        let created = StatefulSetStatus {
            observed_generation: set.metadata.generation,
            current_revision: Some(revision.clone()),
            update_revision: Some(revision),
            ..StatefulSetStatus::default()
        };
        set.status = Some(known.map_or(created, |known| known.status.unwrap()));
        let is_leaving = set.spec.replicas == Some(0);
        let name = set.metadata.name.clone().unwrap();
        sets.push(set);
        if is_leaving {
            self.end_pod(&name);
        }
    }

    fn put_pod(&mut self, slot: u16, status: PodStatus) {
        let name = names::pod(self.name(), slot);
        self.observed.gateways.remove(&name);
        let pods = &mut self.observed.pods;
        pods.retain(|pod| pod.metadata.name.as_ref() != Some(&name));
        pods.push(Pod {
            metadata: ObjectMeta {
                name: Some(name),
                ..ObjectMeta::default()
            },
            status: Some(status),
            ..Pod::default()
        });
    }

    /// The pod of a `StatefulSet` drains.
    fn end_pod(&mut self, set: &str) {
        let pod = format!("{set}-0");
        let mut pods = self.observed.pods.iter_mut();
        if let Some(pod) = pods.find(|known| known.metadata.name.as_ref() == Some(&pod)) {
            let now = Timestamp::from_second(START).unwrap();
            pod.metadata.deletion_timestamp = Some(Time(now));
        }
    }

    /// A `StatefulSet` goes at once, its pod when it has drained.
    fn delete(&mut self, obsolete: &Obsolete) {
        let observed = &mut self.observed;
        match obsolete {
            Obsolete::StatefulSet(name) => {
                observed
                    .stateful_sets
                    .retain(|set| set.metadata.name.as_ref() != Some(name));
                self.end_pod(name);
            }
            Obsolete::Secret(name) => {
                observed
                    .secrets
                    .retain(|secret| secret.metadata.name.as_ref() != Some(name));
            }
            Obsolete::Certificate(name) => {
                observed.certificates.remove(name);
            }
        }
    }
}

pub(crate) fn template(set: &StatefulSet) -> &str {
    &set.metadata.annotations.as_ref().unwrap()[names::TEMPLATE_ANNOTATION]
}

fn revision(set: &StatefulSet) -> String {
    template(set).to_owned()
}

fn host_key(entry: &str) -> ByteString {
    ByteString(match entry {
        "ssh_host_ed25519_key" => include_bytes!("../fixtures/ssh_host_ed25519_key").to_vec(),
        "ssh_host_ecdsa_key" => include_bytes!("../fixtures/ssh_host_ecdsa_key").to_vec(),
        "ssh_host_rsa_key" => include_bytes!("../fixtures/ssh_host_rsa_key").to_vec(),
        other => panic!("{other} is no host key"),
    })
}

fn not_ready(message: &str) -> Condition {
    Condition {
        type_: "Ready".to_owned(),
        status: "False".to_owned(),
        reason: "Failed".to_owned(),
        message: message.to_owned(),
        last_transition_time: Time(Timestamp::from_second(START).unwrap()),
        observed_generation: None,
    }
}

/// JSON merge patch (RFC 7386).
fn merge(target: &mut serde_json::Value, patch: &serde_json::Value) {
    let serde_json::Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(serde_json::Value::Null), value);
        }
    }
}
