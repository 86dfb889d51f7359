//! The manifests of a story.

use std::{fmt::Write, net::SocketAddr};

use anyhow::Result;

/// The claim whose volume every story uses.
pub const CLAIM: &str = "data";

/// The password of every user of a story.
pub const PASSWORD: &str = "correct horse battery staple";

/// What a story serves; the default suits most.
#[derive(Clone, Debug)]
pub struct Setup {
    /// `Direct` or `Atomic`.
    pub uploads: &'static str,
    /// Who may log in, all with the story's key and [`PASSWORD`].
    pub users: Vec<User>,
    /// `storage.stuckSeconds`.
    pub stuck_seconds: u32,
    /// `limits.sessionsPerUserPerReplica`, and as many from one address.
    pub sessions_per_user: u32,
    /// `ssh.policy`: `Modern` or `Intermediate`.
    pub policy: &'static str,
    /// `drainTimeout`.
    pub drain_timeout: &'static str,
    /// How FTPS is served beside SFTP; `None`: not at all.
    pub ftps: Option<Ftps>,
}

/// How a story serves FTPS: explicit and implicit, with a certificate of the authority that the gateway makes.
#[derive(Clone, Debug)]
pub struct Ftps {
    /// `encryption` of the explicit listener; the implicit one is encrypted by nature.
    pub encryption: &'static str,
    /// `tls.minVersion` of both.
    pub min_version: &'static str,
    /// `dataConnections.binding`.
    pub binding: &'static str,
    /// How many passive ports there are; an even number.
    pub passive_ports: u16,
    /// `passive.waitSeconds`.
    pub wait_seconds: u32,
    /// `passive.connectSeconds`.
    pub connect_seconds: u32,
}

/// The ports of a story, side by side: its address is its own.
#[derive(Clone, Copy, Debug)]
struct Ports {
    explicit: u16,
    implicit: u16,
    passive: u16,
}

impl Ports {
    /// Those above the SFTP listener's. The kernel gives no port so high that there is no room above it.
    const fn above(sftp: u16) -> Self {
        Self {
            explicit: sftp + 1,
            implicit: sftp + 2,
            passive: sftp + 3,
        }
    }
}

/// Where the explicit FTPS listener is, given SFTP's.
#[must_use]
pub const fn explicit(sftp: SocketAddr) -> SocketAddr {
    with_port(sftp, Ports::above(sftp.port()).explicit)
}

/// Where the implicit FTPS listener is, given SFTP's.
#[must_use]
pub const fn implicit(sftp: SocketAddr) -> SocketAddr {
    with_port(sftp, Ports::above(sftp.port()).implicit)
}

/// The first and the last passive port of `ftps`, given SFTP's listener.
#[must_use]
pub const fn passive(sftp: SocketAddr, ftps: &Ftps) -> (u16, u16) {
    let first = Ports::above(sftp.port()).passive;
    (first, first + ftps.passive_ports - 1)
}

const fn with_port(address: SocketAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.ip(), port)
}

impl Default for Ftps {
    fn default() -> Self {
        Self {
            encryption: "Required",
            min_version: "1.2",
            binding: "TLSPreferred",
            passive_ports: 8,
            wait_seconds: 10,
            connect_seconds: 30,
        }
    }
}

/// One user of a story.
#[derive(Clone, Debug)]
pub struct User {
    /// The login name and, below the volume, the root.
    pub name: &'static str,
    /// The permissions; `None`: everything.
    pub permissions: Option<&'static str>,
    /// `requireTls`.
    pub require_tls: bool,
}

impl User {
    /// Someone who may do everything below `/NAME`.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            permissions: None,
            require_tls: false,
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            uploads: "Direct",
            users: vec![User::new("alice")],
            stuck_seconds: 10,
            sessions_per_user: 1500,
            policy: "Modern",
            drain_timeout: "5m",
            ftps: None,
        }
    }
}

