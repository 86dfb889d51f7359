//! cert-manager issues certificates.

use anyhow::Result;
use e2e::{
    cluster::stage::{Ability, Stage},
    wait::until,
};
use serde_json::json;

use crate::namespace::Namespace;

/// Asks for a certificate that signs itself; answers it in base64.
pub(crate) fn issue(namespace: &Namespace<'_>) -> Result<String> {
    namespace.apply(&json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": { "name": "itself" },
        "spec": { "selfSigned": {} },
    }))?;
    namespace.apply(&json!({
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
        let certificate = namespace.ask(&found)?;
        Ok(Some(certificate).filter(|certificate| !certificate.is_empty()))
    })
}

#[test]
fn a_certificate_that_is_asked_for_is_issued() -> Result<()> {
    let story = "a certificate that is asked for is issued";
    let Some(stage) = Stage::open(story, &[Ability::CertManager])? else {
        return Ok(());
    };
    let namespace = Namespace::make(stage, "issued")?;

    let certificate = issue(&namespace)?;

    // `-----BEGIN CERTIFICATE` in base64.
    assert!(certificate.starts_with("LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR"));
    until("a certificate that says it is ready", || {
        let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
        let ready = namespace.ask(&["get", "certificate", "files", "--output", path])?;
        Ok((ready == "True").then_some(()))
    })
}
