//! Whether gateways have what they were given: each is asked what it serves, until that is what is wanted.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use futures_util::future::join_all;
use gateway_config::{SERVED_PATH, Served};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{StatusCode, Uri, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use plan::{ADMIN_PORT, Heard, serves_as_wanted};
use tokio::time::{Duration, Instant, timeout};

/// What a gateway may take for its answer. A turn waits for it.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// More is no answer of a gateway.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// While a gateway may still be on its way to what is wanted it is asked so often.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// After so long waiting alone does not help.
const OVERDUE: Duration = Duration::from_secs(30);
/// Until then its kubelet is made to look again so often, for it may have looked a moment too early.
const REFRESHED_AGAIN: Duration = Duration::from_secs(2);
/// A gateway that is overdue is asked so often.
const ASKED_SELDOM: Duration = Duration::from_mins(1);

/// Asks gateways at their admin ports.
#[derive(Clone, Debug)]
pub(crate) struct Questions(Client<HttpConnector, Empty<Bytes>>);

impl Questions {
    pub(crate) fn new() -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        Self(client.pool_max_idle_per_host(0).build_http())
    }

    /// What the gateway at this address serves; none if that cannot be found out.
    async fn ask(&self, address: SocketAddr) -> Option<Served> {
        let uri = format!("http://{address}{SERVED_PATH}");
        let answer = timeout(ANSWER_TIME, async {
            let uri: Uri = uri.parse().ok()?;
            let response = self.0.get(uri).await.ok()?;
            if response.status() != StatusCode::OK {
                return None;
            }
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
            let body = body.collect().await.ok()?;
            serde_json::from_slice(&body.to_bytes()).ok()
        });
        let answer = answer.await.ok().flatten();
        tracing::debug!(%address, ?answer, "asked a gateway what it serves");
        answer
    }
}

/// What is known of the gateways of one endpoint, by the name of their pod.
#[derive(Debug, Default)]
pub(crate) struct Gateways(BTreeMap<String, Gateway>);

#[derive(Debug)]
struct Gateway {
    /// The UID of the pod.
    uid: Option<String>,
    /// Where it is asked; none while its pod ends.
    address: Option<SocketAddr>,
    said: Option<Served>,
    /// None before the first turn that decides it.
    wanted: Option<Served>,
    /// Since when this is wanted.
    since: Instant,
    /// When the kubelet was last made to look for it, if it was.
    refreshed: Instant,
    /// How often it was.
    refreshes: u32,
}

impl Gateway {
    fn new(pod: &Pod) -> Self {
        let now = Instant::now();
        Self {
            uid: pod.metadata.uid.clone(),
            address: None,
            said: None,
            wanted: None,
            since: now,
            refreshed: now,
            refreshes: 0,
        }
    }

    fn is_as_wanted(&self) -> bool {
        match (&self.said, &self.wanted) {
            (Some(said), Some(wanted)) => serves_as_wanted(said, wanted),
            // Nothing is wanted of it.
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn is_awaited(&self) -> bool {
        self.address.is_some() && !self.is_as_wanted()
    }

    fn is_overdue(&self) -> bool {
        self.is_awaited() && self.since.elapsed() >= OVERDUE
    }
}

impl Gateways {
    /// Asks those gateways in running pods of which it is not known that they serve what is wanted.
    pub(crate) async fn ask(&mut self, questions: &Questions, pods: &[Pod]) {
        self.look_at(pods);
        let awaited = self.0.values_mut().filter(|gateway| gateway.is_awaited());
        let asking = awaited.map(|gateway| async {
            if let Some(address) = gateway.address {
                gateway.said = questions.ask(address).await;
            }
        });
        join_all(asking).await;
    }

    /// Follows the pods: a new one of the same name is another gateway.
    fn look_at(&mut self, pods: &[Pod]) {
        let running = pods.iter().filter(|pod| runs(pod));
        let running: BTreeMap<String, &Pod> = running.map(|pod| (pod.name_any(), pod)).collect();
        self.0.retain(|pod, gateway| {
            let seen = running.get(pod);
            seen.is_some_and(|seen| seen.metadata.uid == gateway.uid)
        });
        for (name, pod) in running {
            let gateway = self.0.entry(name).or_insert_with(|| Gateway::new(pod));
            gateway.address = address(pod);
        }
    }

    /// What was heard of each.
    pub(crate) fn heard(&self) -> BTreeMap<String, Heard> {
        let heard = self.0.iter().map(|(pod, gateway)| {
            let heard = Heard {
                served: gateway.said.clone(),
                is_overdue: gateway.is_overdue(),
            };
            (pod.clone(), heard)
        });
        heard.collect()
    }

    /// From now on the gateways should serve this, by the name of their pod.
    pub(crate) fn want(&mut self, wanted: &BTreeMap<String, Served>) {
        for (pod, gateway) in &mut self.0 {
            let wanted = wanted.get(pod);
            if gateway.wanted.as_ref() != wanted {
                gateway.wanted = wanted.cloned();
                gateway.since = Instant::now();
                gateway.refreshed = gateway.since;
                gateway.refreshes = 0;
            }
        }
    }

    /// Whether the kubelet of this pod has to look again, though its pod has the digest of what is wanted: how often it
    /// was made to look for that.
    pub(crate) fn refresh_again(&self, pod: &str) -> Option<u32> {
        let gateway = self.0.get(pod).filter(|gateway| gateway.is_awaited())?;
        let is_due = gateway.refreshed.elapsed() >= REFRESHED_AGAIN && !gateway.is_overdue();
        is_due.then_some(gateway.refreshes)
    }

    /// The kubelet of this pod was made to look.
    pub(crate) fn refreshed(&mut self, pod: &str) {
        if let Some(gateway) = self.0.get_mut(pod) {
            gateway.refreshed = Instant::now();
            gateway.refreshes = gateway.refreshes.saturating_add(1);
        }
    }

    /// When to ask again; none if all serve what is wanted.
    pub(crate) fn ask_again(&self) -> Option<Duration> {
        let mut awaited = self.0.values().filter(|gateway| gateway.is_awaited());
        let are_overdue = awaited.clone().all(Gateway::is_overdue);
        awaited.next()?;
        Some(if are_overdue {
            ASKED_SELDOM
        } else {
            ASKED_AGAIN
        })
    }
}

fn runs(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_ref());
    phase.is_some_and(|phase| phase == "Running")
}

/// Where a gateway can be asked. One whose pod ends is not asked: it drains, and goes on serving what it serves.
fn address(pod: &Pod) -> Option<SocketAddr> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let address: IpAddr = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
    Some(SocketAddr::new(address, ADMIN_PORT))
}

