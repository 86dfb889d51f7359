//! Prometheus finds everything by what the chart and the operator write.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::Result;
use e2e::{
    cluster::{Cluster, journal::Journal, programs::PROMETHEUS, stage::Ability},
    program::{Program, run},
    wait::until,
};
use serde_json::Value;

use crate::{
    endpoint::Endpoint,
    installation::{self, NAMESPACE},
};

/// Where this Prometheus answers, in a network that it shares with nobody who would ask there.
const ADDRESS: &str = "127.0.0.1:9191";

#[test]
fn prometheus_finds_the_operator_and_the_gateways() -> Result<()> {
    let story = "Prometheus finds the operator and the gateways";
    let Some(stage) = installation::open(story, &[Ability::Nodes])? else {
        return Ok(());
    };
    let endpoint = Endpoint::serve(stage, "watched", 2)?;
    let cluster = stage.ours()?;
    let folder = tempfile::tempdir()?;
    let configuration = folder.path().join("prometheus.yaml");
    fs::write(&configuration, scraping(cluster, &[NAMESPACE, "watched"]))?;
    let mut command = cluster.beside(
        PROMETHEUS
            .find_or_build(Journal::Silent)?
            .path("prometheus"),
    );
    command
        .arg(format!("--config.file={}", configuration.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={ADDRESS}"));
    let mut prometheus = Program::start(&mut command, b"")?;

    let gateways = until("metrics of both gateways", || {
        prometheus.ensure_running()?;
        let found = names_of(cluster, r#"secureftp_build_info{endpoint=~".*files"}"#)?;
        Ok((found.len() == 2).then_some(found))
    })?;
    let operators = until("metrics of both operators", || {
        prometheus.ensure_running()?;
        let found = names_of(cluster, "secureftp_operator_leader")?;
        Ok((found.len() == 2).then_some(found))
    })?;

    let pods = BTreeSet::from(["files-0-0".to_owned(), "files-1-0".to_owned()]);
    assert_eq!(gateways, pods);
    assert!(
        operators.iter().all(|pod| pod.starts_with("secureftp-")),
        "{operators:?}"
    );
    // Everything that asks to be scraped answers, and once: a gateway has many ports.
    until("four targets that answer", || {
        let targets = [count(cluster, "up")?, count(cluster, "up == 1")?];
        Ok((targets == [4, 4]).then_some(()))
    })?;
    drop(endpoint);
    Ok(())
}

/// What many people have: pods say by annotations that they want to be scraped, and where.
fn scraping(cluster: &Cluster, namespaces: &[&str]) -> String {
    format!(
        r#"
global: {{ scrape_interval: 3s }}
scrape_configs:
- job_name: pods
  kubernetes_sd_configs:
  - role: pod
    kubeconfig_file: {}
    namespaces: {{ names: {namespaces:?} }}
  relabel_configs:
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
    regex: "true"
    action: keep
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
    target_label: __metrics_path__
  - source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port]
    separator: ":"
    target_label: __address__
  - source_labels: [__meta_kubernetes_pod_name]
    target_label: pod
"#,
        cluster.kubeconfig().display()
    )
}

/// The pods whose series answer a query.
fn names_of(cluster: &Cluster, query: &str) -> Result<BTreeSet<String>> {
    let pods = series(cluster, query)?;
    Ok(pods
        .iter()
        .filter_map(|series| Some(series["metric"]["pod"].as_str()?.to_owned()))
        .collect())
}

fn count(cluster: &Cluster, query: &str) -> Result<usize> {
    Ok(series(cluster, query)?.len())
}

fn series(cluster: &Cluster, query: &str) -> Result<Vec<Value>> {
    let mut curl: Command = cluster.beside("curl");
    curl.args(["--silent", "--get", "--data-urlencode"])
        .arg(format!("query={query}"))
        .arg(format!("http://{ADDRESS}/api/v1/query"));
    let answer = run(&mut curl)?;
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
    Ok(answer["data"]["result"]
        .as_array()
        .cloned()
        .unwrap_or_default())
}
