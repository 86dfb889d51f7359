//! Whether clients get what is written: what each gateway should say that it serves, and what it says.

use std::collections::{BTreeMap, BTreeSet};

use crds::SecureFtpEndpoint;
use gateway_config::{Digest, ENDPOINT_FILE, Endpoint, Served, ServedListener};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Certificate, Situation, configured::Configuration, names, problem::name_of, running::Running,
};

/// The reason of `Programmed` when gateways do not serve what is written, and no waiting helps.
pub(crate) const NOT_SERVED: &str = "ConfigurationNotServed";

/// Whoever does not serve after so long what it was given will not by waiting.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// What is known of a gateway that clients are sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Heard {
    /// What it last said that it serves; none before its first answer.
    said: Option<Served>,
    /// What it was last given to serve; none if nothing was.
    given: Option<Served>,
    /// Since when it has been waited for in vain: it has said nothing new since. None while it serves what it was given.
    astray_since: Option<Timestamp>,
    /// Whether it has answered since then.
    answers: bool,
}

impl Heard {
    /// Nothing yet, of a gateway of this endpoint. An operator that finds in the status that gateways do not serve what is
    /// written takes up the clock of the one before.
    pub fn nothing(endpoint: &SecureFtpEndpoint) -> Self {
        let status = endpoint.status.as_ref();
        let status = status
            .filter(|status| Some(status.observed_generation) == endpoint.metadata.generation);
        let programmed = status.and_then(|status| status.condition("Programmed"));
        let refused = programmed.filter(|condition| condition.reason == NOT_SERVED);
        Self {
            astray_since: refused.map(|condition| condition.last_transition_time.0),
            ..Self::default()
        }
    }

    /// It was asked, and answered this or not at all.
    pub fn hear(&mut self, answer: Option<Served>, now: Timestamp) {
        let Some(answer) = answer else { return };
        let is_new = self.said.as_ref() != Some(&answer);
        self.said = Some(answer);
        self.answers = true;
        match &self.given {
            Some(given) if self.serves(given) => self.astray_since = None,
            Some(_) if is_new => self.astray_since = Some(now),
            Some(_) | None => {}
        }
    }

    /// It was given this to serve; nothing, if it is not wanted any more. An edit gives it no more time, unless it has been
    /// found to be late: then it has to be looked at anew.
    pub fn give(&mut self, wanted: Option<&Served>, now: Timestamp) {
        let is_edited = self.given.is_some() && self.given.as_ref() != wanted;
        let was_late = self.is_late(now);
        self.given = wanted.cloned();
        if !self.is_awaited() {
            self.astray_since = None;
        } else if self.astray_since.is_none() || (is_edited && was_late) {
            self.astray_since = Some(now);
            self.answers = false;
        }
    }

    /// Whether it should serve something else than it says.
    pub fn is_awaited(&self) -> bool {
        let given = self.given.as_ref();
        given.is_some_and(|given| !self.serves(given))
    }

    /// Whether waiting alone does not help.
    pub fn is_late(&self, now: Timestamp) -> bool {
        let since = self.astray_since;
        since.is_some_and(|since| now.duration_since(since) >= PATIENCE)
    }

    /// Whether it serves this. It may serve more.
    fn serves(&self, wanted: &Served) -> bool {
        self.said.as_ref().is_some_and(|said| {
            said.configuration == wanted.configuration
                && wanted.listeners.iter().all(|(name, wanted)| {
                    let said = said.listeners.get(name);
                    said.is_some_and(|said| wanted.certificate.is_none() || said == wanted)
                })
        })
    }

    fn has_listeners(&self, gateway: &Endpoint) -> bool {
        let mut listeners = gateway.listeners.iter();
        self.said.as_ref().is_some_and(|said| {
            listeners.all(|listener| said.listeners.contains_key(&listener.name))
        })
    }

    /// How far it is once this turn has given it what is wanted.
    fn reach(&self, wanted: &Served, now: Timestamp) -> Reach {
        let mut given = self.clone();
        given.give(Some(wanted), now);
        if !given.is_awaited() {
            Reach::Programmed
        } else if !given.is_late(now) {
            Reach::Loading
        } else if given.answers {
            Reach::Refusing
        } else {
            Reach::Silent
        }
    }
}

/// How far a gateway is with what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It serves it.
    Programmed,
    /// It is given it in this turn, or was lately.
    Loading,
    /// It serves something else, and no waiting helps.
    Refusing,
    /// It has had time enough, and does not say what it serves.
    Silent,
}

/// How far the gateways are, by slot; without those that clients are not sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached(pub BTreeMap<u16, Reach>);

