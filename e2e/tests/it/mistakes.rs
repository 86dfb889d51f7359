//! Mistakes in manifests: each with its place, and nothing starts.

use std::fs;

use anyhow::Result;
use e2e::{gateway::Prepared, program::run, setup::Setup};

/// The manifests of a story, changed by `edit`, are refused, and what is said has all of `words`.
fn check_is_refused(edit: impl Fn(&str) -> String, words: &[&str]) -> Result<()> {
    let prepared = Prepared::new(Setup::default())?;
    let file = prepared.manifests().join("story.yaml");
    let good = fs::read_to_string(&file)?;
    run(prepared.command()?.arg("--check"))?.success()?;

    let broken = edit(&good);
    assert_ne!(broken, good, "the story's edit does nothing");
    fs::write(&file, &broken)?;
    let checked = run(prepared.command()?.arg("--check"))?.failure()?;
    let started = run(&mut prepared.command()?)?.failure()?;

    for said in [checked, started] {
        for word in words {
            assert!(said.contains(word), "no {word:?} in:\n{said}");
        }
    }
    Ok(())
}

#[test]
fn broken_yaml_is_shown_where_it_breaks() -> Result<()> {
    check_is_refused(
        |good| {
            good.replace(
                "accessModes: [ReadWriteOnce]",
                "accessModes: [ReadWriteOnce",
            )
        },
        &["story.yaml:"],
    )
}

#[test]
fn two_endpoints_on_one_port_are_refused() -> Result<()> {
    check_is_refused(
        |good| {
            let (_, endpoint) = good.split_once("---\n").unwrap();
            let (endpoint, _) = endpoint.split_once("---\n").unwrap();
            format!(
                "{good}---\n{}",
                endpoint.replace("name: story", "name: second")
            )
        },
        &["story.yaml:", "SecureFtpEndpoint/second", "port"],
    )
}

#[test]
fn a_user_without_its_secret_is_refused() -> Result<()> {
    check_is_refused(
        |good| {
            good.replace(
                "passwordSecretRef: { name: alice }",
                "passwordSecretRef: { name: nowhere }",
            )
        },
        &[
            "story.yaml:",
            "SecureFtpUser/alice",
            "spec.authentication.passwordSecretRef",
            "nowhere",
        ],
    )
}

#[test]
fn every_mistake_is_shown_at_once() -> Result<()> {
    check_is_refused(
        |good| {
            good.replace("uploads: Direct", "uploads: Sometimes")
                .replace("drainTimeout: 5m", "drainTimeout: soon")
                .replace("protocol: SFTP,", "protocol: SFTP, colour: green,")
        },
        &["spec.storage.uploads", "spec.drainTimeout", "colour"],
    )
}

#[test]
fn ftps_without_certificate_and_ports_is_refused() -> Result<()> {
    check_is_refused(
        |good| {
            good.replace(
                "  ssh: {",
                "  - { name: ftps, protocol: FTPSExplicit, port: 21 }\n  ssh: {",
            )
        },
        &[
            "story.yaml:",
            "SecureFtpEndpoint/story",
            "spec.listeners[1]",
            "secretRef or an issuerRef",
            "dataConnections.passive",
        ],
    )
}

#[test]
fn ftps_with_a_certificate_that_is_not_there_is_refused() -> Result<()> {
    check_is_refused(
        |good| {
            good.replace(
                "  ssh: {",
                "  - { name: ftps, protocol: FTPSExplicit, port: 21, tls: { secretRef: { name: nowhere } } }
  dataConnections: { passive: { ports: { start: 30000, end: 30003 }, perReplica: 2 } }
  ssh: {",
            )
        },
        &["story.yaml:", "spec.listeners[1].tls.secretRef", "nowhere"],
    )
}
