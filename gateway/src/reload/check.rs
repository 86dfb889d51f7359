//! What each value of a configuration may be alone, but not together with the others. Every answer names the field.

use std::{collections::BTreeSet, net::IpAddr};

use gateway_config::{
    Configuration, DataConnections, Encryption, Endpoint, Listener, Protocol, ProxyMode,
};

/// A week: the longest time that can be asked for. Somewhere beyond it clocks end.
const SECONDS_MAX: u64 = 7 * 24 * 60 * 60;

/// Why this configuration contradicts itself, if it does.
pub(super) fn check(configuration: &Configuration) -> Result<(), String> {
    let endpoint = &configuration.endpoint;
    check_listeners(&endpoint.listeners)?;
    check_data_connections(endpoint)?;
    if endpoint.ssh.authentication_methods.is_empty() {
        return Err("ssh.authenticationMethods is empty: nobody could log in".to_owned());
    }
    check_times(endpoint)?;
    check_ranges(configuration)?;
    let proxy = &endpoint.proxy_protocol;
    if proxy.mode != ProxyMode::Disabled && proxy.trusted_cidrs.is_empty() {
        return Err(format!(
            "proxyProtocol.trustedCidrs is empty, and the mode is {:?}: nobody could be believed",
            proxy.mode
        ));
    }
    for (name, user) in &configuration.users {
        if !is_clean(&user.root) {
            return Err(format!(
                "the root of user `{name}` must begin with / and have no . and .. in it"
            ));
        }
    }
    Ok(())
}

fn check_times(endpoint: &Endpoint) -> Result<(), String> {
    let limits = &endpoint.limits;
    let passive = endpoint.data_connections.iter().flat_map(|data| {
        [
            (
                "dataConnections.passive.waitSeconds",
                data.passive.wait_seconds,
            ),
            (
                "dataConnections.passive.connectSeconds",
                data.passive.connect_seconds,
            ),
        ]
    });
    let mut times = passive.chain([
        ("limits.loginSeconds", limits.login_seconds),
        ("limits.idleSeconds", limits.idle_seconds),
        ("limits.banSeconds", limits.ban_seconds),
        ("storage.stuckSeconds", endpoint.storage.stuck_seconds),
        ("drainSeconds", endpoint.drain_seconds),
    ]);
    match times.find(|(_, seconds)| *seconds > SECONDS_MAX) {
        Some((field, seconds)) => Err(format!(
            "{field} is {seconds}, and the most is {SECONDS_MAX}, a week"
        )),
        None => Ok(()),
    }
}

/// Addresses are compared in the form of IPv4 wherever they have one, so a range of the other form holds nobody.
fn check_ranges(configuration: &Configuration) -> Result<(), String> {
    let trusted = &configuration.endpoint.proxy_protocol.trusted_cidrs;
    if let Some(range) = trusted.iter().find(|range| is_mapped(range.network())) {
        return Err(format!(
            "proxyProtocol.trustedCidrs has {range}, in which nobody is: write the range as one of IPv4"
        ));
    }
    for (name, user) in &configuration.users {
        let allowed = &user.allowed_cidrs;
        if let Some(range) = allowed.iter().find(|range| is_mapped(range.network())) {
            return Err(format!(
                "allowedCidrs of user `{name}` has {range}, in which nobody is: write the range as one of IPv4"
            ));
        }
    }
    Ok(())
}

/// An IPv4 address inside IPv6 (RFC 4291, 2.5.5.2).
fn is_mapped(address: IpAddr) -> bool {
    address != address.to_canonical()
}

fn check_listeners(listeners: &[Listener]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for listener in listeners {
        let (name, address) = (&listener.name, listener.address);
        if !names.insert(name) {
            return Err(format!("two listeners have the name `{name}`"));
        }
        if address.port() != 0 && !addresses.insert(address) {
            return Err(format!(
                "listener `{name}` has the address of another one, {address}"
            ));
        }
        check_tls(listener)?;
    }
    if listeners.is_empty() {
        return Err("there is no listener".to_owned());
    }
    Ok(())
}

fn check_tls(listener: &Listener) -> Result<(), String> {
    let name = &listener.name;
    match (listener.protocol, &listener.tls) {
        (Protocol::Sftp, None) => return Ok(()),
        (Protocol::Sftp, Some(_)) => {
            return Err(format!("listener `{name}` has tls, and SFTP has none"));
        }
        (Protocol::FtpsExplicit | Protocol::FtpsImplicit, None) => {
            return Err(format!("listener `{name}` speaks FTPS and has no tls"));
        }
        (Protocol::FtpsImplicit, Some(tls)) if tls.encryption != Encryption::Required => {
            return Err(format!(
                "tls.encryption of listener `{name}` is {:?}, and implicit FTPS has only Required",
                tls.encryption
            ));
        }
        (Protocol::FtpsExplicit | Protocol::FtpsImplicit, Some(_)) => {}
    }
    // The name is a folder's, too.
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(format!(
            "listener `{name}` has a name that no folder in tls/ can have"
        ));
    }
    Ok(())
}

fn check_data_connections(endpoint: &Endpoint) -> Result<(), String> {
    let speaks_ftps = endpoint
        .listeners
        .iter()
        .any(|listener| listener.protocol != Protocol::Sftp);
    match &endpoint.data_connections {
        Some(data) if speaks_ftps => check_ports(data),
        None if !speaks_ftps => Ok(()),
        Some(_) => Err("there are dataConnections, and no listener speaks FTPS".to_owned()),
        None => Err("a listener speaks FTPS, and there are no dataConnections".to_owned()),
    }
}

/// Port 0 is whichever is free, so it may be there more than once.
fn check_ports(data: &DataConnections) -> Result<(), String> {
    let mut bound = BTreeSet::new();
    let mut advertised = BTreeSet::new();
    for port in &data.passive.ports {
        if port.bound != 0 && !bound.insert(port.bound) {
            return Err(format!(
                "dataConnections.passive.ports has the bound port {} twice",
                port.bound
            ));
        }
        // As it is told: an advertised port of 0 is the bound one.
        let told = match port.advertised {
            0 => port.bound,
            advertised => advertised,
        };
        if told != 0 && !advertised.insert(told) {
            return Err(format!(
                "dataConnections.passive.ports has the advertised port {told} twice"
            ));
        }
    }
    if data.passive.ports.is_empty() {
        return Err("dataConnections.passive.ports is empty".to_owned());
    }
    Ok(())
}

fn is_clean(root: &str) -> bool {
    let parts = root.strip_prefix('/').map(|rest| rest.split('/'));
    parts.is_some_and(|mut parts| !parts.any(|part| part == "." || part == ".."))
        && !root.contains('\0')
}
