//! New SSH host keys, in OpenSSH's format without a passphrase.

use k8s_openapi::ByteString;
use ssh_key::{
    LineEnding, PrivateKey,
    private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair},
};

/// The length of an RSA key: what is asked for until 2030 and beyond (NIST SP 800-57).
const RSA_BITS: usize = 3072;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostKeyError {
    /// No kind of key has this file name.
    #[error("no kind of host key is called {0}")]
    Unknown(String),
    /// It cannot be made or written down.
    #[error("a host key cannot be made")]
    Make(#[source] ssh_key::Error),
}

/// A new private key for the file of this name. RSA takes a second or more: not for a thread that must not block.
pub(crate) fn make(file: &str, comment: &str) -> Result<ByteString, HostKeyError> {
    let mut random = rand::rng();
    let pair = match file {
        "ssh_host_ed25519_key" => KeypairData::from(Ed25519Keypair::random(&mut random)),
        "ssh_host_ecdsa_key" => EcdsaKeypair::random(&mut random, ssh_key::EcdsaCurve::NistP256)
            .map_err(HostKeyError::Make)?
            .into(),
        "ssh_host_rsa_key" => RsaKeypair::random(&mut random, RSA_BITS)
            .map_err(HostKeyError::Make)?
            .into(),
        other => return Err(HostKeyError::Unknown(other.to_owned())),
    };
    let key = PrivateKey::new(pair, comment).map_err(HostKeyError::Make)?;
    let text = key.to_openssh(LineEnding::LF).map_err(HostKeyError::Make)?;
    Ok(ByteString(text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_gets_a_key_of_its_kind() {
        for (file, algorithm) in [
            ("ssh_host_ed25519_key", "ssh-ed25519"),
            ("ssh_host_ecdsa_key", "ecdsa-sha2-nistp256"),
            ("ssh_host_rsa_key", "ssh-rsa"),
        ] {
            let key = PrivateKey::from_openssh(make(file, "partners").unwrap().0).unwrap();

            assert_eq!(key.algorithm().as_str(), algorithm);
            assert_eq!(key.comment().to_string(), "partners");
            assert!(!key.is_encrypted());
        }
    }

    #[test]
    fn a_file_of_another_name_is_no_key() {
        assert!(matches!(
            make("ssh_host_dsa_key", "partners"),
            Err(HostKeyError::Unknown(_))
        ));
    }
}
