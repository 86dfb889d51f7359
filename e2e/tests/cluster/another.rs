//! Another cluster: kube-proxy by nftables, Helm 3, an operator of two namespaces, and cert-manager comes last.

use std::process::Command;

use anyhow::Result;
use e2e::{
    cluster::{
        Cluster,
        journal::Journal,
        needs,
        programs::HELM_3,
        settings::{CertManager, Lifetime, Proxy, Settings},
        stage::Stage,
    },
    program::run,
    skip::skip,
};

use crate::{
    endpoint::Endpoint, example, installation, namespace::Namespace, replicas, rest::Requests,
};

/// The program that `cargo cluster` runs.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster");

/// The name of this cluster; `cargo verify` takes down what it leaves on the disk.
const NAME: &str = "nftables";

#[test]
fn all_of_it_by_nftables_in_two_namespaces_and_with_a_late_cert_manager() -> Result<()> {
    let story = "all of it by nftables, in two namespaces and with a late cert-manager";
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
    // Namespaces that are watched must exist, and stay.
    let namespace = Namespace::make_restricted(&stage, "example")?;
    let replicas = Namespace::make_restricted(&stage, "replicas")?;
    installation::install(
        &stage,
        || stage.ours()?.helm_of(&HELM_3),
        &["operator.watchNamespaces={example,replicas}"],
    )?;

    let endpoint = Endpoint::serve_in(&stage, replicas, 3)?;
    replicas::check(&endpoint)?;

    let manifests = installation::example();
    let apply = |file: &str| {
        let file = manifests.join(file).display().to_string();
        namespace.ask(&["apply", "--filename", &file])
    };
    apply("partners.yaml")?;
    installation::wait_for(
        &stage,
        &namespace,
        example::ENDPOINT,
        "condition=ResolvedRefs=False",
    )?;
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
    installation::wait_for(&stage, &namespace, example::ENDPOINT, "condition=Ready")?;
    let denied = Requests::of_the_operator(stage.ours()?)?.read()?.denied();
    assert!(denied.is_empty(), "{denied:#?}");
    drop((namespace, endpoint));
    drop(stage);
    Cluster::down(&NAME.parse()?).map(drop)
}
