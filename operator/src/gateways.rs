//! Whether gateways have what they were given: who is asked, and when.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use crds::SecureFtpEndpoint;
use futures_util::future::join_all;
use gateway_config::Served;
use k8s_openapi::{
    api::core::v1::{Pod, PodStatus},
    jiff::Timestamp,
};
use kube::ResourceExt as _;
use plan::{ADMIN_PORT, Heard};
use tokio::time::Duration;

use crate::questions::Questions;

/// While a gateway may still be on its way to what it was given it is asked so often.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// One that is late is asked so often.
const ASKED_SELDOM: Duration = Duration::from_mins(1);
/// A kubelet is made to look again so often, for it may have looked a moment too early.
const REFRESHED_AGAIN: Duration = Duration::from_secs(2);

/// The gateways of one endpoint that clients are sent to, by the name of their pod.
#[derive(Debug, Default)]
pub(crate) struct Gateways(BTreeMap<String, Gateway>);

#[derive(Debug)]
struct Gateway {
    run: Run,
    heard: Heard,
    asked: Option<Timestamp>,
    /// When its kubelet was last made to look for what it was given.
    refreshed: Option<Timestamp>,
}

/// One run of a gateway. What it said dies with it: with the pod, though another has the same name, and with the container.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    pod: String,
    restarts: i32,
    admin: SocketAddr,
}

impl Run {
    /// The run that clients are sent to in this pod; none before it is ready, and while the pod ends.
    fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.as_ref()?;
        if pod.metadata.deletion_timestamp.is_some() || !is_ready(status) {
            return None;
        }
        let address: IpAddr = status.pod_ip.as_ref()?.parse().ok()?;
        let containers = status.container_statuses.iter().flatten();
        Some(Self {
            pod: pod.uid()?,
            restarts: containers.map(|container| container.restart_count).sum(),
            admin: SocketAddr::new(address, ADMIN_PORT),
        })
    }
}

fn is_ready(status: &PodStatus) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

impl Gateway {
    /// When it is asked next; none if it serves what it was given.
    fn is_asked_in(&self, now: Timestamp) -> Option<Duration> {
        let Some(asked) = self.asked else {
            return Some(Duration::ZERO);
        };
        let pause = if self.heard.is_late(now) {
            ASKED_SELDOM
        } else {
            ASKED_AGAIN
        };
        let waited = since(asked, now);
        let is_awaited = self.heard.is_awaited();
        is_awaited.then(|| pause.saturating_sub(waited))
    }
}

/// How long ago that was; for ever, if the clock was put back meanwhile.
fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or(Duration::MAX)
}

impl Gateways {
    /// Follows the pods of the endpoint, and asks those gateways of which it is not known that they serve what they were
    /// given.
    pub(crate) async fn ask(
        &mut self,
        (endpoint, pods): (&SecureFtpEndpoint, &[Pod]),
        questions: &Questions,
        now: Timestamp,
    ) {
        self.look_at(endpoint, pods);
        self.ask_due(questions, now).await;
    }

    async fn ask_due(&mut self, questions: &Questions, now: Timestamp) {
        let gateways = self.0.values_mut();
        let due = gateways.filter(|gateway| gateway.is_asked_in(now) == Some(Duration::ZERO));
        let asking = due.map(|gateway| async move {
            let answer = questions.ask(gateway.run.admin).await;
            gateway.asked = Some(now);
            gateway.heard.hear(answer, now);
        });
        join_all(asking).await;
    }

    fn look_at(&mut self, endpoint: &SecureFtpEndpoint, pods: &[Pod]) {
        let runs = pods
            .iter()
            .filter_map(|pod| Some((pod.name_any(), Run::of(pod)?)));
        let runs: BTreeMap<String, Run> = runs.collect();
        self.0
            .retain(|pod, gateway| runs.get(pod) == Some(&gateway.run));
        for (pod, run) in runs {
            self.0.entry(pod).or_insert_with(|| Gateway {
                run,
                heard: Heard::nothing(endpoint),
                asked: None,
                refreshed: None,
            });
        }
    }

    /// What was heard of each.
    pub(crate) fn heard(&self) -> BTreeMap<String, Heard> {
        let heard = self.0.iter();
        heard
            .map(|(pod, gateway)| (pod.clone(), gateway.heard.clone()))
            .collect()
    }

    /// The gateways were given this, by the name of their pod.
    pub(crate) fn give(&mut self, served: &BTreeMap<String, Served>, now: Timestamp) {
        for (pod, gateway) in &mut self.0 {
            gateway.heard.give(served.get(pod), now);
        }
    }

    /// Whether the files of this pod have to be looked at again.
    pub(crate) fn is_refreshed_again(&self, pod: &str, now: Timestamp) -> bool {
        self.0.get(pod).is_some_and(|gateway| {
            let refreshed = gateway.refreshed;
            gateway.heard.is_awaited()
                && !gateway.heard.is_late(now)
                && refreshed.is_none_or(|refreshed| since(refreshed, now) >= REFRESHED_AGAIN)
        })
    }

    /// The kubelet of this pod was made to look.
    pub(crate) fn refreshed(&mut self, pod: &str, now: Timestamp) {
        if let Some(gateway) = self.0.get_mut(pod) {
            gateway.refreshed = Some(now);
        }
    }

