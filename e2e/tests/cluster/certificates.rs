//! cert-manager issues certificates.

use anyhow::Result;
use e2e::{
    cluster::stage::{Ability, Stage},
    wait::until,
};
use serde_json::json;

use crate::place::Place;

/// Asks for a certificate that signs itself; answers it in base64.
pub(crate) fn issue(place: &Place<'_>) -> Result<String> {
    place.apply(&json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": { "name": "itself" },
        "spec": { "selfSigned": {} },
    }))?;
    place.apply(&json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": { "name": "files" },
        "spec": {
            "secretName": "files-tls",
            "dnsNames": ["files.example.com"],
            "issuerRef": { "name": "itself" },
        },
    }))?;
    until("a certificate", || {
        let path = r"jsonpath={.data.tls\.crt}";
        let found = [
            "get",
            "secret",
            "files-tls",
            "--ignore-not-found",
            "--output",
            path,
        ];
        let certificate = place.ask(&found)?;
        Ok(Some(certificate).filter(|certificate| !certificate.is_empty()))
    })
}

#[test]
fn a_certificate_that_is_asked_for_is_issued() -> Result<()> {
    let story = "a certificate that is asked for is issued";
    let Some(stage) = Stage::open(story, &[Ability::CertManager])? else {
        return Ok(());
    };
    let place = Place::make(stage, "issued")?;

    let certificate = issue(&place)?;

    // `-----BEGIN CERTIFICATE` in base64.
    assert!(certificate.starts_with("LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR"));
    until("a certificate that says it is ready", || {
        let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
        let ready = place.ask(&["get", "certificate", "files", "--output", path])?;
        Ok((ready == "True").then_some(()))
    })
}