#[cfg(test)]
mod tests {
    use gateway_config::Digest;
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, phase: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "partners-0-0", "uid": uid},
            "status": {"phase": phase, "podIP": "127.0.0.1"},
        }))
        .unwrap()
    }

    fn served(configuration: &str) -> Served {
        Served {
            configuration: Digest::of(configuration.as_bytes()),
            listeners: BTreeMap::new(),
        }
    }

    fn want(gateways: &mut Gateways, configuration: &str) {
        gateways.want(&[("partners-0-0".to_owned(), served(configuration))].into());
    }

    /// A gateway that was given `new` and says this.
    fn given_new(said: Option<&str>) -> Gateways {
        let mut gateways = Gateways::default();
        gateways.look_at(&[pod("a", "Running")]);
        want(&mut gateways, "new");
        for gateway in gateways.0.values_mut() {
            gateway.said = said.map(served);
        }
        gateways
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_serves_what_is_wanted_is_left_alone() {
        let gateways = given_new(Some("new"));

        tokio::time::advance(OVERDUE).await;

        assert_eq!(gateways.ask_again(), None);
        assert_eq!(gateways.refresh_again("partners-0-0"), None);
        assert!(!gateways.heard()["partners-0-0"].is_overdue);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_is_asked_soon_and_refreshed_now_and_then_until_it_is_overdue() {
        for said in [Some("old"), None] {
            let mut gateways = given_new(said);
            gateways.refreshed("partners-0-0");
            assert_eq!(gateways.ask_again(), Some(ASKED_AGAIN));
            assert_eq!(gateways.refresh_again("partners-0-0"), None);

            tokio::time::advance(REFRESHED_AGAIN).await;
            assert_eq!(gateways.refresh_again("partners-0-0"), Some(1));
            gateways.refreshed("partners-0-0");
            assert_eq!(gateways.refresh_again("partners-0-0"), None);

            tokio::time::advance(OVERDUE).await;
            assert_eq!(gateways.ask_again(), Some(ASKED_SELDOM));
            assert_eq!(gateways.refresh_again("partners-0-0"), None);
            assert!(gateways.heard()["partners-0-0"].is_overdue);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn something_new_to_serve_begins_from_the_beginning() {
        let mut gateways = given_new(Some("old"));
        tokio::time::advance(OVERDUE).await;

        want(&mut gateways, "newer");

        assert_eq!(gateways.ask_again(), Some(ASKED_AGAIN));
    }

    #[test]
    fn another_pod_of_the_same_name_is_another_gateway() {
        let mut gateways = given_new(Some("new"));
        gateways.look_at(&[pod("a", "Running")]);
        assert_eq!(gateways.heard()["partners-0-0"].served, Some(served("new")));

        gateways.look_at(&[pod("b", "Running")]);
        assert_eq!(gateways.heard()["partners-0-0"].served, None);

        gateways.look_at(&[pod("b", "Pending")]);
        assert!(gateways.heard().is_empty());
    }

    #[test]
    fn a_gateway_whose_pod_ends_is_asked_nothing() {
        let mut gateways = given_new(Some("old"));
        let mut ending = pod("a", "Running");
        ending.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
                k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
            ));

        gateways.look_at(&[ending]);

        assert_eq!(gateways.ask_again(), None);
        assert_eq!(gateways.heard()["partners-0-0"].served, Some(served("old")));
    }

    /// An HTTP server that gives this answer to one request.
    async fn server(answer: &'static str) -> SocketAddr {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).await.unwrap();
            assert!(request[..count].starts_with(b"GET /served HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
            // A client that is told nothing waits.
            let _closed = stream.read(&mut request).await;
        });
        address
    }

    #[tokio::test]
    async fn whoever_does_not_answer_as_a_gateway_has_said_nothing() {
        let digest = "9a5ab7076e1af85872616866613ef772f2f4bf17fbcdf97b96bbd417a388bb21";
        let body =
            json!({"configuration": digest, "listeners": {"sftp": {}}, "more": 1}).to_string();
        let ok = |body: &str| -> &'static str {
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").leak()
        };
        let questions = Questions::new();

        let said = questions.ask(server(ok(&body)).await).await.unwrap();
        assert_eq!(said.configuration.to_string(), digest);
        assert!(said.listeners.contains_key("sftp"));

        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        assert_eq!(questions.ask(nobody).await, None);
        for answer in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            ok("[]"),
            ok(&" ".repeat(ANSWER_BYTES_MAX + 1)),
            "",
        ] {
            assert_eq!(questions.ask(server(answer).await).await, None, "{answer}");
        }
    }
}
