//! Host keys that have to be made: random, so not here.

use crds::{SecureFtpEndpoint, SshPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{names, problem::name_of};

/// The names that `ssh-keygen -A` gives to host keys, and so does everybody.
pub(super) const HOST_KEY_ENTRIES: [&str; 3] = [
    "ssh_host_ed25519_key",
    "ssh_host_ecdsa_key",
    "ssh_host_rsa_key",
];

/// A Secret of host keys to be created, once: it is never changed, and stays when its endpoint goes.
#[derive(Clone, Debug, PartialEq)]
pub struct NewHostKeys {
    /// Name, namespace and labels.
    pub metadata: ObjectMeta,
    /// The entries: the file names of the keys, `ssh_host_ed25519_key` and, with the policy `Intermediate`,
    /// `ssh_host_ecdsa_key` and `ssh_host_rsa_key`.
    pub entries: Vec<&'static str>,
}

impl NewHostKeys {
    /// The keys that clients of this endpoint look for.
    pub(crate) fn of(endpoint: &SecureFtpEndpoint) -> Self {
        let wanted = match endpoint.spec.ssh.policy {
            SshPolicy::Modern => 1,
            SshPolicy::Intermediate => HOST_KEY_ENTRIES.len(),
        };
        let name = names::host_keys(name_of(&endpoint.metadata));
        Self {
            metadata: names::kept(endpoint, name),
            entries: HOST_KEY_ENTRIES.into_iter().take(wanted).collect(),
        }
    }
}
