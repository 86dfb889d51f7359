//! The crate `plan` accepts the hashes that users may log in with, the gateway checks them: what the one accepts the
//! other must be able to check.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use gateway::{
    limits::Limits,
    metrics::Metrics,
    users::{Shared, Users, Verifier},
};
use gateway_config::{User, UserName};
use plan::{PasswordValue, password_value};
use proptest::prelude::*;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _};

/// Counts the warnings: the gateway warns of each hash that it cannot use.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::WARN {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn is_usable_in_the_gateway(hash: &str) -> bool {
    let user = User {
        root: "/supplier".to_owned(),
        password_hash: Some(hash.to_owned()),
        authorized_keys: Vec::new(),
        permissions: BTreeSet::new(),
        allowed_cidrs: Vec::new(),
        require_tls: false,
        valid_until: None,
    };
    let limits = Limits::new(&gateway_config::Limits {
        sessions: 1,
        sessions_per_user: 1,
        connections_per_address: 1,
        half_open: 1,
        login_seconds: 60,
        idle_seconds: 900,
        login_failures: 5,
        ban_seconds: 600,
        memory_per_session_bytes: 1 << 23,
    });
    let verifier = Verifier::new().unwrap();
    let metrics = Metrics::register(&prometheus::Registry::new(), "b2b/partners").unwrap();
    let shared = Shared::new(Arc::new(limits), Arc::new(verifier), metrics);
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    tracing::subscriber::with_default(subscriber, || {
        Users::new(&BTreeMap::from([(UserName::new("supplier"), user)]), shared)
    });
    warnings.0.load(Ordering::Relaxed) == 0
}

fn is_accepted_by_plan(hash: &str) -> bool {
    matches!(password_value(hash.as_bytes()), Ok(PasswordValue::Hash(_)))
}

fn argon2(memory: u32, passes: u32, lanes: u32) -> String {
    let hash = "A".repeat(43);
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$c2FsdHNhbHRzYWx0${hash}")
}

fn bcrypt(cost: u32) -> String {
    format!("$2b${cost:02}${}", ".".repeat(53))
}

fn sha_crypt(rounds: u32) -> String {
    format!("$6$rounds={rounds}$saltstring${}", ".".repeat(86))
}

fn yescrypt(parameters: &str) -> String {
    format!("$y${parameters}$saltsalt${}", ".".repeat(43))
}

#[test]
fn the_most_expensive_hashes_that_plan_accepts_are_checked_by_the_gateway() {
    for hash in [
        argon2(65_536, 4, 8),
        argon2(26_214, 10, 1),
        bcrypt(13),
        sha_crypt(500_000),
        yescrypt("jBT"),
    ] {
        assert!(is_accepted_by_plan(&hash), "{hash}");
        assert!(is_usable_in_the_gateway(&hash), "{hash}");
    }
}

proptest! {
    #[test]
    fn every_hash_that_plan_accepts_is_checked_by_the_gateway(hash in prop_oneof![
        (1..200_000_u32, 0..20_u32, 0..20_u32).prop_map(|(m, t, p)| argon2(m, t, p)),
        (0..20_u32).prop_map(bcrypt),
        (900..1_200_000_u32).prop_map(sha_crypt),
        "j[./0-9A-Z][./0-9A-Za-z]".prop_map(|parameters| yescrypt(&parameters)),
    ]) {
        if is_accepted_by_plan(&hash) {
            prop_assert!(is_usable_in_the_gateway(&hash), "{}", hash);
        }
    }
}
