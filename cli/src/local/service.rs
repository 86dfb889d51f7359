//! An endpoint that `local` serves.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use gateway_config::{Configuration, Protocol, User};
use plan::Certificate;
use ssh_key::PublicKey;

use super::{
    certificates, keys,
    sheet::{self, Credential, Start, Trust},
    state::State,
};
use crate::manifest::{Object, Place};

/// An endpoint, ready to be written down and served.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// What was written by people.
    pub endpoint: Object<SecureFtpEndpoint>,
    /// What the gateway is told.
    pub configuration: Configuration,
    /// Private host keys by file name, in OpenSSH's format.
    pub host_keys: BTreeMap<String, Vec<u8>>,
    /// Certificates by the name of their listener.
    pub certificates: BTreeMap<String, Certificate>,
    /// The users by login name, with what the sheet says of them.
    pub users: BTreeMap<String, Object<SecureFtpUser>>,
    /// Private keys that were made for users, by login name.
    pub made_keys: BTreeMap<String, PathBuf>,
}

impl Service {
    /// `NAMESPACE/NAME`.
    pub(super) fn name(&self) -> String {
        let identity = &self.endpoint.identity;
        format!("{}/{}", identity.namespace, identity.name)
    }

    /// Where it wants to listen.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let listeners = &self.configuration.endpoint.listeners;
        listeners.iter().map(|listener| listener.address).collect()
    }

    /// How long its drain waits.
    pub(super) fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.configuration.endpoint.drain_seconds)
    }

    /// The listeners that speak SFTP, with where they listen really.
    pub(super) fn ssh_addresses(&self, addresses: Vec<(String, SocketAddr)>) -> Vec<SocketAddr> {
        let is_ssh = |name: &str| {
            let listener = self.listener(name);
            listener.is_some_and(|listener| listener.protocol == Protocol::Sftp)
        };
        let ssh = addresses.into_iter().filter(|(name, _)| is_ssh(name));
        ssh.map(|(_, address)| address).collect()
    }

    /// What the sheet says of it, given where it listens really and its public host keys.
    pub(super) fn sheet(
        &self,
        state: &State,
        addresses: &[(String, SocketAddr)],
        keys: &[PublicKey],
    ) -> sheet::Endpoint {
        let Configuration { endpoint, users } = &self.configuration;
        let listeners = addresses
            .iter()
            .map(|(name, address)| sheet::Listener {
                name: name.clone(),
                address: *address,
                port: self.written_port(name).unwrap_or_else(|| address.port()),
                protocol: self.protocol(name, state),
            })
            .collect();
        let claim = &self
            .endpoint
            .value
            .spec
            .storage
            .persistent_volume_claim
            .claim_name;
        sheet::Endpoint {
            name: self.name(),
            listeners,
            fingerprints: keys.iter().map(keys::fingerprint).collect(),
            methods: endpoint.ssh.authentication_methods.clone(),
            data_connections: endpoint.data_connections.clone(),
            proxy_protocol: endpoint.proxy_protocol.clone(),
            volume: state.path("volumes").join(claim).display().to_string(),
            known_hosts: state.known_hosts().display().to_string(),
            users: users
                .iter()
                .map(|(name, user)| self.user(name.as_str(), user))
                .collect(),
            drain: self.drain_timeout(),
        }
    }

    fn listener(&self, name: &str) -> Option<&gateway_config::Listener> {
        let mut listeners = self.configuration.endpoint.listeners.iter();
        listeners.find(|listener| listener.name == name)
    }

    fn protocol(&self, listener: &str, state: &State) -> sheet::Protocol {
        let Some((configured, certificate)) =
            self.listener(listener).zip(self.certificates.get(listener))
        else {
            return sheet::Protocol::Sftp;
        };
        let (Some(tls), Some(start)) = (&configured.tls, start(configured.protocol)) else {
            return sheet::Protocol::Sftp;
        };
        sheet::Protocol::Ftps(sheet::Ftps {
            start,
            encryption: tls.encryption,
            fingerprint: certificates::fingerprint(certificate).unwrap_or_default(),
            trust: match self.secret(listener) {
                None => Trust::Authority(state.path("ca/ca.crt").display().to_string()),
                Some(secret) => Trust::Secret {
                    secret,
                    pin: certificates::pin(certificate).unwrap_or_default(),
                },
            },
        })
    }

    /// The Secret that has a listener's certificate, if it is not of this STATE.
    fn secret(&self, listener: &str) -> Option<String> {
        let mut listeners = self.endpoint.value.spec.listeners.iter();
        let written = listeners.find(|written| written.name == listener)?;
        let reference = written.tls.as_ref()?.secret_ref.as_ref()?;
        Some(reference.name.clone())
    }

    /// Where the manifests say the port of this listener, or else the listeners.
    pub(super) fn place_of_port(&self, listener: &str) -> Place {
        let listeners = &self.endpoint.value.spec.listeners;
        let index = listeners
            .iter()
            .position(|written| written.name == listener);
        self.endpoint.place(&match index {
            Some(index) => format!("spec.listeners[{index}].port"),
            None => "spec.listeners".to_owned(),
        })
    }

    fn written_port(&self, listener: &str) -> Option<u16> {
        let listeners = &self.endpoint.value.spec.listeners;
        let found = listeners.iter().find(|written| written.name == listener)?;
        Some(found.port)
    }

    fn user(&self, name: &str, user: &User) -> sheet::User {
        let mut credentials = Vec::new();
        if let Some(path) = self.made_keys.get(name) {
            credentials.push(Credential::MadeKey(path.display().to_string()));
        } else if !user.authorized_keys.is_empty() {
            credentials.push(Credential::Keys(user.authorized_keys.len()));
        }
        let object = self.users.get(name);
        let reference =
            object.and_then(|user| user.value.spec.authentication.password_secret_ref.as_ref());
        if let Some(reference) = reference {
            credentials.push(Credential::Password {
                secret: reference.name.clone(),
                key: reference.key.clone(),
            });
        }
        sheet::User {
            name: name.to_owned(),
            root: user.root.clone(),
            permissions: user.permissions.clone(),
            credentials,
        }
    }
}

fn start(protocol: Protocol) -> Option<Start> {
    match protocol {
        Protocol::Sftp => None,
        Protocol::FtpsExplicit => Some(Start::Explicit),
        Protocol::FtpsImplicit => Some(Start::Implicit),
    }
}
