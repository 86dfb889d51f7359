//! Whatever happens to pods, and whatever people write meanwhile, a new pod template goes from slot to slot.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use k8s_openapi::api::apps::v1::StatefulSet;
use plan::{Plan, names};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::{
    cluster::{Cluster, template},
    manifests::Manifests,
};

const SLOTS_MAX: u16 = 5;

/// What may happen between two turns.
#[derive(Clone, Debug)]
enum Event {
    /// The author writes another version; an odd one cannot run.
    Version(u8),
    Replicas(u16),
    /// The kubelet gets on with the pod of a slot.
    Progress(u16),
    /// A pod that served fails.
    Failure(u16),
    /// The pod of a slot that is not wanted has drained.
    Gone(u16),
}

fn event() -> impl Strategy<Value = Event> {
    let slot = 0..SLOTS_MAX;
    prop_oneof![
        1 => (0..6_u8).prop_map(Event::Version),
        1 => (0..=SLOTS_MAX).prop_map(Event::Replicas),
        6 => slot.clone().prop_map(Event::Progress),
        2 => slot.clone().prop_map(Event::Failure),
        1 => slot.prop_map(Event::Gone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_new_template_goes_from_slot_to_slot(events in vec(event(), 1..40)) {
        let mut world = World::start();

        for event in &events {
            world.happen(event);
            world.turn()?;
        }

        world.happen(&Event::Version(2));
        world.happen(&Event::Replicas(3));
        for _ in 0..10 {
            world.turn()?;
            (0..SLOTS_MAX).for_each(|slot| world.happen(&Event::Progress(slot)));
        }
        let images: Vec<_> = (0..3).map(|slot| world.image(slot)).collect();
        prop_assert!(images.iter().all(|image| image.ends_with(":2")), "{images:?}");
        let plan = world.cluster.plan();
        let before = world.cluster.observed.clone();
        world.cluster.apply(&plan);
        prop_assert_eq!(plan.obsolete, []);
        prop_assert_eq!(sets(&before.stateful_sets), sets(&world.cluster.observed.stateful_sets));
    }
}

/// The cluster, and which slots are being replaced: they got a new template and have not served it yet.
struct World {
    cluster: Cluster,
    replaced: BTreeSet<u16>,
}

impl World {
    fn start() -> Self {
        let clusters = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clusters");
        let mut cluster = Cluster::new(Manifests::read(&clusters.join("sftp.yaml")));
        cluster.patch(&json!({"spec": {"version": "0", "replicas": 3}}));
        Self {
            cluster,
            replaced: BTreeSet::new(),
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Version(version) => {
                let version = version.to_string();
                self.cluster.patch(&json!({"spec": {"version": version}}));
            }
            Event::Replicas(replicas) => {
                self.cluster.patch(&json!({"spec": {"replicas": replicas}}));
            }
            Event::Progress(slot) if self.runs(*slot) => {
                self.cluster.serve(*slot);
                self.replaced.remove(slot);
            }
            Event::Progress(slot) => {
                let words = serde_json::from_value(json!({
                    "reason": "ImagePullBackOff",
                    "message": "no such image",
                }));
                self.cluster.wait(*slot, &words.unwrap());
            }
            Event::Failure(slot) => self.cluster.fail(*slot),
            Event::Gone(slot) => {
                let set = self.cluster.set(*slot);
                if set.is_none_or(|set| set.spec.replicas == Some(0)) {
                    let pod = names::pod("partners", *slot);
                    let pods = &mut self.cluster.observed.pods;
                    pods.retain(|known| known.metadata.name.as_ref() != Some(&pod));
                }
            }
        }
    }

    /// One turn of the operator, and the rules.
    fn turn(&mut self) -> Result<(), TestCaseError> {
        let before = self.cluster.observed.stateful_sets.clone();
        let plan = self.cluster.plan();
        self.cluster.apply(&plan);
        let after = &self.cluster.observed.stateful_sets;

        let (known, now) = (sets(&before), sets(after));
        let changed: Vec<_> = now
            .iter()
            .filter(|(name, new)| known.get(*name).is_some_and(|old| old != *new))
            .map(|(name, _)| slot_of(name))
            .collect();
        prop_assert!(
            changed.len() <= 1,
            "templates of {changed:?} change in one turn"
        );
        if !changed.is_empty() {
            let image = image(after, changed[0]);
            for set in &before {
                let slot = slot_of(set.metadata.name.as_deref().unwrap());
                let is_new = image_of(set) == image && now.contains_key(&set_name(slot));
                prop_assert!(!is_new || is_ready(set), "{slot} is new and does not serve");
            }
        }
        self.replaced.extend(changed);
        self.replaced
            .retain(|slot| now.contains_key(&set_name(*slot)));
        prop_assert!(
            self.replaced.len() <= 1,
            "{:?} are replaced at once",
            self.replaced
        );
        Ok(())
    }

    /// Whether the image of a slot can run; there may be no slot.
    fn runs(&self, slot: u16) -> bool {
        let image = self.image(slot);
        !image.ends_with(['1', '3', '5'])
    }

    fn image(&self, slot: u16) -> String {
        image(&self.cluster.observed.stateful_sets, slot)
    }
}

/// The templates of those that have a pod, by name.
fn sets(sets: &[StatefulSet]) -> BTreeMap<String, String> {
    let sets = sets.iter().filter(|set| set.spec.replicas != Some(0));
    let named = sets.map(|set| {
        let name = set.metadata.name.clone().unwrap();
        (name, template(set).to_owned())
    });
    named.collect()
}

fn image(sets: &[StatefulSet], slot: u16) -> String {
    let name = set_name(slot);
    let mut sets = sets.iter();
    let set = sets.find(|set| set.metadata.name.as_ref() == Some(&name));
    set.map(image_of).unwrap_or_default()
}

fn image_of(set: &StatefulSet) -> String {
    let pod = set.spec.template.spec.as_ref().unwrap();
    pod.containers[0].image.clone().unwrap()
}

fn is_ready(set: &StatefulSet) -> bool {
    let status = set.status.as_ref();
    status.is_some_and(|status| status.ready_replicas == Some(1))
}

fn set_name(slot: u16) -> String {
    names::slot("partners", slot)
}

fn slot_of(name: &str) -> u16 {
    name.rsplit('-').next().unwrap().parse().unwrap()
}

/// Another Secret is another pod template, which only one gateway gets at a time.
#[test]
fn a_gateway_that_waits_is_not_asked_for_a_certificate_that_its_pod_does_not_have() {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clusters/both.yaml");
    let mut cluster = Cluster::new(Manifests::read(&manifests));
    for turn in ["{}", "{ issued: [ftps, moved], serving: [0, 1] }"] {
        let plan = cluster.plan();
        cluster.apply(&plan);
        cluster.happen(&serde_norway::from_str(turn).unwrap());
    }
    let certificates = |plan: &Plan| {
        ["partners-0-0", "partners-1-0"]
            .map(|pod| plan.served[pod].listeners["ftps"].certificate.is_some())
    };
    let plan = cluster.plan();
    assert_eq!(certificates(&plan), [true, true]);
    cluster.apply(&plan);

    cluster.patch(&json!({"spec": {"listeners": [
        {"name": "ftps", "protocol": "FTPSExplicit", "port": 21, "tls": {"secretRef": {"name": "partners-moved-tls"}}},
    ]}}));

    assert_eq!(certificates(&cluster.plan()), [true, false]);
}
