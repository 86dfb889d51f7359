//! Connections through a balancer that says in a PROXY header, version 2, whom it speaks for.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use gateway::{drain::Arrivals, server::Server};
use gateway_config::{ProxyMode, ProxyProtocol};
use prometheus::Registry;
use tokio::time::timeout;

use super::fixture::{Folder, HOUR, PATIENCE, Visitor, eventually, text};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const GREETING: &[u8] = b"SSH-2.0-visitor\r\n";

/// The balancer; everything else comes from somewhere else.
const BALANCER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub(super) const ALICE: [u8; 4] = [203, 0, 113, 9];
pub(super) const BOB: [u8; 4] = [203, 0, 113, 10];

/// A gateway that knows one balancer.
struct Fixture {
    folder: Folder,
    registry: Registry,
    server: Server,
}

impl Fixture {
    async fn start(mode: ProxyMode) -> Self {
        Self::start_with(mode, |_| {}).await
    }

    async fn start_with(
        mode: ProxyMode,
        change: impl FnOnce(&mut gateway_config::Endpoint),
    ) -> Self {
        let mut folder = Folder::new();
        folder.change(|endpoint| {
            endpoint.proxy_protocol = trusting(mode, BALANCER);
            change(endpoint);
        });
        let registry = Registry::new();
        let server = Server::start(&folder.path(), &registry).await.unwrap();
        Self {
            folder,
            registry,
            server,
        }
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses().remove(0).1
    }

    /// A connection from the balancer that begins with these bytes.
    async fn balanced(&self, bytes: &[u8]) -> Visitor {
        Visitor::arrive_from(BALANCER, bytes, self.address()).await
    }

    /// A connection from elsewhere that begins with these bytes.
    async fn strange(&self, bytes: &[u8]) -> Visitor {
        Visitor::arrive_from(STRANGER, bytes, self.address()).await
    }

    /// Waits until so many connections have ended so.
    async fn counted(&self, outcome: &str, count: u32) {
        let series = format!(
            "secureftp_connections_total{{endpoint=\"b2b/partners\",outcome=\"{outcome}\",protocol=\"sftp\"}} {count}\n"
        );
        eventually(&series, || text(&self.registry).contains(&series)).await;
    }

    /// Waits until so many are served; who is refused is greeted as well, so as to be told why.
    async fn serves(&self, count: usize) {
        let rule = format!("{count} are served");
        eventually(&rule, || self.server.waiting_for().clients == count).await;
    }

    /// Whether SSH has heard exactly what the clients said, of one connection that has ended.
    fn heard(&self, bytes: &[u8]) -> bool {
        let count = bytes.len();
        text(&self.registry).contains(&format!(
            "secureftp_network_bytes_total{{direction=\"received\",endpoint=\"b2b/partners\"}} {count}\n"
        ))
    }
}

pub(super) fn trusting(mode: ProxyMode, address: Ipv4Addr) -> ProxyProtocol {
    ProxyProtocol {
        mode,
        trusted_cidrs: vec![format!("{address}/32").parse().unwrap()],
    }
}

fn header(version_and_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_and_command, family], &length, body].concat()
}

/// What the balancer says for a client there.
pub(super) fn header_of(client: [u8; 4]) -> Vec<u8> {
    header(
        0x21,
        0x11,
        &[&client[..], &[198, 51, 100, 2], &[0x9c, 0x40], &[0, 22]].concat(),
    )
}

pub(super) fn local_header() -> Vec<u8> {
    header(0x20, 0x00, &[])
}

fn and_greeting(header: Vec<u8>) -> Vec<u8> {
    [header, GREETING.to_vec()].concat()
}

/// Tries to log in with a wrong password behind a header.
async fn guess(visitor: Visitor) {
    struct Anybody;
    impl russh::client::Handler for Anybody {
        type Error = russh::Error;
        async fn check_server_key(
            &mut self,
            _key: &russh::keys::PublicKeyOrCertificate,
        ) -> Result<bool, Self::Error> {
            Ok(true)
        }
    }
    let config = Arc::new(russh::client::Config::default());
    let guessing = async {
        let stream = visitor.into_stream();
        let mut session = russh::client::connect_stream(config, stream, Anybody)
            .await
            .unwrap();
        let answer = session.authenticate_password("supplier", "wrong").await;
        assert!(!answer.unwrap().success());
    };
    timeout(PATIENCE, guessing).await.unwrap();
}

