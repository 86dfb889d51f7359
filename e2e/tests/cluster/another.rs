//! Another cluster: kube-proxy by nftables, and cert-manager comes after everything else.

use std::process::Command;

use anyhow::Result;
use e2e::{
    cluster::{
        Cluster,
        journal::Journal,
        needs,
        settings::{CertManager, Lifetime, Proxy, Settings},
        stage::Stage,
    },
    program::run,
    skip::skip,
};

use crate::{endpoint::Endpoint, example, installation, namespace::Namespace, replicas};

/// The program that `cargo cluster` runs.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster");

/// The name of this cluster; `cargo verify` takes down what it leaves on the disk.
const NAME: &str = "nftables";

#[test]
fn by_nftables_too_and_with_a_cert_manager_that_comes_last() -> Result<()> {
    let story = "by nftables, too, and with a cert-manager that comes last";
    let missing = needs::missing();
    if !missing.is_empty() {
        return skip(story, &format!("needs {}", missing.join(", ")));
    }
    let stage = Stage::of(Cluster::up(
        &Settings {
            name: NAME.parse()?,
            proxy: Proxy::Nftables,
            cert_manager: CertManager::Later,
            lifetime: Lifetime::WithThisProcess,
            ..Settings::default()
        },
        Journal::Silent,
    )?);
    installation::install(&stage)?;

    {
        let endpoint = Endpoint::serve(&stage, "replicas", 3)?;
        replicas::check(&endpoint)?;
    }

    let namespace = Namespace::make(&stage, "example")?;
    let manifests = installation::example();
    let apply = |file: &str| {
        let file = manifests.join(file).display().to_string();
        namespace.ask(&["apply", "--filename", &file])
    };
    apply("partners.yaml")?;
    installation::wait_for(&stage, &namespace, example::ENDPOINT, "ResolvedRefs=False")?;
    let reason = r#"jsonpath={.status.conditions[?(@.type=="ResolvedRefs")].reason}"#;
    let reason = namespace.ask(&[
        "get",
        "secureftpendpoint",
        example::ENDPOINT,
        "--output",
        reason,
    ])?;
    assert_eq!(reason, "CertManagerMissing");

    run(Command::new(PROGRAM).args(["--name", NAME, "add", "cert-manager"]))?.success()?;

    apply("issuer.yaml")?;
    installation::wait_for(&stage, &namespace, example::ENDPOINT, "Ready=True")?;
    drop(namespace);
    drop(stage);
    Cluster::down(&NAME.parse()?).map(drop)
}
