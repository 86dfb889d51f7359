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
}

/// One user of a story.
#[derive(Clone, Debug)]
pub struct User {
    /// The login name and, below the volume, the root.
    pub name: &'static str,
    /// The permissions; `None`: everything.
    pub permissions: Option<&'static str>,
}

impl User {
    /// Someone who may do everything below `/NAME`.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            permissions: None,
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
            users: _,
        } = self;
        let port = address.port();
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
  ssh: {{ policy: {policy} }}
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

impl User {
    /// Appends the user and the Secret with the password.
    fn write(&self, yaml: &mut String, public_key: &str) -> Result<()> {
        let Self { name, permissions } = self;
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
        Ok(())
    }
}
