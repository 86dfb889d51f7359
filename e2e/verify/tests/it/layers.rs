//! Dependencies point one way, and each power has one place.

use std::{collections::BTreeSet, process::Command};

use crate::source::{repository, sources};

/// The files below `folder` that name `identifier`, but for those that may.
#[track_caller]
fn check_only(identifier: &str, folder: &str, may: &[&str]) {
    let others: Vec<String> = sources(folder, ".rs")
        .into_iter()
        .filter(|source| !may.iter().any(|one| source.path.starts_with(one)))
        .filter(|source| source.identifiers().any(|found| found == identifier))
        .map(|source| source.path)
        .collect();
    assert!(
        others.is_empty(),
        "{identifier} belongs to {may:?}, and is named by {others:?}"
    );
}

/// The packages that `package` links, however far down. cargo-deny speaks of direct dependents only.
#[track_caller]
fn check_tree_is_free(package: &str, of: &[&str]) {
    let said = Command::new(env!("CARGO"))
        .current_dir(repository())
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--format", "{lib}", "--package", package])
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let tree = String::from_utf8(said.stdout).unwrap();
    let linked: BTreeSet<&str> = tree.split_whitespace().collect();
    assert!(
        linked.len() > 1,
        "nothing to look at below {package}: {tree}"
    );

    let wrong: Vec<&&str> = of.iter().filter(|one| linked.contains(**one)).collect();

    assert!(
        wrong.is_empty(),
        "{package} must not link {wrong:?}: cargo tree -p {package} -i …"
    );
}

#[test]
fn only_the_transport_names_russh() {
    check_only("russh", "gateway/src", &["gateway/src/sftp/transport/"]);
}

#[test]
fn only_local_storage_touches_the_disk() {
    check_only(
        "fs",
        "gateway/src",
        &[
            "gateway/src/storage/local",
            // Reads the configuration that it watches.
            "gateway/src/reload",
            // Makes and removes the Unix socket that it listens on.
            "gateway/src/control.rs",
            // Tests in files of their own.
            "gateway/src/ftps/passive/tests/",
            "gateway/src/storage/tests/",
        ],
    );
}

#[test]
fn the_protocol_cores_do_no_input_or_output_and_read_no_clock() {
    for core in ["gateway/ftp/src", "gateway/sftp/src"] {
        let roots = sources(core, "lib.rs");
        assert!(roots.iter().all(|root| root.text.contains("#![no_std]")));
        check_only("std", core, &[]);
    }
}

#[test]
fn deciding_links_no_runtime_and_no_protocol() {
    check_tree_is_free(
        "plan",
        &["tokio", "russh", "gateway", "sftp", "kube_client", "hyper"],
    );
}

#[test]
fn the_gateway_links_nothing_of_kubernetes() {
    check_tree_is_free(
        "gateway",
        &["kube", "kube_core", "k8s_openapi", "crds", "plan"],
    );
}

#[test]
fn who_has_the_credentials_of_a_cluster_reads_no_byte_of_a_stranger() {
    check_tree_is_free("operator", &["gateway", "russh", "ftp", "sftp", "ring"]);
}

#[test]
fn only_the_operator_talks_to_a_cluster() {
    for package in ["cli", "plan", "crds", "e2e"] {
        check_tree_is_free(package, &["kube_client"]);
    }
}

#[test]
fn only_applying_refreshing_and_reporting_write_the_cluster() {
    let [apply, refresh, report] =
        ["apply", "refresh", "report"].map(|step| format!("operator/src/{step}.rs"));
    check_only("Patch", "operator/src", &[&apply, &refresh, &report]);
    check_only("DeleteParams", "operator/src", &[&apply, &report]);
    // A Lease is not part of an endpoint.
    let may = ["operator/src/apply.rs", "operator/src/leader.rs"];
    check_only("PostParams", "operator/src", &may);
}

#[test]
fn what_crosses_links_neither_side() {
    check_tree_is_free(
        "gateway-config",
        &[
            "kube_core",
            "k8s_openapi",
            "tokio",
            "russh",
            "crds",
            "plan",
            "gateway",
        ],
    );
}

#[test]
fn stories_start_programs_and_link_none() {
    check_tree_is_free("e2e", &["gateway", "plan", "crds", "cli", "kube_core"]);
}
