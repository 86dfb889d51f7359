//! Which gateways get their `StatefulSet` in this turn: a new pod template reaches one slot after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use crds::SecureFtpEndpoint;
use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetStatus},
        core::v1::{ContainerStatus, Pod},
    },
    jiff::{SignedDuration, Timestamp},
};

use crate::{
    Observed, Refusal, Situation,
    names::{self, TEMPLATE_ANNOTATION},
    problem::name_of,
    running::Running,
};

/// Who does not serve after so long will not by waiting: a Deployment gives up as late.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// What a container says that ends again and again.
const CRASH_LOOP: &str = "CrashLoopBackOff";

/// What a container says that does not start, and will not by waiting.
const STUCK_REASONS: [&str; 8] = [
    CRASH_LOOP,
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// What a turn does to the gateways.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Roll {
    /// The `StatefulSets` that are applied, by slot: those that are new, those whose template stays, and at most one whose
    /// template changes.
    pub apply: Vec<StatefulSet>,
    /// How far the wanted slots are.
    pub transition: Transition,
    /// The wanted slots whose gateway serves the template that its `StatefulSet` has now.
    pub serving: BTreeSet<u16>,
    /// Those that clients are sent to, though their gateway does not have all its listeners yet.
    pub incomplete: BTreeSet<u16>,
    /// The slots that are not wanted any more, as long as anything of them is there.
    pub leaving: BTreeSet<u16>,
}

/// How far the wanted slots are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Every wanted slot serves the template it should have.
    Complete,
    /// These slots wait for something that a problem names, such as their claim.
    Blocked(Vec<u16>),
    /// These slots have their template and do not serve yet, or not now.
    Starting(Vec<u16>),
    /// One slot gets its new template, and the others wait for it.
    Rolling {
        /// The slot that is being replaced.
        slot: u16,
        /// Those that follow.
        waiting: Vec<u16>,
    },
    /// A slot cannot start as its template says, and the others are left as they are.
    Stuck {
        /// The slot.
        slot: u16,
        /// What its pod says.
        why: String,
    },
    /// The API server does not accept the `StatefulSet` of a slot, and the others are left as they are.
    Refused {
        /// The slot.
        slot: u16,
        /// What the API server says.
        refusal: Refusal,
    },
}

/// The slots that do not serve for a reason that their pods do not show.
pub(crate) struct Unready {
    /// Those that may not get a new pod, for it could not start.
    pub blocked: BTreeSet<u16>,
    /// Those whose gateway does not have all its listeners yet.
    pub incomplete: BTreeSet<u16>,
}

/// The slots of one endpoint: how many are wanted, and what was observed of them.
pub(crate) struct Slots<'a> {
    endpoint: &'a str,
    replicas: u16,
    sets: BTreeMap<u16, &'a StatefulSet>,
    pods: BTreeMap<u16, &'a Pod>,
    /// Those whose `StatefulSet` the API server does not accept.
    refused: BTreeMap<u16, &'a Refusal>,
    /// Who began to start before should serve by now.
    late: Timestamp,
    /// Whether slots have been starting since before that, or were already found to be stuck.
    are_late: bool,
}

impl<'a> Slots<'a> {
    pub(crate) fn of(
        endpoint: &'a SecureFtpEndpoint,
        replicas: u16,
        situation: Situation<'a>,
    ) -> Self {
        let Situation { observed, now, .. } = situation;
        let late = now.checked_sub(PATIENCE).unwrap_or(Timestamp::MIN);
        let endpoint_status = endpoint.status.as_ref();
        let progressing = endpoint_status.and_then(|status| status.condition("Progressing"));
        let are_late = progressing.is_some_and(|condition| {
            condition.reason == "RollStuck"
                // Who loads what is new does not start.
                || (condition.status == "True"
                    && condition.reason != "Reloading"
                    && condition.last_transition_time.0 <= late)
        });
        let endpoint = name_of(&endpoint.metadata);
        let sets = observed.stateful_sets.iter().filter_map(|set| {
            let slot = names::slot_of(endpoint, name_of(&set.metadata))?;
            Some((slot, set))
        });
        let pods = observed.pods.iter().filter_map(|pod| {
            let set = name_of(&pod.metadata).strip_suffix("-0")?;
            Some((names::slot_of(endpoint, set)?, pod))
        });
        let refused = observed.refused.iter();
        let refused = refused.filter(|refusal| refusal.kind == "StatefulSet");
        let refused =
            refused.filter_map(|refusal| Some((names::slot_of(endpoint, &refusal.name)?, refusal)));
        Self {
            endpoint,
            replicas,
            sets: sets.collect(),
            pods: pods.collect(),
            refused: refused.collect(),
            late,
            are_late,
        }
    }

