//! What an edit changes, in a line.

use gateway_config::{Configuration, Endpoint};

use super::service::Service;

/// What is different; nothing if both are the same to clients.
pub(super) fn changes(old: &Service, new: &Service) -> Vec<String> {
    let mut changes = users(&old.configuration, &new.configuration);
    if old.host_keys != new.host_keys {
        changes.push("host keys changed".to_owned());
    }
    for (listener, certificate) in &new.certificates {
        let before = old.certificates.get(listener);
        if before.is_some_and(|before| before != certificate) {
            changes.push(format!("certificate of the listener {listener} changed"));
        }
    }
    let (before, after) = (&old.configuration.endpoint, &new.configuration.endpoint);
    let ways = |endpoint: &Endpoint| {
        let listeners = endpoint.listeners.iter();
        let ways =
            listeners.map(|listener| (listener.name.clone(), listener.protocol, listener.address));
        ways.collect::<Vec<_>>()
    };
    if ways(before) != ways(after) {
        let addresses: Vec<String> = after
            .listeners
            .iter()
            .map(|listener| listener.address.to_string())
            .collect();
        changes.push(format!("listens now at {}", addresses.join(", ")));
    }
    let tls_differs = after.listeners.iter().any(|listener| {
        let mut others = before.listeners.iter();
        let before = others.find(|other| other.name == listener.name);
        before.is_some_and(|before| before.tls != listener.tls)
    });
    for (what, differs) in [
        ("tls", tls_differs),
        (
            "dataConnections",
            before.data_connections != after.data_connections,
        ),
        (
            "proxyProtocol",
            before.proxy_protocol != after.proxy_protocol,
        ),
        ("ssh", before.ssh != after.ssh),
        ("limits", before.limits != after.limits),
        ("storage", before.storage != after.storage),
        ("drainTimeout", before.drain_seconds != after.drain_seconds),
    ] {
        if differs {
            changes.push(format!("{what} changed"));
        }
    }
    changes
}

fn users(before: &Configuration, after: &Configuration) -> Vec<String> {
    let mut changes = Vec::new();
    for name in after
        .users
        .keys()
        .filter(|name| !before.users.contains_key(*name))
    {
        changes.push(format!("user {name} added"));
    }
    for name in before
        .users
        .keys()
        .filter(|name| !after.users.contains_key(*name))
    {
        changes.push(format!("user {name} removed"));
    }
    for (name, user) in &after.users {
        if before.users.get(name).is_some_and(|before| before != user) {
            changes.push(format!("user {name} changed"));
        }
    }
    changes
}
