//! Which SSH algorithms are spoken: a policy → the lists and limits that russh follows.
//!
//! Never offered, whatever the policy: SHA-1 (`ssh-rsa` included), CBC, compression, groups 17 and 18 (one key exchange
//! costs half a second of CPU before anybody has logged in) and group exchange (the client would choose the size).

use std::{borrow::Cow, time::Duration};

use gateway_config::{AuthenticationMethod, SshPolicy};
use russh::{
    Limits, MethodKind, MethodSet, Preferred, SshId, cipher, compression, kex,
    keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey},
    mac,
    server::Config,
};

/// What the gateway calls itself (RFC 4253 §4.2); it names no version, because that helps nobody but attackers.
pub(super) const IDENTIFICATION: &str = "SSH-2.0-secureftp";

/// How much a client may send on a channel before it is granted more, in bytes; OpenSSH's value.
const WINDOW: u32 = 2 * 1024 * 1024;

/// The largest payload of one packet that clients are told to send, in bytes; OpenSSH's value.
const PACKET: u32 = 32 * 1024;

/// Messages from the channels that wait for the session's loop; each holds at most one packet of the client's size.
/// This times 32 KiB is what one turn of the loop encrypts and writes at once.
const MESSAGES: usize = 16;

/// Bytes after which keys are exchanged anew (RFC 4253 §9); `Limits::new` admits no more.
const REKEY_BYTES: usize = 1 << 30;

/// Time after which keys are exchanged anew (RFC 4253 §9).
const REKEY_TIME: Duration = Duration::from_hours(1);

/// A backstop for requests that never reach our own count, such as methods that nobody offers.
const REJECTIONS: usize = 64;

const MODERN_KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

const INTERMEDIATE_KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

const MODERN_CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
];

const INTERMEDIATE_CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

// The modern ciphers authenticate by themselves; the list matters for AES-CTR only, but must not be empty.
const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM];

const COMPRESSION: &[compression::Name] = &[compression::NONE];

/// What a *user's* key may sign with. russh derives two things from this list: the host key algorithms, of which only
/// those with a host key are offered, and `server-sig-algs` (RFC 8308), without which clients do not try their RSA keys.
/// So the policy for host keys is applied by leaving keys out, see [`admits_host_key`].
///
/// FIDO keys (`sk-…`) are not among them: their signatures say whether somebody touched the token, OpenSSH refuses those
/// without, and russh verifies the signature but shows nobody what it says.
const SIGNATURES: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// Whether a user may prove a key with this signature algorithm.
pub(super) fn admits_signature(algorithm: &Algorithm) -> bool {
    SIGNATURES.contains(algorithm)
}

/// Whether the gateway may prove itself with a host key of this algorithm.
pub(super) fn admits_host_key(policy: SshPolicy, algorithm: &Algorithm) -> bool {
    match policy {
        SshPolicy::Modern => matches!(algorithm, Algorithm::Ed25519),
        SshPolicy::Intermediate => matches!(
            algorithm,
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. }
        ),
    }
}

/// The methods that are offered, in the order in which clients should try them.
pub(super) fn methods(configured: &[AuthenticationMethod]) -> MethodSet {
    let kinds: Vec<MethodKind> = configured
        .iter()
        .map(|method| match method {
            AuthenticationMethod::PublicKey => MethodKind::PublicKey,
            AuthenticationMethod::Password => MethodKind::Password,
            AuthenticationMethod::KeyboardInteractive => MethodKind::KeyboardInteractive,
        })
        .collect();
    MethodSet::from(kinds.as_slice())
}

/// Everything russh needs to know, with host keys that the policy admits.
pub(super) fn config(ssh: &gateway_config::Ssh, keys: Vec<PrivateKey>) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed(IDENTIFICATION)),
        methods: methods(&ssh.authentication_methods),
        // Failed logins are held back by who checks them; a refused key offer costs no time at all.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys,
        certificates: Vec::new(),
        limits: Limits::new(REKEY_BYTES, REKEY_BYTES, REKEY_TIME),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        // The queue of a channel's reading half, which is dropped at once: bytes are handled where they arrive.
        channel_buffer_size: 1,
        event_buffer_size: MESSAGES,
        preferred: preferred(ssh.policy),
        max_auth_attempts: REJECTIONS,
        // russh's timers see messages, not bytes; idle sessions are found by the socket's counters.
        inactivity_timeout: None,
        keepalive_interval: None,
        keepalive_max: 0,
        nodelay: true,
    }
}