    /// The name of the endpoint.
    pub(crate) fn endpoint(&self) -> &'a str {
        self.endpoint
    }

    /// The slots that are wanted.
    pub(crate) fn wanted(&self) -> Range<u16> {
        0..self.replicas
    }

    /// The `StatefulSets` by slot.
    pub(crate) fn sets(&self) -> &BTreeMap<u16, &'a StatefulSet> {
        &self.sets
    }

    /// The wanted slots that keep an older pod in this turn.
    pub(crate) fn running(&self, roll: &Roll, observed: &Observed) -> BTreeMap<u16, Running> {
        let is_applied = |set: &StatefulSet| {
            let mut applied = roll.apply.iter();
            applied.any(|applied| applied.metadata.name == set.metadata.name)
        };
        let sets = self.sets.range(self.wanted());
        sets.filter(|(slot, set)| !is_applied(set) || self.refused.contains_key(slot))
            .map(|(slot, set)| (*slot, Running::of(set, observed)))
            .collect()
    }

    /// The first slot whose `StatefulSet` the API server does not accept.
    fn refused(&self) -> Option<Transition> {
        let (slot, refusal) = self.refused.first_key_value()?;
        Some(Transition::Refused {
            slot: *slot,
            refusal: (*refusal).clone(),
        })
    }

    /// Why a slot that starts will not by waiting, in words that help; none if it may.
    fn stuck(&self, slot: u16) -> Option<String> {
        match self.pods.get(&slot) {
            Some(pod) => stuck(pod).or_else(|| self.never_ready(pod)),
            None => self.without_pod(self.sets.get(&slot)?),
        }
    }

    fn never_ready(&self, pod: &Pod) -> Option<String> {
        if pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let mut conditions = pod.status.as_ref()?.conditions.iter().flatten();
        let ready = conditions.find(|condition| condition.type_ == "Ready")?;
        let since = ready.last_transition_time.as_ref()?.0;
        let name = name_of(&pod.metadata);
        (ready.status != "True" && since <= self.late).then(|| {
            format!("{name} is not ready since {since}, see `kubectl describe pod {name}`")
        })
    }

    /// A quota, an admission webhook or a priority class that is absent keep a `StatefulSet` from making its pod. Only
    /// events tell why.
    fn without_pod(&self, set: &StatefulSet) -> Option<String> {
        let status = set.status.as_ref()?;
        let has_none =
            status.replicas == 0 && status.observed_generation >= set.metadata.generation;
        let name = name_of(&set.metadata);
        (has_none && self.are_late)
            .then(|| format!("it has no pod, see `kubectl describe statefulset {name}`"))
    }

    /// Which of these slots gets a new template first.
    fn next(&self, outdated: &BTreeSet<u16>) -> Option<u16> {
        outdated.iter().copied().min_by_key(|slot| {
            let set = self.sets.get(slot);
            let is_whole = set.is_some_and(|set| !is_replaced(set));
            (is_whole, set.is_some_and(|set| serves(set)))
        })
    }

    /// Whether a slot has a pod, which may be about to end.
    pub(crate) fn has_pod(&self, slot: u16) -> bool {
        self.pods.contains_key(&slot)
    }

    /// The slots that are not wanted and have both a `StatefulSet` and a pod.
    pub(crate) fn ending(&self) -> impl Iterator<Item = u16> {
        let slots = self.sets.keys().copied();
        slots.filter(|slot| !self.wanted().contains(slot) && self.has_pod(*slot))
    }

    /// The slots that are not wanted and of which something is there.
    pub(crate) fn leaving(&self) -> BTreeSet<u16> {
        let observed = self.sets.keys().chain(self.pods.keys()).copied();
        observed
            .filter(|slot| !self.wanted().contains(slot))
            .collect()
    }
}

/// Decides which of the wanted `StatefulSets` are applied.
///
/// A slot that is missing, or whose pod was to end, is created, and one whose template stays is applied, for that mends
/// what hands have changed. A new template is given to one slot only, and only while every slot that has it already serves:
/// first to the one that is being replaced, then to one that does not serve anyway, then to the lowest. A blocked slot could
/// not start, so it gets no new pod; one that is incomplete does not serve yet, however ready its pod is.
pub(crate) fn roll(
    mut wanted: BTreeMap<u16, StatefulSet>,
    unready: &Unready,
    slots: &Slots<'_>,
) -> Roll {
    let blocked = &unready.blocked;
    let (mut current, mut missing, mut outdated) = <(Group, Group, Group)>::default();
    for (slot, set) in &wanted {
        let group = match slots.sets.get(slot) {
            None => &mut missing,
            Some(observed) if is_ended(observed) => &mut missing,
            Some(observed) if template(observed) == template(set) => &mut current,
            Some(_) => &mut outdated,
        };
        group.insert(*slot);
    }
    let ready: Group = slots
        .sets
        .iter()
        .filter(|(slot, set)| wanted.contains_key(slot) && serves(set))
        .map(|(slot, _)| *slot)
        .collect();
    // Who waits for a new template has only what the old one can.
    let incomplete = &(&ready & &current) & &unready.incomplete;
    let serving = &ready - &incomplete;
    let created = &missing - blocked;
    let starting = &created | &(&current - &serving);
    let next = match starting.first() {
        None => slots.next(&(&outdated - blocked)),
        Some(_) => None,
    };
    let waiting = outdated.iter().copied().filter(|slot| Some(*slot) != next);
    let waiting: Vec<u16> = waiting.collect();
    let halted = &(&missing | &outdated) & blocked;
    let transition = match next {
        _ if let Some(refused) = slots.refused() => refused,
        Some(slot) => Transition::Rolling { slot, waiting },
        None if starting.is_empty() && !halted.is_empty() => {
            Transition::Blocked(halted.into_iter().collect())
        }
        None => transition(starting, waiting, slots),
    };
    wanted
        .retain(|slot, _| current.contains(slot) || created.contains(slot) || next == Some(*slot));
    Roll {
        apply: wanted.into_values().collect(),
        transition,
        serving,
        incomplete,
        leaving: slots.leaving(),
    }
}