impl Setup {
    /// For clients without AES-GCM and ChaCha20-Poly1305, such as paramiko before 3.
    pub fn for_old_clients() -> Self {
        Self {
            policy: "Intermediate",
            ..Self::default()
        }
    }

    /// SFTP and FTPS.
    pub fn with_ftps(ftps: Ftps) -> Self {
        Self {
            ftps: Some(ftps),
            ..Self::default()
        }
    }

    /// The manifests, for a listener at `address` and users with this public key.
    pub fn manifests(&self, address: SocketAddr, public_key: &str) -> Result<String> {
        let mut yaml = self.endpoint("story", address);
        for user in &self.users {
            user.write(&mut yaml, public_key)?;
        }
        Ok(yaml)
    }

    /// The claim and the endpoint `name`.
    pub fn endpoint(&self, name: &str, address: SocketAddr) -> String {
        let Self {
            uploads,
            stuck_seconds,
            sessions_per_user,
            policy,
            drain_timeout,
            ftps,
            users: _,
        } = self;
        let port = address.port();
        let ftps = ftps
            .as_ref()
            .map_or_else(String::new, |ftps| ftps.fields(Ports::above(port)));
        format!(
            "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{ name: {CLAIM} }}
spec:
  accessModes: [ReadWriteOnce]
  resources: {{ requests: {{ storage: 1Gi }} }}
---
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpEndpoint
metadata: {{ name: {name} }}
spec:
  listeners:
  - {{ name: sftp, protocol: SFTP, port: {port} }}
{ftps}  ssh: {{ policy: {policy} }}
  storage:
    persistentVolumeClaim: {{ claimName: {CLAIM} }}
    uploads: {uploads}
    stuckSeconds: {stuck_seconds}
  users: {{ selector: {{ matchLabels: {{ endpoint: {name} }} }} }}
  limits:
    sessionsPerReplica: 2000
    sessionsPerUserPerReplica: {sessions_per_user}
    sessionsPerAddressPerReplica: {sessions_per_user}
  drainTimeout: {drain_timeout}
"
        )
    }
}

impl Ftps {
    /// Two more listeners, and the data connections.
    fn fields(&self, ports: Ports) -> String {
        let Self {
            encryption,
            min_version,
            binding,
            passive_ports,
            wait_seconds,
            connect_seconds,
        } = self;
        let Ports {
            explicit,
            implicit,
            passive,
        } = ports;
        let last = passive + passive_ports - 1;
        let share = passive_ports / 2;
        let tls = format!(
            "{{ issuerRef: {{ kind: Issuer, name: story }}, dnsNames: [story.example.com], minVersion: \"{min_version}\" }}"
        );
        format!(
            "  - {{ name: explicit, protocol: FTPSExplicit, port: {explicit}, encryption: {encryption}, tls: {tls} }}
  - {{ name: implicit, protocol: FTPSImplicit, port: {implicit}, tls: {tls} }}
  dataConnections:
    binding: {binding}
    passive:
      ports: {{ start: {passive}, end: {last} }}
      perReplica: {share}
      waitSeconds: {wait_seconds}
      connectSeconds: {connect_seconds}
"
        )
    }
}

impl User {
    /// Appends the user and the Secret with the password.
    fn write(&self, yaml: &mut String, public_key: &str) -> Result<()> {
        let Self {
            name,
            permissions,
            require_tls,
        } = self;
        write!(
            yaml,
            "---
apiVersion: v1
kind: Secret
metadata: {{ name: {name} }}
stringData: {{ password: {PASSWORD} }}
---
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpUser
metadata: {{ name: {name}, labels: {{ endpoint: story }} }}
spec:
  authentication:
    passwordSecretRef: {{ name: {name} }}
    authorizedKeys: {{ inline: [\"{public_key}\"] }}
"
        )?;
        if let Some(permissions) = permissions {
            writeln!(yaml, "  permissions: [{permissions}]")?;
        }
        if *require_tls {
            writeln!(yaml, "  requireTls: true")?;
        }
        Ok(())
    }
}
