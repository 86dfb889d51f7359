//! The connection sheet: what a person needs to move their first file, every command ready to paste.

mod commands;
mod ftps;

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use gateway_config::{AuthenticationMethod, DataConnections, Permission, ProxyProtocol};

use self::commands::{Ssh, Tls, Way};
pub use self::ftps::{Ftps, Start, Trust};

/// How many users of an endpoint are shown; nobody reads thousands, and the manifests name them all.
const USERS_MAX: usize = 50;

/// Everything that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The manifests, as the person named them.
    pub path: String,
    /// The state, as the person named it.
    pub state: String,
    /// One part an endpoint.
    pub endpoints: Vec<Endpoint>,
    /// Where the metrics are.
    pub metrics: SocketAddr,
}

/// An endpoint that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// Its host keys, as `SHA256:… (ED25519)`.
    pub fingerprints: Vec<String>,
    /// How SSH lets users in.
    pub methods: Vec<AuthenticationMethod>,
    /// How files go in FTPS, if a listener speaks it.
    pub data_connections: Option<DataConnections>,
    /// Whether connections come through a balancer.
    pub proxy_protocol: ProxyProtocol,
    /// The folder with the files.
    pub volume: String,
    /// The file by which clients know the host keys.
    pub known_hosts: String,
    /// Who may log in.
    pub users: Vec<User>,
    /// How long a drain waits.
    pub drain: Duration,
}

/// Where an endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name in the manifest.
    pub name: String,
    /// Where it listens really.
    pub address: SocketAddr,
    /// The port in the manifest.
    pub port: u16,
    /// What is spoken.
    pub protocol: Protocol,
}

/// What a listener speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SFTP.
    Sftp,
    /// FTPS, explicit or implicit.
    Ftps(Ftps),
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The folder in the volume.
    pub root: String,
    /// What they may do.
    pub permissions: BTreeSet<Permission>,
    /// How they log in.
    pub credentials: Vec<Credential>,
}

/// How a user logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// With a password, which this names but never shows.
    Password {
        /// The Secret.
        secret: String,
        /// The entry in it.
        key: String,
    },
    /// With a private key that `local` made, in this file.
    MadeKey(String),
    /// With private keys that somebody else has: so many public keys are listed.
    Keys(usize),
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Serving {}. Files, keys and configuration are kept in {}.",
            self.path, self.state
        )?;
        for endpoint in &self.endpoints {
            write!(f, "\n{endpoint}")?;
        }
        let drain = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.drain)
            .max()
            .unwrap_or_default();
        writeln!(f, "\nMetrics  http://{}/metrics", self.metrics)?;
        writeln!(
            f,
            "Edit     the manifests; changes are picked up while this runs"
        )?;
        writeln!(
            f,
            "Stop     Ctrl-C; running transfers may finish for up to {}, a second Ctrl-C ends at once",
            Span(drain)
        )
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_ssh = |listener: &&Listener| listener.protocol == Protocol::Sftp;
        let mut ssh = self.listeners.iter().filter(of_ssh).peekable();
        let has_ssh = ssh.peek().is_some();
        for listener in ssh {
            writeln!(f, "SFTP  {}  {}", self.name, Place(listener))?;
        }
        for fingerprint in self.fingerprints.iter().filter(|_| has_ssh) {
            writeln!(f, "  host key  {fingerprint}")?;
        }
        for listener in &self.listeners {
            if let Protocol::Ftps(ftps) = &listener.protocol {
                writeln!(f, "FTPS  {}  {}", self.name, Place(listener))?;
                write!(f, "{}", ftps::Lines(listener, ftps))?;
            }
        }
        write!(f, "{}", ftps::Transfers(self))?;
        writeln!(f, "  files     {}", self.volume)?;
        self.users(f)
    }
}

impl Endpoint {
    /// Whether the commands for this one are right for the other, too.
    pub(super) fn is_reached_like(&self, other: &Self) -> bool {
        self.listeners == other.listeners
            && self.fingerprints == other.fingerprints
            && self.data_connections == other.data_connections
    }

    fn users(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.users.is_empty() {
            writeln!(
                f,
                "  nobody may log in: no SecureFtpUser carries the labels that this endpoint selects"
            )?;
        }
        for user in self.users.iter().take(USERS_MAX) {
            writeln!(
                f,
                "\n  {}  {} in {}",
                user.name,
                Abilities(&user.permissions),
                user.root
            )?;
            for credential in &user.credentials {
                self.credential(f, user, credential)?;
            }
        }
        if let more @ 1.. = self.users.len().saturating_sub(USERS_MAX) {
            writeln!(f, "\n  and {more} more, who log in the same way")?;
        }
        Ok(())
    }

