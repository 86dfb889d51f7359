//! Who gets in, and how others are sent away.

use gateway_config::AuthenticationMethod;

use super::fixture::{Gateway, Said, unchanged};

/// What `ssh` says after a login: the door was open.
const INSIDE: &str = "This service speaks SFTP only";

const NO_KEY: [&str; 2] = ["-o", "PubkeyAuthentication=no"];

#[tokio::test]
async fn a_listed_key_opens() {
    let gateway = Gateway::start(unchanged).await;

    let Said { err, .. } = gateway.ssh(&["-o", "BatchMode=yes"], &["id"]).await;

    assert!(err.contains(INSIDE), "{err}");
}

#[tokio::test]
async fn a_password_opens_by_either_method() {
    let gateway = Gateway::start(unchanged).await;

    for method in ["password", "keyboard-interactive"] {
        let preferred = format!("PreferredAuthentications={method}");
        let Said { err, .. } = gateway.ssh(&["-o", &preferred], &["id"]).await;

        assert!(err.contains(INSIDE), "{method}: {err}");
    }
}

#[tokio::test]
async fn a_wrong_password_may_be_tried_again_and_then_no_more() {
    let gateway = Gateway::start(unchanged).await;
    let wrong = gateway.folder.path().join("password");
    std::fs::write(wrong, "#!/bin/sh\necho wrong\n").unwrap();

    let [off, no_key] = NO_KEY;
    let arguments = [off, no_key, "-o", "NumberOfPasswordPrompts=9"];
    let Said { code, err, .. } = gateway.ssh(&arguments, &["id"]).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("Too many authentication failures"), "{err}");
}

#[tokio::test]
async fn an_unlisted_key_does_not_open() {
    let gateway = Gateway::start(unchanged).await;
    let other = Gateway::start(unchanged).await;
    let stranger = format!("IdentityFile={}/id", other.folder.path().display());
    let mut ssh = tokio::process::Command::new("ssh");
    ssh.args(["-F", "none", "-o", &stranger, "-o", "BatchMode=yes"])
        .arg("-oStrictHostKeyChecking=no")
        .arg("-oUserKnownHostsFile=/dev/null")
        .arg(format!("-p{}", gateway.address.port()))
        .args(["alice@127.0.0.1", "id"]);

    let Said { code, err, .. } = super::fixture::said(ssh).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(
        err.contains("Permission denied (publickey,password,keyboard-interactive)"),
        "{err}"
    );
}

#[tokio::test]
async fn a_method_that_is_not_offered_opens_to_nobody() {
    let gateway = Gateway::start(|endpoint| {
        endpoint.ssh.authentication_methods = vec![AuthenticationMethod::Password];
    })
    .await;

    let Said { code, err, .. } = gateway.ssh(&["-o", "BatchMode=yes"], &["id"]).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("Permission denied (password)"), "{err}");
}

/// Makes a key in the gateway's folder; its options for `ssh`.
async fn make_key(gateway: &Gateway, name: &str, arguments: &[&str]) -> [String; 2] {
    let file = gateway.folder.path().join(name);
    let mut keygen = tokio::process::Command::new("ssh-keygen");
    keygen
        .args(["-q", "-N", "", "-f"])
        .arg(&file)
        .args(arguments);
    let Said { code, err, .. } = super::fixture::said(keygen).await;
    assert_eq!(code, Some(0), "{err}");
    ["-o".to_owned(), format!("IdentityFile={}", file.display())]
}

#[tokio::test]
async fn somebody_who_offers_too_many_keys_is_sent_away() {
    let gateway = Gateway::start(unchanged).await;
    let mut arguments = vec!["-oBatchMode=yes".to_owned()];
    for number in 0..40 {
        arguments.extend(make_key(&gateway, &format!("key{number}"), &["-t", "ed25519"]).await);
    }
    let mut ssh = tokio::process::Command::new("ssh");
    ssh.args(["-F", "none", "-oIdentitiesOnly=yes"])
        .args([
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
        ])
        .args(&arguments)
        .env_remove("SSH_AUTH_SOCK")
        .arg(format!("-p{}", gateway.address.port()))
        .args(["alice@127.0.0.1", "id"]);

    let Said { code, err, .. } = super::fixture::said(ssh).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("Too many authentication failures"), "{err}");
}

#[tokio::test]
async fn a_certificate_opens_to_nobody_even_around_a_listed_key() {
    let gateway = Gateway::start(unchanged).await;
    make_key(&gateway, "authority", &["-t", "ed25519"]).await;
    let here = gateway.folder.path();
    let public = gateway.user_key.public_key().to_openssh().unwrap();
    std::fs::write(here.join("id.pub"), public).unwrap();
    let mut keygen = tokio::process::Command::new("ssh-keygen");
    keygen
        .args(["-q", "-I", "alice", "-n", "alice", "-s"])
        .arg(here.join("authority"))
        .arg(here.join("id.pub"));
    let Said { code, err, .. } = super::fixture::said(keygen).await;
    assert_eq!(code, Some(0), "{err}");

    // The certificate alone: beside it, `ssh` would offer the key as it is.
    let only = "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com";
    let arguments = ["-o", "BatchMode=yes", "-o", only];
    let Said { code, err, .. } = gateway.ssh(&arguments, &["id"]).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("Permission denied"), "{err}");
}