type Group = BTreeSet<u16>;

/// How far the slots are if no template changes.
fn transition(starting: BTreeSet<u16>, waiting: Vec<u16>, slots: &Slots<'_>) -> Transition {
    let stuck = starting.iter().find_map(|slot| {
        let why = slots.stuck(*slot)?;
        Some(Transition::Stuck { slot: *slot, why })
    });
    if let Some(stuck) = stuck {
        return stuck;
    }
    // One that its controller has not seen yet is new.
    let is_replaced = |slot: &&u16| {
        let set = slots.sets.get(slot).filter(|set| is_seen(set));
        set.is_some_and(|set| is_replaced(set))
    };
    match starting
        .iter()
        .find(is_replaced)
        .or_else(|| starting.first())
    {
        None => Transition::Complete,
        Some(slot) if !waiting.is_empty() || is_replaced(&slot) => Transition::Rolling {
            slot: *slot,
            waiting,
        },
        Some(_) => Transition::Starting(starting.into_iter().collect()),
    }
}

/// Whether a gateway serves the template that its `StatefulSet` has.
pub(crate) fn serves(set: &StatefulSet) -> bool {
    let is_ready = |status: &StatefulSetStatus| {
        status.updated_replicas >= Some(1) && status.ready_replicas >= Some(1)
    };
    !is_ended(set) && !is_replaced(set) && set.status.as_ref().is_some_and(is_ready)
}

/// Whether the pod has gone or ends, and no other follows.
fn is_ended(set: &StatefulSet) -> bool {
    set.spec.replicas == Some(0)
}

/// Whether the `StatefulSet` has not yet brought its latest template to its pod.
fn is_replaced(set: &StatefulSet) -> bool {
    set.status.as_ref().is_none_or(|status| {
        status.observed_generation < set.metadata.generation
            || status.current_revision != status.update_revision
    })
}

fn is_seen(set: &StatefulSet) -> bool {
    let status = set.status.as_ref();
    status.is_some_and(|status| status.observed_generation.is_some())
}

fn template(set: &StatefulSet) -> Option<&String> {
    set.metadata.annotations.as_ref()?.get(TEMPLATE_ANNOTATION)
}

/// Why a pod will not start by waiting, in its own words; none if it may.
fn stuck(pod: &Pod) -> Option<String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.as_ref()?;
    let told = |reason: &str, message: Option<&String>| {
        let name = name_of(&pod.metadata);
        match message {
            Some(message) => format!("{name}: {reason}: {message}"),
            None => format!("{name}: {reason}"),
        }
    };
    if status.phase.as_deref() == Some("Failed") {
        let reason = status.reason.as_deref().unwrap_or("Failed");
        return Some(told(reason, status.message.as_ref()));
    }
    let unschedulable = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("Unschedulable")
    });
    if let Some(condition) = unschedulable.filter(|condition| condition.status == "False") {
        return Some(told("Unschedulable", condition.message.as_ref()));
    }
    let mut containers = status.container_statuses.iter().flatten();
    containers.find_map(|container| {
        let (reason, message) = stuck_container(container)?;
        Some(told(reason, message))
    })
}

/// The reason and the message of a container that does not start.
fn stuck_container(container: &ContainerStatus) -> Option<(&str, Option<&String>)> {
    let state = container.state.as_ref()?;
    let ended = container.last_state.as_ref();
    let last_words = ended.and_then(|state| state.terminated.as_ref()?.message.as_ref());
    match &state.waiting {
        Some(waiting) => {
            let reason = waiting.reason.as_deref()?;
            // What the program said explains more than how long the kubelet waits.
            let words = last_words.filter(|_| reason == CRASH_LOOP);
            let is_stuck = STUCK_REASONS.contains(&reason);
            is_stuck.then_some((reason, words.or(waiting.message.as_ref())))
        }
        // Between two crashes it runs for a moment, which changes nothing.
        None if container.restart_count > 1 && !container.ready => Some((CRASH_LOOP, last_words)),
        None => None,
    }
}
