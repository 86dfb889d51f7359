//! What an edit changes, in a line.

use super::service::Service;

/// What is different; nothing if both are the same to clients.
pub(super) fn changes(old: &Service, new: &Service) -> Vec<String> {
    let (before, after) = (&old.configuration, &new.configuration);
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
    if old.host_keys != new.host_keys {
        changes.push("host keys changed".to_owned());
    }
    let (before, after) = (&before.endpoint, &after.endpoint);
    if before.listeners != after.listeners {
        let addresses: Vec<String> = after
            .listeners
            .iter()
            .map(|listener| listener.address.to_string())
            .collect();
        changes.push(format!("listens now at {}", addresses.join(", ")));
    }
    for (what, differs) in [
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