#[tokio::test]
async fn connections_are_limited_by_the_address_in_the_header() {
    let gateway = Fixture::start_with(ProxyMode::Required, |endpoint| {
        endpoint.limits.connections_per_address = 1;
    })
    .await;
    let mut alice = gateway.balanced(&and_greeting(header_of(ALICE))).await;
    alice.greeting().await;

    let again = gateway.balanced(&and_greeting(header_of(ALICE))).await;
    let mut bob = gateway.balanced(&and_greeting(header_of(BOB))).await;

    let farewell = again.farewell().await;
    assert!(
        farewell.contains("too many connections from your address"),
        "{farewell}"
    );
    assert_eq!(bob.greeting().await, "SSH-2.0-");
    gateway.serves(2).await;
    gateway.counted("too_many_from_address", 1).await;
}

#[tokio::test]
async fn guessers_are_banned_by_the_address_in_the_header() {
    let gateway = Fixture::start_with(ProxyMode::Required, |endpoint| {
        endpoint.limits.login_failures = 1;
    })
    .await;

    guess(gateway.balanced(&header_of(ALICE)).await).await;

    let alice = gateway.balanced(&and_greeting(header_of(ALICE))).await;
    let farewell = alice.farewell().await;
    assert!(farewell.contains("too many failed logins"), "{farewell}");
    let mut bob = gateway.balanced(&and_greeting(header_of(BOB))).await;
    assert_eq!(bob.greeting().await, "SSH-2.0-");
    gateway.serves(1).await;
}

#[tokio::test]
async fn what_follows_the_header_in_one_segment_is_all_heard() {
    let gateway = Fixture::start(ProxyMode::Required).await;

    let mut visitor = gateway.balanced(&and_greeting(header_of(ALICE))).await;
    visitor.greeting().await;
    drop(visitor);

    gateway.counted("served", 1).await;
    assert!(gateway.heard(GREETING));
}

