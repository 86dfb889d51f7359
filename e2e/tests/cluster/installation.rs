//! The operator, installed by Helm as people install it: once for all stories on one cluster.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use e2e::{
    cluster::{
        images::{self, Archive},
        stage::{Ability, Stage},
    },
    program::run,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::namespace::Namespace;

/// What the installation is called, and so the operator's Deployment and account.
pub(crate) const RELEASE: &str = "secureftp";

/// Where the operator lives.
pub(crate) const NAMESPACE: &str = "secureftp";

/// What every story of endpoints needs.
const NEEDED: [Ability; 2] = [Ability::Images, Ability::LoadBalancers];

/// Whether the stage of this process has the operator.
static IS_THERE: Mutex<bool> = Mutex::new(false);

/// The stage for `story`, with the operator; none where it cannot be told.
pub(crate) fn open(story: &str, needed: &[Ability]) -> Result<Option<&'static Stage>> {
    let needed = [&NEEDED, needed].concat();
    let Some(stage) = Stage::open(story, &needed)? else {
        return Ok(None);
    };
    let mut is_there = IS_THERE.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_there {
        install(stage, || stage.helm(), &[])?;
        *is_there = true;
    }
    drop(is_there);
    Ok(Some(stage))
}

/// Gives the images to every node, and installs the chart by a Helm and with more values, for example
/// `operator.log=debug`. An operator that is there from another day is replaced.
pub(crate) fn install(
    stage: &Stage,
    helm: impl Fn() -> Result<Command>,
    values: &[&str],
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let images = images::of_this_repository(folder.path())?;
    for image in &images {
        stage.load(image)?;
    }
    let [operator, _gateway] = &images;
    stage.apply(&restricted(NAMESPACE).to_string())?;
    let mut install = helm()?;
    install
        .args(["upgrade", "--install", RELEASE])
        .arg(chart())
        .args(["--namespace", NAMESPACE, "--set", "operator.replicas=2"])
        // The same tag may have been another program yesterday.
        .arg("--set-string")
        .arg(format!(
            "operator.podAnnotations.image={}",
            digest(operator)?
        ))
        .args(values.iter().flat_map(|value| ["--set", value]))
        .args(["--wait", "--timeout", "4m"]);
    run(&mut install)?
        .success()
        .with_context(|| operator_log(stage))?;
    run(helm()?.args(["test", RELEASE, "--namespace", NAMESPACE]))?.success()?;
    Ok(())
}

/// A namespace in which no pod has more rights than the Pod Security Standard `restricted` leaves it.
pub(crate) fn restricted(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": name, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    })
}

/// The folder of the chart.
pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/secureftp")
}

/// The manifests that the README applies.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/partners")
}

/// Waits as `kubectl wait --for` does, for example for `condition=Ready`; tells what is known when it does not come.
pub(crate) fn wait_for(
    stage: &Stage,
    namespace: &Namespace<'_>,
    endpoint: &str,
    awaited: &str,
) -> Result<()> {
    let waited = namespace.ask(&[
        "wait",
        &format!("--for={awaited}"),
        "--timeout=4m",
        &format!("secureftpendpoint/{endpoint}"),
    ]);
    waited.map(drop).with_context(|| {
        let mut describe = namespace.kubectl();
        describe.args(["describe", "secureftpendpoints,secureftpusers,pods"]);
        format!("{}\n{}", said(&mut describe), operator_log(stage))
    })
}

/// What the operators said last, for a story that fails.
fn operator_log(stage: &Stage) -> String {
    let selector = "app.kubernetes.io/name=secureftp-operator";
    let mut logs = stage.kubectl();
    logs.args(["--namespace", NAMESPACE, "logs", "--selector", selector])
        .args(["--tail", "30", "--prefix"]);
    said(&mut logs)
}

/// What a command says, whatever becomes of it.
fn said(command: &mut Command) -> String {
    run(command).map_or_else(|error| error.to_string(), |ended| ended.said())
}

/// Tells one build of an image from another.
fn digest(image: &Archive) -> Result<String> {
    let bytes = std::fs::read(&image.path)?;
    Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)))
}
