//! What every gateway of these tests has, whatever it speaks.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use gateway::{
    drain::Drain,
    endpoint::{Endpoint, HostKey},
    limits::Limits,
    metrics::Metrics,
    sftp::Ssh,
    storage::Volume,
    users::{Shared, Users, Verifier},
};
use gateway_config::{
    AuthenticationMethod, ClientAddress, Configuration, Digest, Durability, Permission,
    ProxyProtocol, SshPolicy, Storage, Uploads, User, UserName,
};
use prometheus::Registry;
use russh::keys::{
    PrivateKey,
    ssh_key::{LineEnding, private::Ed25519Keypair},
};
use tokio::time::timeout;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const PASSWORD: &str = "correct horse";

/// `PASSWORD` as SHA-512 crypt.
pub(crate) const PASSWORD_HASH: &str = "$6$secureftp$\
    h2ZCYDKWqoWYnzrgqNrZJjpnXlrLOU8/zQt/tETSbb3O4GCY4NsQxTPaX7dwEl9hyJ2quJRWMHnvHkAmf6k/81";

/// A new key.
pub(crate) fn ed25519() -> PrivateKey {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).unwrap();
    PrivateKey::new(Ed25519Keypair::from_seed(&seed).into(), "").unwrap()
}

/// An endpoint without listeners for one user, `alice`, with limits that nobody meets by accident.
pub(crate) fn configuration(name: &str, volume: &Path) -> Configuration {
    let endpoint = gateway_config::Endpoint {
        version: gateway_config::VERSION,
        namespace: "test".to_owned(),
        name: name.to_owned(),
        generation: 1,
        listeners: Vec::new(),
        client_address: ClientAddress::Real,
        proxy_protocol: ProxyProtocol::default(),
        data_connections: None,
        ssh: gateway_config::Ssh {
            policy: SshPolicy::Modern,
            authentication_methods: vec![
                AuthenticationMethod::PublicKey,
                AuthenticationMethod::Password,
                AuthenticationMethod::KeyboardInteractive,
            ],
        },
        limits: gateway_config::Limits {
            sessions: 100,
            sessions_per_user: 100,
            connections_per_address: 100,
            half_open: 100,
            login_seconds: 30,
            idle_seconds: 300,
            login_failures: 1000,
            ban_seconds: 1,
            memory_per_session_bytes: 8 << 20,
        },
        storage: Storage {
            volume: volume.to_owned(),
            uploads: Uploads::Direct,
            durability: Durability::Written,
            stuck_seconds: 10,
            stuck_threads_max: 16,
        },
        drain_seconds: 30,
        users: BTreeMap::new(),
    };
    Configuration {
        endpoint,
        users: BTreeMap::from([(UserName::new("alice"), user())]),
    }
}

/// Somebody who may do everything, with [`PASSWORD`].
fn user() -> User {
    User {
        root: "/".to_owned(),
        password_hash: Some(PASSWORD_HASH.to_owned()),
        authorized_keys: Vec::new(),
        permissions: BTreeSet::from(Permission::ALL),
        allowed_cidrs: Vec::new(),
        require_tls: false,
        valid_until: None,
    }
}

/// What clients get, without what only FTPS needs.
pub(crate) fn endpoint(
    configuration: Configuration,
    host_key: &PrivateKey,
    drain: &Drain,
    registry: &Registry,
) -> Endpoint {
    let host_keys = vec![HostKey {
        name: "ed25519".to_owned(),
        pem: host_key.to_openssh(LineEnding::LF).unwrap(),
    }];
    let label = format!("test/{}", configuration.endpoint.name);
    let metrics = Metrics::register(registry, &label).unwrap();
    let limits = Arc::new(Limits::new(&configuration.endpoint.limits));
    let verifier = Arc::new(Verifier::new().unwrap());
    let shared = Shared::new(Arc::clone(&limits), verifier, metrics.clone());
    let users = Users::new(&configuration.users, shared);
    Endpoint {
        tls: BTreeMap::new(),
        passive: None,
        ssh: Some(Ssh::new(&configuration.endpoint.ssh, &host_keys).unwrap()),
        volume: Volume::open(&configuration.endpoint.storage).unwrap(),
        configuration,
        digest: Digest::of(b""),
        host_keys,
        users,
        limits,
        drain: drain.state(),
        metrics,
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(rule: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "never: {rule}");
}