    /// When to ask again; none if all serve what they were given.
    pub(crate) fn are_asked_in(&self, now: Timestamp) -> Option<Duration> {
        let gateways = self.0.values();
        gateways
            .filter_map(|gateway| gateway.is_asked_in(now))
            .min()
    }
}

#[cfg(test)]
mod tests {
    use gateway_config::Digest;
    use serde_json::json;

    use super::*;
    use crate::questions::tests::{answer, server};

    const POD: &str = "partners-0-0";

    fn endpoint() -> SecureFtpEndpoint {
        serde_json::from_value(json!({
            "metadata": {"name": "partners"},
            "spec": {
                "listeners": [],
                "storage": {"persistentVolumeClaim": {"claimName": "partners-data"}},
                "users": {"selector": {"matchLabels": {"endpoint": "partners"}}},
            },
        }))
        .unwrap()
    }

    fn pod(uid: &str, ready: &str, restarts: i32) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": POD, "uid": uid},
            "status": {
                "podIP": "127.0.0.1",
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{
                    "name": "gateway", "image": "", "imageID": "", "ready": true, "restartCount": restarts,
                }],
            },
        }))
        .unwrap()
    }

    fn served(configuration: &str) -> Served {
        Served {
            configuration: Digest::of(configuration.as_bytes()),
            listeners: BTreeMap::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    /// A gateway that says this, and was given the new configuration at second 0.
    fn given_new(said: Option<&str>) -> Gateways {
        let mut gateways = Gateways::default();
        gateways.look_at(&endpoint(), &[pod("a", "True", 0)]);
        let gateway = gateways.0.get_mut(POD).unwrap();
        gateway.asked = Some(at(0));
        gateway.heard.hear(said.map(served), at(0));
        gateways.give(&[(POD.to_owned(), served("new"))].into(), at(0));
        gateways
    }

    fn seconds(gateways: &Gateways, second: i64) -> Option<u64> {
        gateways.are_asked_in(at(second)).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_gateway_that_serves_what_it_was_given_is_left_alone() {
        let gateways = given_new(Some("new"));

        assert_eq!(seconds(&gateways, 3600), None);
        assert!(!gateways.is_refreshed_again(POD, at(3600)));
    }

    #[test]
    fn one_that_does_not_is_asked_soon_and_refreshed_now_and_then_until_it_is_late() {
        for said in [Some("old"), None] {
            let mut gateways = given_new(said);
            assert_eq!(seconds(&gateways, 0), Some(1));
            assert_eq!(seconds(&gateways, 5), Some(0));

            gateways.refreshed(POD, at(0));
            assert!(!gateways.is_refreshed_again(POD, at(1)));
            assert!(gateways.is_refreshed_again(POD, at(2)));

            assert!(!gateways.is_refreshed_again(POD, at(30)));
            assert_eq!(seconds(&gateways, 30), Some(30));
        }
    }

    #[test]
    fn a_clock_that_is_put_back_keeps_nobody_from_asking() {
        let gateways = given_new(Some("old"));

        assert_eq!(seconds(&gateways, -3600), Some(0));
    }

    #[test]
    fn one_that_was_given_nothing_is_asked_once() {
        let mut gateways = Gateways::default();
        gateways.look_at(&endpoint(), &[pod("a", "True", 0)]);
        assert_eq!(seconds(&gateways, 0), Some(0));

        gateways.0.get_mut(POD).unwrap().asked = Some(at(0));
        gateways.give(&BTreeMap::new(), at(0));

        assert_eq!(seconds(&gateways, 3600), None);
    }

    #[test]
    fn what_was_said_dies_with_the_pod_and_with_the_container() {
        for (change, later) in [
            ("none", pod("a", "True", 0)),
            ("another pod", pod("b", "True", 0)),
            ("another container", pod("a", "True", 1)),
        ] {
            let mut gateways = given_new(Some("new"));
            let before = gateways.heard();

            gateways.look_at(&endpoint(), &[later]);

            assert_eq!(gateways.heard() == before, change == "none", "{change}");
            assert!(gateways.heard().contains_key(POD), "{change}");
        }
    }

    #[test]
    fn a_gateway_that_clients_are_not_sent_to_is_asked_nothing() {
        let mut ending = pod("a", "True", 0);
        ending.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0)));
        for pod in [pod("a", "False", 0), ending] {
            let mut gateways = given_new(Some("old"));
            gateways.look_at(&endpoint(), &[pod]);
            assert!(gateways.heard().is_empty());
        }
    }

    #[tokio::test]
    async fn only_those_whose_turn_it_is_are_asked() {
        let said = served("new");
        let (admin, serving) = server(answer(&serde_json::to_value(&said).unwrap())).await;
        let mut gateways = given_new(Some("old"));
        gateways.0.get_mut(POD).unwrap().run.admin = admin;
        let questions = Questions::new();

        gateways.ask_due(&questions, at(0)).await;
        assert_eq!(seconds(&gateways, 1), Some(0));
        gateways.ask_due(&questions, at(1)).await;

        serving.await.unwrap();
        assert_eq!(seconds(&gateways, 1), None);
    }
}
