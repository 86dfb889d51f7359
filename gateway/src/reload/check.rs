//! What each value of a configuration may be alone, but not together with the others. Every answer names the field.

use std::collections::BTreeSet;

use gateway_config::{
    Configuration, DataConnections, Encryption, Endpoint, Listener, Protocol, ProxyMode,
};

/// Why this configuration contradicts itself, if it does.
pub(super) fn check(configuration: &Configuration) -> Result<(), String> {
    let endpoint = &configuration.endpoint;
    check_listeners(&endpoint.listeners)?;
    check_data_connections(endpoint)?;
    if endpoint.ssh.authentication_methods.is_empty() {
        return Err("ssh.authenticationMethods is empty: nobody could log in".to_owned());
    }
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
        if port.advertised != 0 && !advertised.insert(port.advertised) {
            return Err(format!(
                "dataConnections.passive.ports has the advertised port {} twice",
                port.advertised
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
