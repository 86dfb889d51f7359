//! What an endpoint takes from its users.

use crds::{AuthenticationMethod, SecureFtpEndpoint};
use gateway_config::ClientAddress;

use crate::{Placement, data_connections::is_ftps, problem::name_of};

/// What an endpoint takes from its users, as it is written: a listener that cannot be served yet counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    /// The name of the endpoint.
    pub endpoint: &'a str,
    /// Which credentials open an account.
    pub credentials: Credentials,
    /// Whether the address of no client is seen.
    pub addresses: Addresses,
}

/// Which credentials open an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Public keys only.
    Keys,
    /// Passwords only.
    Passwords,
    /// Both.
    Both,
}

/// Whose address is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// That of some clients or all.
    Seen,
    /// Nobody's.
    Hidden,
}

impl<'a> Offer<'a> {
    pub(crate) fn of(endpoint: &'a SecureFtpEndpoint, placement: &Placement) -> Self {
        let spec = &endpoint.spec;
        let (ftps, sftp): (Vec<_>, Vec<_>) = spec
            .listeners
            .iter()
            .partition(|listener| is_ftps(listener.protocol));
        let methods = &spec.ssh.authentication_methods;
        let keys = !sftp.is_empty() && methods.contains(&AuthenticationMethod::PublicKey);
        let passwords = methods.iter().any(|method| match method {
            AuthenticationMethod::Password | AuthenticationMethod::KeyboardInteractive => true,
            AuthenticationMethod::PublicKey => false,
        });
        // FTP knows nothing but passwords.
        let passwords = !ftps.is_empty() || passwords;
        Self {
            endpoint: name_of(&endpoint.metadata),
            credentials: match (keys, passwords) {
                (true, false) => Credentials::Keys,
                (false, _) => Credentials::Passwords,
                (true, true) => Credentials::Both,
            },
            addresses: match (placement.client_address, spec.exposure.proxy_protocol.mode) {
                (ClientAddress::Hidden, crds::ProxyMode::Disabled) => Addresses::Hidden,
                _ => Addresses::Seen,
            },
        }
    }
}