impl Reached {
    /// Compares what is wanted with what was heard.
    pub(crate) fn of(
        endpoint: &str,
        wanted: &BTreeMap<u16, Served>,
        Situation { observed, now, .. }: Situation<'_>,
    ) -> Self {
        let reached = wanted.iter().filter_map(|(slot, wanted)| {
            let heard = observed.gateways.get(&names::pod(endpoint, *slot))?;
            Some((*slot, heard.reach(wanted, now)))
        });
        Self(reached.collect())
    }

    /// The slots whose gateway is as far as this.
    pub(crate) fn those(&self, reach: Reach) -> BTreeSet<u16> {
        let those = self.0.iter().filter(|(_, one)| **one == reach);
        those.map(|(slot, _)| *slot).collect()
    }
}

/// What each gateway should say, by slot, once it has its configuration and the certificates. One that keeps its pod in this
/// turn has only the certificates that are mounted there.
pub(crate) fn wanted(
    endpoint: &SecureFtpEndpoint,
    configurations: &BTreeMap<u16, Configuration>,
    (certificates, running): (&BTreeMap<String, Certificate>, &BTreeMap<u16, Running>),
) -> BTreeMap<u16, Served> {
    let wanted = configurations.iter().filter_map(|(slot, configuration)| {
        let file = configuration.secret.data.as_ref()?.get(ENDPOINT_FILE)?;
        let has = |listener: &str| {
            let running = running.get(slot);
            running.is_none_or(|running| running.has_certificate(endpoint, listener))
        };
        let listeners = configuration.gateway.listeners.iter().map(|listener| {
            let name = &listener.name;
            let certificate = certificates.get(name).filter(|_| has(name));
            let own = certificate.and_then(Certificate::first);
            let certificate = own.map(|der| Digest::of(&der));
            (name.clone(), ServedListener { certificate })
        });
        let served = Served {
            configuration: Digest::of(&file.0),
            listeners: listeners.collect(),
        };
        Some((*slot, served))
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
/// certificate was there, for example. Clients who could rely on the endpoint until now lose nothing by that.
pub(crate) fn incomplete(
    endpoint: &SecureFtpEndpoint,
    gateways: &BTreeMap<u16, Endpoint>,
    Situation { observed, now, .. }: Situation<'_>,
) -> BTreeSet<u16> {
    let status = endpoint.status.as_ref();
    if status.is_some_and(|status| status.is_true("Ready")) {
        return BTreeSet::new();
    }
    let is_incomplete = |slot: u16, gateway: &Endpoint| {
        let pod = names::pod(name_of(&endpoint.metadata), slot);
        let heard = observed.gateways.get(&pod);
        heard.is_none_or(|heard| !heard.has_listeners(gateway) && !heard.is_late(now))
    };
    let gateways = gateways.iter();
    gateways
        .filter(|(slot, gateway)| is_incomplete(**slot, gateway))
        .map(|(slot, _)| *slot)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: &str = "old";
    const NEW: &str = "new";
    const NEWER: &str = "newer";

    fn served(configuration: &str) -> Served {
        with_certificate(configuration, None)
    }

    fn with_certificate(configuration: &str, certificate: Option<&str>) -> Served {
        let certificate = certificate.map(|der| Digest::of(der.as_bytes()));
        Served {
            configuration: Digest::of(configuration.as_bytes()),
            listeners: [("ftps".to_owned(), ServedListener { certificate })].into(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    /// A gateway that served the old configuration when it was given the new one, at second 0.
    fn given_new() -> Heard {
        let mut heard = Heard::default();
        heard.hear(Some(served(OLD)), at(-60));
        heard.give(Some(&served(OLD)), at(-60));
        heard.give(Some(&served(NEW)), at(0));
        heard
    }

    fn reach(heard: &Heard, wanted: &str, second: i64) -> Reach {
        heard.reach(&served(wanted), at(second))
    }

    #[test]
    fn a_gateway_may_serve_more_than_is_wanted_but_no_other_certificate() {
        for (said, wanted, serves) in [
            (Some("a"), Some("a"), true),
            (Some("b"), Some("a"), false),
            (None, Some("a"), false),
            (Some("a"), None, true),
        ] {
            let mut heard = Heard::default();
            heard.hear(Some(with_certificate(NEW, said)), at(0));
            assert_eq!(
                heard.serves(&with_certificate(NEW, wanted)),
                serves,
                "{said:?} for {wanted:?}"
            );
            assert!(!heard.serves(&with_certificate(OLD, wanted)));
        }

        let mut heard = Heard::default();
        let mut more = served(NEW);
        more.listeners
            .insert("sftp".to_owned(), ServedListener::default());
        heard.hear(Some(more.clone()), at(0));
        assert!(heard.serves(&served(NEW)));
        heard.hear(Some(served(NEW)), at(0));
        assert!(!heard.serves(&more));
    }

    #[test]
    fn a_gateway_has_time_to_load_what_it_is_given() {
        let mut heard = given_new();

        assert_eq!(reach(&heard, NEW, 29), Reach::Loading);
        heard.hear(Some(served(NEW)), at(29));

        assert_eq!(reach(&heard, NEW, 29), Reach::Programmed);
        assert_eq!(reach(&heard, NEW, 3600), Reach::Programmed);
    }

    #[test]
    fn one_that_goes_on_saying_something_else_refuses_and_one_that_does_not_answer_is_silent() {
        let silent = given_new();
        assert_eq!(reach(&silent, NEW, 30), Reach::Silent);

        let mut refusing = given_new();
        refusing.hear(Some(served(OLD)), at(10));
        assert_eq!(reach(&refusing, NEW, 30), Reach::Refusing);
    }

    #[test]
    fn an_answer_that_is_lost_changes_nothing() {
        let mut refusing = given_new();
        refusing.hear(Some(served(OLD)), at(10));

        refusing.hear(None, at(30));

        assert_eq!(reach(&refusing, NEW, 30), Reach::Refusing);
    }

    #[test]
    fn edits_give_no_more_time_to_one_that_follows_none_of_them() {
        let mut heard = given_new();
        heard.hear(Some(served(OLD)), at(10));

        heard.give(Some(&served(NEWER)), at(20));

        assert_eq!(reach(&heard, NEWER, 29), Reach::Loading);
        assert_eq!(reach(&heard, NEWER, 30), Reach::Refusing);
    }

    #[test]
    fn one_that_follows_slowly_has_its_time_with_every_step() {
        let mut heard = given_new();
        heard.give(Some(&served(NEWER)), at(20));

        heard.hear(Some(served(NEW)), at(29));

        assert_eq!(reach(&heard, NEWER, 58), Reach::Loading);
        assert_eq!(reach(&heard, NEWER, 59), Reach::Refusing);
    }

    #[test]
    fn lateness_with_one_edit_is_none_with_the_next() {
        let mut heard = given_new();
        heard.hear(Some(served(OLD)), at(10));
        assert_eq!(reach(&heard, NEW, 60), Reach::Refusing);

        assert_eq!(reach(&heard, NEWER, 60), Reach::Loading);
        heard.give(Some(&served(NEWER)), at(60));

        assert_eq!(reach(&heard, NEWER, 89), Reach::Loading);
        heard.hear(Some(served(OLD)), at(89));
        assert_eq!(reach(&heard, NEWER, 90), Reach::Refusing);
    }

    #[test]
    fn what_is_taken_back_is_served_at_once() {
        let mut heard = given_new();

        assert_eq!(reach(&heard, OLD, 60), Reach::Programmed);
        heard.give(Some(&served(OLD)), at(60));

        assert!(!heard.is_awaited());
        assert!(!heard.is_late(at(3600)));
    }

    #[test]
    fn nothing_is_awaited_of_one_that_was_given_nothing() {
        let mut heard = given_new();

        heard.give(None, at(10));

        assert!(!heard.is_awaited());
        assert!(!heard.is_late(at(3600)));
        assert!(!Heard::default().is_awaited());
    }

    #[test]
    fn a_new_operator_goes_on_where_the_one_before_was() {
        let endpoint = |generation: u32| -> SecureFtpEndpoint {
            let condition = json!({
                "type": "Programmed", "status": "False", "reason": NOT_SERVED, "message": "",
                "lastTransitionTime": at(0).to_string(),
            });
            let spec = json!({
                "listeners": [],
                "storage": {"persistentVolumeClaim": {"claimName": "partners-data"}},
                "users": {"selector": {"matchLabels": {"endpoint": "partners"}}},
            });
            let mut endpoint: SecureFtpEndpoint = serde_json::from_value(json!({
                "apiVersion": "secureftp.dev/v1alpha1",
                "kind": "SecureFtpEndpoint",
                "metadata": {"name": "partners", "generation": generation},
                "spec": spec,
            }))
            .unwrap();
            let status = endpoint.status.get_or_insert_default();
            status.observed_generation = 1;
            status.conditions = vec![serde_json::from_value(condition).unwrap()];
            endpoint
        };

        let mut heard = Heard::nothing(&endpoint(1));
        heard.hear(Some(served(OLD)), at(60));
        assert_eq!(reach(&heard, NEW, 60), Reach::Refusing);
        heard.give(Some(&served(NEW)), at(60));
        assert_eq!(reach(&heard, NEW, 61), Reach::Refusing);
        assert_eq!(reach(&heard, OLD, 61), Reach::Programmed);

        let mut edited = Heard::nothing(&endpoint(2));
        edited.hear(Some(served(OLD)), at(60));
        assert_eq!(reach(&edited, NEW, 60), Reach::Loading);
    }
}