#[tokio::test]
async fn extensions_belong_to_the_header() {
    let gateway = Fixture::start(ProxyMode::Required).await;
    // PP2_TYPE_NOOP and 300 bytes of padding.
    let extension = [&[0x04, 0x01, 0x2c][..], &[b'S'; 300]].concat();
    let addresses = &header_of(ALICE)[16..];
    let bytes = header(0x21, 0x11, &[addresses, &extension].concat());

    let mut visitor = gateway.balanced(&and_greeting(bytes)).await;
    visitor.greeting().await;
    drop(visitor);

    gateway.counted("served", 1).await;
    assert!(gateway.heard(GREETING));
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte() {
    for mode in [ProxyMode::Required, ProxyMode::Optional] {
        let gateway = Fixture::start_with(mode, |endpoint| {
            endpoint.limits.connections_per_address = 1;
        })
        .await;
        let mut first = gateway.balanced(&and_greeting(header_of(ALICE))).await;
        first.greeting().await;

        let mut visitor = gateway.balanced(&[]).await;
        for byte in and_greeting(header_of(ALICE)) {
            visitor.say(&[byte]).await;
            tokio::task::yield_now().await;
        }

        let farewell = visitor.farewell().await;
        assert!(farewell.contains("from your address"), "{farewell}");
    }
}

#[tokio::test]
async fn a_stranger_is_not_served_where_a_header_is_required() {
    let gateway = Fixture::start(ProxyMode::Required).await;

    let spoofer = gateway.strange(&and_greeting(header_of(ALICE))).await;

    assert_eq!(spoofer.farewell().await, "");
    gateway.counted("no_proxy_header", 1).await;
}

#[tokio::test]
async fn a_strangers_header_is_not_looked_at_where_it_is_optional() {
    let gateway = Fixture::start(ProxyMode::Optional).await;

    let spoofer = gateway.strange(&and_greeting(header_of(ALICE))).await;
    let mut stranger = gateway.strange(GREETING).await;

    let farewell = spoofer.farewell().await;
    assert!(
        farewell.contains("Invalid SSH identification"),
        "{farewell}"
    );
    assert_eq!(stranger.greeting().await, "SSH-2.0-");
    gateway.serves(1).await;
}

#[tokio::test]
async fn the_addresses_of_strangers_are_hidden_where_a_header_is_optional() {
    let gateway = Fixture::start_with(ProxyMode::Optional, |endpoint| {
        endpoint.limits.connections_per_address = 1;
    })
    .await;

    let mut first = gateway.strange(GREETING).await;
    let mut second = gateway.strange(GREETING).await;

    assert_eq!(first.greeting().await, "SSH-2.0-");
    assert_eq!(second.greeting().await, "SSH-2.0-");
    gateway.serves(2).await;
}

#[tokio::test]
async fn the_balancer_must_send_a_header_where_it_is_required() {
    let gateway = Fixture::start(ProxyMode::Required).await;

    let without = gateway.balanced(GREETING).await;

    assert_eq!(without.farewell().await, "");
    gateway.counted("no_proxy_header", 1).await;
}

#[tokio::test]
async fn silence_is_no_header() {
    let gateway = Fixture::start_with(ProxyMode::Required, |endpoint| {
        endpoint.limits.login_seconds = 1;
    })
    .await;

    let silent = gateway.balanced(&[]).await;

    assert_eq!(silent.farewell().await, "");
    gateway.counted("no_proxy_header", 1).await;
}

#[tokio::test]
async fn without_an_optional_header_nothing_is_lost_and_the_address_is_hidden() {
    let gateway = Fixture::start_with(ProxyMode::Optional, |endpoint| {
        endpoint.limits.connections_per_address = 1;
    })
    .await;
    let mut other = gateway.balanced(&[]).await;
    other.greeting().await;

    let mut visitor = gateway.balanced(GREETING).await;
    visitor.greeting().await;
    drop(visitor);

    gateway.counted("served", 1).await;
    assert!(gateway.heard(GREETING));
}

#[tokio::test]
async fn who_waits_to_be_greeted_is_greeted_where_a_header_is_optional() {
    let gateway = Fixture::start(ProxyMode::Optional).await;

    let mut silent = gateway.balanced(&[]).await;

    assert_eq!(silent.greeting().await, "SSH-2.0-");
    gateway.serves(1).await;
}

#[tokio::test]
async fn an_optional_header_is_read() {
    let gateway = Fixture::start_with(ProxyMode::Optional, |endpoint| {
        endpoint.limits.connections_per_address = 1;
    })
    .await;
    let mut alice = gateway.balanced(&and_greeting(header_of(ALICE))).await;
    assert_eq!(alice.greeting().await, "SSH-2.0-");

    let again = gateway.balanced(&and_greeting(header_of(ALICE))).await;

    let farewell = again.farewell().await;
    assert!(farewell.contains("from your address"), "{farewell}");
}

#[tokio::test]
async fn headers_are_rubbish_where_they_are_disabled() {
    let gateway = Fixture::start(ProxyMode::Disabled).await;

    let visitor = gateway.balanced(&and_greeting(header_of(ALICE))).await;

    let farewell = visitor.farewell().await;
    assert!(
        farewell.contains("Invalid SSH identification"),
        "{farewell}"
    );
}

#[tokio::test]
async fn a_client_whose_address_the_balancer_does_not_know_is_not_served_where_it_is_required() {
    let gateway = Fixture::start(ProxyMode::Required).await;

    let unknown = and_greeting(header(0x21, 0x00, &[]));

    let visitor = gateway.balanced(&unknown).await;

    assert_eq!(visitor.farewell().await, "");
    gateway.counted("no_proxy_header", 1).await;
}

#[tokio::test]
async fn a_client_whose_address_the_balancer_does_not_know_is_hidden_where_it_is_optional() {
    let gateway = Fixture::start_with(ProxyMode::Optional, |endpoint| {
        endpoint.limits.connections_per_address = 1;
    })
    .await;
    let unknown = and_greeting(header(0x21, 0x00, &[]));

    let mut first = gateway.balanced(&unknown).await;
    let mut second = gateway.balanced(&unknown).await;

    assert_eq!(first.greeting().await, "SSH-2.0-");
    assert_eq!(second.greeting().await, "SSH-2.0-");
    gateway.serves(2).await;
}

#[tokio::test]
async fn the_balancers_own_connections_are_greeted_and_counted_apart() {
    let gateway = Fixture::start_with(ProxyMode::Required, |endpoint| {
        endpoint.limits.connections_per_address = 1;
    })
    .await;

    let mut first = gateway.balanced(&local_header()).await;
    let mut second = gateway.balanced(&local_header()).await;
    assert_eq!(first.greeting().await, "SSH-2.0-");
    assert_eq!(second.greeting().await, "SSH-2.0-");
    drop((first, second));

    gateway.counted("balancer_probe", 2).await;
    gateway.counted("probe", 0).await;
}

#[tokio::test]
async fn a_connection_without_a_byte_is_a_probe_where_a_header_is_awaited() {
    for mode in [ProxyMode::Required, ProxyMode::Optional] {
        let gateway = Fixture::start(mode).await;

        drop(gateway.balanced(&[]).await);

        gateway.counted("probe", 1).await;
    }
}

/// Bytes that are no header of version 2 end the connection without a word.
async fn check_bad(bytes: &[u8]) {
    for mode in [ProxyMode::Required, ProxyMode::Optional] {
        let gateway = Fixture::start_with(mode, |endpoint| endpoint.limits.login_seconds = 1).await;

        let visitor = gateway.balanced(bytes).await;

        assert_eq!(visitor.farewell().await, "");
        gateway.counted("bad_proxy_header", 1).await;
    }
}

#[tokio::test]
async fn a_header_of_version_1_is_refused() {
    check_bad(b"PROXY TCP4 203.0.113.9 198.51.100.2 40000 22\r\nSSH-2.0-visitor\r\n").await;
}

#[tokio::test]
async fn a_malformed_header_is_refused() {
    check_bad(&and_greeting(header(0x21, 0x13, &[0; 12]))).await;
}

#[tokio::test]
async fn a_header_that_is_too_long_is_refused() {
    check_bad(&header(0x21, 0x11, &[0; 4096])).await;
}

#[tokio::test]
async fn a_header_that_never_ends_is_refused() {
    check_bad(&header_of(ALICE)[..20]).await;
}

#[tokio::test]
async fn a_connection_that_owes_its_header_counts_as_half_open() {
    let gateway = Fixture::start_with(ProxyMode::Required, |endpoint| {
        endpoint.limits.half_open = 1;
    })
    .await;
    let _silent = gateway.balanced(&[]).await;

    let next = gateway.balanced(&and_greeting(header_of(ALICE))).await;

    let farewell = next.farewell().await;
    assert!(
        farewell.contains("too many connections are logging in"),
        "{farewell}"
    );
}

#[tokio::test]
async fn who_owes_a_header_does_not_hold_up_a_drain() {
    let gateway = Fixture::start(ProxyMode::Required).await;
    let silent = gateway.balanced(&[]).await;
    eventually("it has arrived", || {
        gateway.server.waiting_for().clients == 1
    })
    .await;

    gateway.server.drain(HOUR, Arrivals::Refuse);

    let farewell = silent.farewell().await;
    assert!(farewell.contains("stopping"), "{farewell}");
    timeout(PATIENCE, gateway.server.finished()).await.unwrap();
}

#[tokio::test]
async fn trust_that_is_reloaded_applies_to_new_connections() {
    let mut gateway = Fixture::start(ProxyMode::Required).await;
    let address = gateway.address();
    let mut before = gateway.balanced(&and_greeting(header_of(ALICE))).await;
    before.greeting().await;
    let served = gateway.server.serves();

    gateway
        .folder
        .change(|endpoint| endpoint.proxy_protocol = trusting(ProxyMode::Required, STRANGER));
    eventually("it is reloaded", || gateway.server.serves() != served).await;

    assert_eq!(gateway.address(), address);
    let mut trusted = gateway.strange(&and_greeting(header_of(BOB))).await;
    assert_eq!(trusted.greeting().await, "SSH-2.0-");
    let mistrusted = gateway.balanced(&and_greeting(header_of(BOB))).await;
    assert_eq!(mistrusted.farewell().await, "");
    // Who is in stays in.
    assert_eq!(gateway.server.waiting_for().clients, 2);
}
