//! SSH keys: made once, kept below STATE, shown by their fingerprint.

use std::path::Path;

use ssh_key::{
    HashAlg, LineEnding, PrivateKey, PublicKey,
    private::{Ed25519Keypair, KeypairData},
};
use zeroize::Zeroizing;

use super::state;

/// The key in this file, in OpenSSH's format; made (Ed25519) if the file is not there.
pub(super) fn keep(path: &Path, comment: &str) -> Result<PrivateKey, Error> {
    if let Some(text) = state::read(path)?.map(Zeroizing::new) {
        return PrivateKey::from_openssh(&text).map_err(|reason| Error::Kept {
            path: path.display().to_string(),
            reason,
        });
    }
    let key = make(comment)?;
    let text = key.to_openssh(LineEnding::LF).map_err(Error::Make)?;
    state::write(path, text.as_bytes())?;
    Ok(key)
}

/// The public key as a line of `authorized_keys`.
pub(super) fn line(key: &PublicKey) -> Result<String, Error> {
    key.to_openssh().map_err(Error::Make)
}

/// The fingerprint as `ssh-keygen -l` shows it, with the algorithm.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    let algorithm = match key.algorithm().as_str() {
        "ssh-ed25519" => "ED25519".to_owned(),
        "ssh-rsa" => "RSA".to_owned(),
        name if name.starts_with("ecdsa-") => "ECDSA".to_owned(),
        other => other.to_owned(),
    };
    format!("{fingerprint} ({algorithm})")
}

/// A new key.
pub(super) fn make(comment: &str) -> Result<PrivateKey, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    let mut filled = 0;
    while let Some(rest) = seed.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())
            .map_err(Error::Random)?;
    }
    let pair = Ed25519Keypair::from_seed(&seed);
    PrivateKey::new(KeypairData::from(pair), comment).map_err(Error::Make)
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// STATE failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The file holds something else.
    #[error(
        "{path} is no private key in OpenSSH's format: remove it and a new one is made ({reason})"
    )]
    Kept {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: ssh_key::Error,
    },
    /// The kernel gives no randomness.
    #[error("the kernel gives no random bytes")]
    Random(#[source] rustix::io::Errno),
    /// The new key cannot be written down.
    #[error("a key cannot be made")]
    Make(#[source] ssh_key::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ed25519");

        let first = keep(&path, "host").unwrap();
        let second = keep(&path, "host").unwrap();
        let other = keep(&folder.path().join("other"), "host").unwrap();

        assert_eq!(first.public_key(), second.public_key());
        assert_ne!(first.public_key(), other.public_key());
        assert!(fingerprint(first.public_key()).starts_with("SHA256:"));
        assert!(fingerprint(first.public_key()).ends_with(" (ED25519)"));
    }

    #[test]
    fn a_file_that_is_no_key_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ed25519");
        std::fs::write(&path, "precious").unwrap();

        assert!(matches!(keep(&path, "host"), Err(Error::Kept { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
