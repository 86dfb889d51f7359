//! The addresses of load balancers that have a host name: resolved here, for PASV tells an IPv4 address (RFC 959), and
//! looked up again when DNS says that the answer has aged.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hickory_resolver::{
    Resolver, TokioResolver, config::LookupIpStrategy, net::runtime::TokioRuntimeProvider,
};
use tokio::sync::mpsc;

use crate::wake::EndpointRef;

/// An answer is used at least so long, whatever DNS says.
const AGE_MIN: Duration = Duration::from_secs(5);
/// An answer is used at most so long, whatever DNS says.
const AGE_MAX: Duration = Duration::from_mins(5);
/// After a failure.
const RETRY: Duration = Duration::from_secs(15);
/// Endpoints that are told of a new address and were not woken yet.
const WAKES_MAX: usize = 1024;

/// The addresses of host names. Clones know the same.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    known: Arc<Mutex<HashMap<String, Known>>>,
    changed: mpsc::Sender<EndpointRef>,
}

#[derive(Debug, Default)]
struct Known {
    address: Option<Ipv4Addr>,
    endpoints: HashSet<EndpointRef>,
}

impl Addresses {
    /// The addresses, and the endpoints to wake when theirs change.
    pub(crate) fn new() -> (Self, mpsc::Receiver<EndpointRef>) {
        let (changed, woken) = mpsc::channel(WAKES_MAX);
        let known = Arc::default();
        (Self { known, changed }, woken)
    }

    /// The address of a host, as far as it is known; the endpoint is woken when that changes.
    pub(crate) fn of(&self, host: &str, endpoint: &EndpointRef) -> Option<Ipv4Addr> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !all.contains_key(host);
        let known = all.entry(host.to_owned()).or_default();
        known.endpoints.insert(endpoint.clone());
        let address = known.address;
        drop(all);
        if is_new {
            tokio::spawn(self.clone().follow(host.to_owned()));
        }
        address
    }

    /// Nobody asks for this endpoint any more.
    pub(crate) fn forget(&self, endpoint: &EndpointRef) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for known in all.values_mut() {
            known.endpoints.remove(endpoint);
        }
    }

    /// Looks a host up again and again, until nobody asks for it.
    async fn follow(self, host: String) {
        let resolver = match resolver() {
            Ok(resolver) => Some(resolver),
            Err(error) => {
                tracing::error!(%error, "host names cannot be looked up");
                None
            }
        };
        loop {
            let wait = match &resolver {
                Some(resolver) => self.look_up(resolver, &host).await,
                None => RETRY,
            };
            tokio::time::sleep(wait).await;
            if !self.is_wanted(&host) {
                return;
            }
        }
    }

    /// Whether anybody asks for this host; if not, it is forgotten.
    fn is_wanted(&self, host: &str) -> bool {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(host);
        let is_wanted = known.is_some_and(|known| !known.endpoints.is_empty());
        if !is_wanted {
            all.remove(host);
        }
        is_wanted
    }

    /// How long to wait until the next look. What was known stays known while DNS does not answer.
    async fn look_up(&self, resolver: &TokioResolver, host: &str) -> Duration {
        match resolver.lookup_ip(host).await {
            Ok(answer) => {
                let addresses = answer.iter().filter_map(|address| match address {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                });
                self.learn(host, &addresses.collect()).await;
                let left = answer
                    .valid_until()
                    .saturating_duration_since(Instant::now());
                left.clamp(AGE_MIN, AGE_MAX)
            }
            Err(error) => {
                tracing::warn!(host, %error, "a load balancer's name does not resolve");
                RETRY
            }
        }
    }

    async fn learn(&self, host: &str, addresses: &BTreeSet<Ipv4Addr>) {
        for endpoint in self.choose_for(host, addresses) {
            // Nobody listens any more: the operator is ending.
            let _sent = self.changed.send(endpoint).await.is_ok();
        }
    }

    /// The endpoints whose address changed.
    fn choose_for(&self, host: &str, addresses: &BTreeSet<Ipv4Addr>) -> Vec<EndpointRef> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(host.to_owned()).or_default();
        let chosen = choose(known.address, addresses);
        if chosen == known.address {
            return Vec::new();
        }
        tracing::info!(host, address = ?chosen, "a load balancer has another address");
        known.address = chosen;
        let woken = known.endpoints.iter().cloned().collect();
        drop(all);
        woken
    }
}

/// The one that is told already, as long as it is good: DNS turns its answers around.
fn choose(before: Option<Ipv4Addr>, addresses: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    before
        .filter(|before| addresses.contains(before))
        .or_else(|| addresses.first().copied())
}

fn resolver() -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = Resolver::builder(TokioRuntimeProvider::default())?;
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4Only;
    // This one asks again when an answer has aged, and nobody else asks.
    options.cache_size = 0;
    builder.build()
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector::ObjectRef;

    use super::*;

    fn addresses(last: &[u8]) -> BTreeSet<Ipv4Addr> {
        last.iter()
            .map(|last| Ipv4Addr::new(203, 0, 113, *last))
            .collect()
    }

    #[test]
    fn an_address_stays_as_long_as_it_is_good() {
        let told = Some(Ipv4Addr::new(203, 0, 113, 7));

        assert_eq!(choose(told, &addresses(&[3, 7, 9])), told);
        assert_eq!(
            choose(told, &addresses(&[9, 3])),
            addresses(&[3]).first().copied()
        );
        assert_eq!(
            choose(None, &addresses(&[9, 3])),
            addresses(&[3]).first().copied()
        );
        assert_eq!(choose(told, &addresses(&[])), None);
    }

    #[tokio::test]
    async fn only_a_change_wakes_and_only_those_who_asked() {
        let (addresses_of, mut woken) = Addresses::new();
        let endpoint: EndpointRef = ObjectRef::new("partners").within("b2b");
        let host = "balancer.invalid";
        addresses_of
            .known
            .lock()
            .unwrap()
            .entry(host.to_owned())
            .or_default();
        assert_eq!(addresses_of.of(host, &endpoint), None);

        addresses_of.learn(host, &addresses(&[7])).await;
        addresses_of.learn(host, &addresses(&[3, 7])).await;
        addresses_of.learn("other.invalid", &addresses(&[9])).await;

        assert_eq!(woken.try_recv().unwrap(), endpoint);
        assert!(woken.try_recv().is_err());
        assert_eq!(
            addresses_of.of(host, &endpoint),
            Some(Ipv4Addr::new(203, 0, 113, 7))
        );
    }
}
