//! Which algorithms a policy speaks, as a real client sees it.

use gateway_config::SshPolicy;

use super::fixture::{Gateway, unchanged};

/// Both sides find out that there is no match; the client may see the gateway hang up before it finds out itself.
fn has_no_match(err: &str) -> bool {
    err.contains("no matching") || err.contains("Connection closed") || err.contains("reset")
}

const INSIDE: &str = "This service speaks SFTP only";

#[tokio::test]
async fn modern_speaks_modern_algorithms() {
    let gateway = Gateway::start(unchanged).await;

    for option in [
        "Ciphers=aes256-gcm@openssh.com",
        "Ciphers=aes128-gcm@openssh.com",
        "Ciphers=chacha20-poly1305@openssh.com",
        "KexAlgorithms=curve25519-sha256",
        "KexAlgorithms=curve25519-sha256@libssh.org",
    ] {
        let said = gateway.ssh(&["-o", option], &["id"]).await;

        assert!(said.err.contains(INSIDE), "{option}: {}", said.err);
    }
}

#[tokio::test]
async fn modern_refuses_what_intermediate_speaks() {
    let modern = Gateway::start(unchanged).await;
    let intermediate =
        Gateway::start(|endpoint| endpoint.ssh.policy = SshPolicy::Intermediate).await;

    for option in [
        "Ciphers=aes256-ctr",
        "KexAlgorithms=ecdh-sha2-nistp256",
        "KexAlgorithms=diffie-hellman-group16-sha512",
        "KexAlgorithms=diffie-hellman-group14-sha256",
    ] {
        let refused = modern.ssh(&["-o", option], &["id"]).await;
        let spoken = intermediate.ssh(&["-o", option], &["id"]).await;

        assert!(has_no_match(&refused.err), "{option}: {}", refused.err);
        assert!(spoken.err.contains(INSIDE), "{option}: {}", spoken.err);
    }
}

#[tokio::test]
async fn no_policy_speaks_what_is_broken_or_costly() {
    let gateway = Gateway::start(|endpoint| endpoint.ssh.policy = SshPolicy::Intermediate).await;

    for option in [
        "Ciphers=aes256-cbc",
        "KexAlgorithms=diffie-hellman-group18-sha512",
        "KexAlgorithms=diffie-hellman-group-exchange-sha256",
        "KexAlgorithms=diffie-hellman-group14-sha1",
        "HostKeyAlgorithms=ssh-rsa",
    ] {
        let said = gateway.ssh(&["-o", option], &["id"]).await;

        assert!(has_no_match(&said.err), "{option}: {}", said.err);
    }
}
