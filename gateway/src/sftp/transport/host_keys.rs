//! The keys by which clients know the gateway, read and checked once per load of the configuration, and [`Ssh`], which
//! holds them with all else that russh is told.

use std::{fmt, sync::Arc};

use gateway_config::SshPolicy;
use russh::{
    keys::{Algorithm, PrivateKey, ssh_key},
    server::Config,
};

use super::algorithms;
use crate::endpoint::HostKey;

/// RSA host keys below this many bits are refused.
const RSA_BITS_MIN: usize = 2048;

/// How SSH is spoken at one endpoint: policy, methods and host keys, made ready once and shared by all clients.
#[derive(Clone)]
pub struct Ssh {
    pub(super) config: Arc<Config>,
}

impl Ssh {
    /// Reads every host key; those that the policy does not admit are left out.
    pub fn new(ssh: &gateway_config::Ssh, host_keys: &[HostKey]) -> Result<Self, HostKeyError> {
        let mut admitted = Vec::new();
        for host_key in host_keys {
            let key = read(host_key)?;
            if algorithms::admits_host_key(ssh.policy, &key.algorithm()) {
                admitted.push(key);
            }
        }
        if admitted.is_empty() {
            return Err(HostKeyError::NoneAdmitted { policy: ssh.policy });
        }
        Ok(Self {
            config: Arc::new(algorithms::config(ssh, admitted)),
        })
    }
}

impl fmt::Debug for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // russh's Debug hides the keys today; nothing is lost by not relying on it.
        f.debug_struct("Ssh").finish_non_exhaustive()
    }
}

/// Why a host key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// The file is not a private key in OpenSSH format.
    #[error(
        "host key {name} is not an unencrypted private key in OpenSSH format; `ssh-keygen -p -f {name}` converts others"
    )]
    Format {
        /// The file's name.
        name: String,
        /// What is wrong with it.
        source: ssh_key::Error,
    },
    /// The key asks for a passphrase, and nobody is there to type it.
    #[error("host key {name} is protected by a passphrase; `ssh-keygen -p -f {name}` removes it")]
    Passphrase {
        /// The file's name.
        name: String,
    },
    /// No policy admits such a key.
    #[error(
        "host key {name} is {algorithm}; use Ed25519, ECDSA, or RSA of at least {RSA_BITS_MIN} bits"
    )]
    Algorithm {
        /// The file's name.
        name: String,
        /// The key's algorithm and, for RSA, its size.
        algorithm: String,
    },
    /// There is no key that the policy admits.
    #[error("no host key fits the policy {policy:?}; it needs an Ed25519 key")]
    NoneAdmitted {
        /// The policy.
        policy: SshPolicy,
    },
}

fn read(host_key: &HostKey) -> Result<PrivateKey, HostKeyError> {
    let key = PrivateKey::from_openssh(host_key.pem.as_bytes()).map_err(|source| {
        HostKeyError::Format {
            name: host_key.name.clone(),
            source,
        }
    })?;
    if key.is_encrypted() {
        return Err(HostKeyError::Passphrase {
            name: host_key.name.clone(),
        });
    }
    if let Some(algorithm) = weakness(&key) {
        return Err(HostKeyError::Algorithm {
            name: host_key.name.clone(),
            algorithm,
        });
    }
    Ok(key)
}

/// The name of what makes a key unfit for every policy.
fn weakness(key: &PrivateKey) -> Option<String> {
    let algorithm = key.algorithm();
    if !algorithms::admits_host_key(SshPolicy::Intermediate, &algorithm) {
        return Some(algorithm.as_str().to_owned());
    }
    if let Algorithm::Rsa { .. } = algorithm {
        let bits = key.public_key().key_data().rsa().map_or(0, rsa_bits);
        if bits < RSA_BITS_MIN {
            return Some(format!("RSA of {bits} bits"));
        }
    }
    None
}

fn rsa_bits(key: &ssh_key::public::RsaPublicKey) -> usize {
    usize::try_from(key.key_size()).unwrap_or(usize::MAX)
}
