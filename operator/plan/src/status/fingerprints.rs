//! Host keys as their clients know them.

use std::collections::BTreeMap;

use ssh_key::{HashAlg, PrivateKey};

/// The fingerprint of each host key, as `ssh-keygen -l` shows it: `SHA256:` and base64. Keys that cannot be read have
/// none: they are problems, and not served.
pub(crate) fn fingerprints(host_keys: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    host_keys
        .values()
        .filter_map(|key| PrivateKey::from_openssh(key).ok())
        .map(|key| key.fingerprint(HashAlg::Sha256).to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_what_ssh_keygen_shows() {
        for (name, key, expected) in [
            (
                "ssh_host_ed25519_key",
                include_bytes!("../../tests/fixtures/ssh_host_ed25519_key").as_slice(),
                "SHA256:2cHmmGfNYXxMzdSDnBo/n85D1bk4S4YEAx4lyVInimU",
            ),
            (
                "ssh_host_ecdsa_key",
                include_bytes!("../../tests/fixtures/ssh_host_ecdsa_key").as_slice(),
                "SHA256:BxYGohh6dC4UYAbOzGSfMg/l4e5zQZlVF4qNO+FFi60",
            ),
            (
                "ssh_host_rsa_key",
                include_bytes!("../../tests/fixtures/ssh_host_rsa_key").as_slice(),
                "SHA256:arPMJXsc7YZGGA08RhluceHwiQIyNSwRiQmcfy6SwJU",
            ),
        ] {
            let keys = BTreeMap::from([(name.to_owned(), key.to_vec())]);

            assert_eq!(fingerprints(&keys), [expected], "{name}");
        }
    }

    #[test]
    fn what_is_no_key_has_no_fingerprint() {
        let keys = BTreeMap::from([("note".to_owned(), b"to whom it may concern".to_vec())]);

        assert!(fingerprints(&keys).is_empty());
    }
}