fn preferred(policy: SshPolicy) -> Preferred {
    let (kex, ciphers) = match policy {
        SshPolicy::Modern => (MODERN_KEX, MODERN_CIPHERS),
        SshPolicy::Intermediate => (INTERMEDIATE_KEX, INTERMEDIATE_CIPHERS),
    };
    Preferred {
        kex: Cow::Borrowed(kex),
        key: Cow::Borrowed(SIGNATURES),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(ciphers),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(COMPRESSION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICIES: [SshPolicy; 2] = [SshPolicy::Modern, SshPolicy::Intermediate];

    fn names<T: AsRef<str>>(list: &[T]) -> Vec<&str> {
        list.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn modern_is_exactly_this() {
        let preferred = preferred(SshPolicy::Modern);

        assert_eq!(
            names(&preferred.kex),
            [
                "mlkem768x25519-sha256",
                "curve25519-sha256",
                "curve25519-sha256@libssh.org",
                "ext-info-s",
                "kex-strict-s-v00@openssh.com",
            ]
        );
        assert_eq!(
            names(&preferred.cipher),
            [
                "aes256-gcm@openssh.com",
                "aes128-gcm@openssh.com",
                "chacha20-poly1305@openssh.com",
            ]
        );
    }

    #[test]
    fn intermediate_only_adds_and_prefers_what_is_modern() {
        let modern = preferred(SshPolicy::Modern);
        let intermediate = preferred(SshPolicy::Intermediate);

        assert!(names(&intermediate.cipher).starts_with(&names(&modern.cipher)));
        assert!(names(&intermediate.kex).starts_with(&names(&modern.kex)[..3]));
    }

    #[test]
    fn no_policy_knows_sha1_cbc_compression_or_costly_groups() {
        for policy in POLICIES {
            let preferred = preferred(policy);
            let keys: Vec<&str> = preferred.key.iter().map(Algorithm::as_str).collect();

            for list in [
                names(&preferred.kex),
                names(&preferred.cipher),
                names(&preferred.mac),
                keys,
            ] {
                for name in list {
                    assert!(!name.contains("sha1"), "{name}");
                    assert!(!name.contains("cbc"), "{name}");
                    assert!(!name.contains("group17"), "{name}");
                    assert!(!name.contains("group18"), "{name}");
                    assert!(!name.contains("group-exchange"), "{name}");
                    assert_ne!(name, "ssh-rsa");
                }
            }
            assert_eq!(names(&preferred.compression), ["none"]);
        }
    }

    #[test]
    fn every_policy_asks_for_strict_key_exchange() {
        for policy in POLICIES {
            assert!(names(&preferred(policy).kex).contains(&"kex-strict-s-v00@openssh.com"));
        }
    }

    #[test]
    fn a_modern_gateway_proves_itself_with_ed25519_only() {
        let rsa = Algorithm::Rsa {
            hash: Some(HashAlg::Sha512),
        };

        assert!(admits_host_key(SshPolicy::Modern, &Algorithm::Ed25519));
        assert!(!admits_host_key(SshPolicy::Modern, &rsa));
        assert!(admits_host_key(SshPolicy::Intermediate, &rsa));
        assert!(!admits_host_key(SshPolicy::Intermediate, &Algorithm::Dsa));
    }

    #[test]
    fn users_sign_with_anything_but_sha1_and_untouched_tokens() {
        assert!(admits_signature(&Algorithm::Ed25519));
        assert!(!admits_signature(&Algorithm::SkEd25519));
        assert!(!admits_signature(&Algorithm::SkEcdsaSha2NistP256));
        assert!(!admits_signature(&Algorithm::Rsa { hash: None }));
        assert!(!admits_signature(&Algorithm::Dsa));
    }
}