    fn credential(
        &self,
        f: &mut fmt::Formatter<'_>,
        user: &User,
        credential: &Credential,
    ) -> fmt::Result {
        let commands = self.commands(user, credential);
        // What no listener takes needs no telling.
        if commands.is_empty() {
            return Ok(());
        }
        match credential {
            Credential::Password { secret, key } => {
                writeln!(
                    f,
                    "    with the password in the Secret {secret}, entry {key}"
                )?;
            }
            Credential::MadeKey(path) => writeln!(f, "    with the key {path}")?,
            Credential::Keys(1) => writeln!(
                f,
                "    with the private key to the public key in the manifest"
            )?,
            Credential::Keys(count) => {
                writeln!(
                    f,
                    "    with a private key to one of the {count} public keys in the manifest"
                )?;
            }
        }
        for command in commands {
            writeln!(f, "      {command}")?;
        }
        Ok(())
    }

    fn commands(&self, user: &User, credential: &Credential) -> Vec<String> {
        let mut commands = Vec::new();
        for listener in &self.listeners {
            let way = Way {
                host: reachable(listener.address.ip()),
                port: listener.address.port(),
                user: &user.name,
            };
            match &listener.protocol {
                Protocol::Sftp if is_taken(&self.methods, credential) => {
                    let ssh = Ssh {
                        way,
                        known_hosts: &self.known_hosts,
                        fingerprints: &self.fingerprints,
                    };
                    commands.extend(ssh.commands(credential));
                }
                Protocol::Ftps(ftps) if matches!(credential, Credential::Password { .. }) => {
                    commands.extend(Tls { way, ftps }.commands());
                }
                Protocol::Sftp | Protocol::Ftps(_) => {}
            }
        }
        commands
    }
}

/// Whether SSH lets this credential in.
fn is_taken(methods: &[AuthenticationMethod], credential: &Credential) -> bool {
    methods.iter().any(|method| match method {
        AuthenticationMethod::PublicKey => {
            matches!(credential, Credential::MadeKey(_) | Credential::Keys(_))
        }
        AuthenticationMethod::Password | AuthenticationMethod::KeyboardInteractive => {
            matches!(credential, Credential::Password { .. })
        }
    })
}

/// Where a listener is found.
struct Place<'a>(&'a Listener);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listener {
            name,
            address,
            port,
            protocol: _,
        } = self.0;
        let (host, bound) = (address.ip(), address.port());
        write!(f, "listener {name}  {host} port {bound}")?;
        if *port != bound {
            write!(f, " ({port} in the manifest)")?;
        }
        Ok(())
    }
}

/// Where a client on this machine reaches a listener.
pub fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

struct Abilities<'a>(&'a BTreeSet<Permission>);

impl fmt::Display for Abilities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == Permission::ALL.len() {
            return f.write_str("may do everything");
        }
        f.write_str("may")?;
        for (index, permission) in self.0.iter().enumerate() {
            let joint = if index == 0 { " " } else { ", " };
            write!(f, "{joint}{permission:?}")?;
        }
        Ok(())
    }
}

/// A duration as manifests write it.
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let mut text = String::new();
        for (count, unit) in [
            (seconds / 3600, 'h'),
            (seconds / 60 % 60, 'm'),
            (seconds % 60, 's'),
        ] {
            if count > 0 {
                write!(text, "{count}{unit}")?;
            }
        }
        f.write_str(if text.is_empty() { "0s" } else { &text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_with_thousands_of_users_stays_readable() {
        let user = |number: usize| User {
            name: format!("user-{number}"),
            root: "/".to_owned(),
            permissions: BTreeSet::new(),
            credentials: Vec::new(),
        };
        let sheet = Sheet {
            path: "partners".to_owned(),
            state: ".secureftp".to_owned(),
            endpoints: vec![Endpoint {
                name: "default/partners".to_owned(),
                listeners: Vec::new(),
                fingerprints: Vec::new(),
                methods: Vec::new(),
                data_connections: None,
                proxy_protocol: ProxyProtocol::default(),
                volume: "files".to_owned(),
                known_hosts: "known_hosts".to_owned(),
                users: (0..USERS_MAX + 3).map(user).collect(),
                drain: Duration::from_secs(1),
            }],
            metrics: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        };

        let shown = sheet.to_string();

        assert!(shown.contains("user-49  may"), "{shown}");
        assert!(!shown.contains("user-50  may"), "{shown}");
        assert!(
            shown.contains("and 3 more, who log in the same way"),
            "{shown}"
        );
    }

    #[test]
    fn a_duration_is_shown_as_manifests_write_it() {
        for (seconds, shown) in [
            (1800, "30m"),
            (5400, "1h30m"),
            (61, "1m1s"),
            (0, "0s"),
            (86_400, "24h"),
        ] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), shown);
        }
    }
}
