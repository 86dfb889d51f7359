//! etcd, the API server, its controllers and the scheduler, on a machine that runs no pods: a story may lose any node.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Result;

use super::{
    addresses::{API_PORT, CONTROL, SERVICES},
    certificates::ADMINISTRATOR,
    folder::Folder,
    namespaces::Door,
    parts::Part,
    programs::Built,
};
use crate::program::run;

/// What is written down of each request: who asked for what, and for a change also with what. Never what is in a
/// Secret, nor a token; and of the cluster's own parts, who change much and often, only that they asked.
const AUDIT_POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources:
  - { group: "", resources: [secrets, serviceaccounts/token] }
  - { group: authentication.k8s.io }
- level: Metadata
  userGroups: [system:nodes]
- level: Metadata
  users:
  - system:apiserver
  - system:kube-controller-manager
  - system:kube-proxy
  - system:kube-scheduler
- level: RequestResponse
  verbs: [create, update, patch, delete, deletecollection]
- level: Metadata
"#;

/// The programs of the control plane.
#[derive(Debug)]
pub(super) struct Programs<'a> {
    pub(super) etcd: &'a Built,
    pub(super) kubernetes: &'a Built,
}

/// Starts them, and waits until the API server is ready.
pub(super) fn start(folder: &Folder, control: Door, programs: &Programs<'_>) -> Result<Vec<Part>> {
    let etcd = start_etcd(folder, control, programs.etcd)?;
    let mut api_server = start_api_server(folder, control, programs.kubernetes)?;
    api_server.wait_until("the API server", || {
        let mut ready = kubectl(folder, control, programs.kubernetes);
        let answer = run(ready.args(["get", "--raw", "/readyz"]))?;
        Ok(answer.status.success().then_some(()))
    })?;
    let controllers = start_controllers(folder, control, programs.kubernetes)?;
    let scheduler = start_scheduler(folder, control, programs.kubernetes)?;
    Ok(vec![etcd, api_server, controllers, scheduler])
}

/// kubectl inside of a machine, with every right.
pub(super) fn kubectl(folder: &Folder, door: Door, kubernetes: &Built) -> Command {
    let mut command = door.command(kubernetes.path("kubectl"));
    command
        .arg("--kubeconfig")
        .arg(folder.kubeconfig(ADMINISTRATOR));
    command
}

fn start_etcd(folder: &Folder, control: Door, etcd: &Built) -> Result<Part> {
    let mut command = control.command(etcd.path("server"));
    command
        .arg(option("data-dir", &folder.root().join("etcd")))
        .args([
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            // Nothing in here outlives the machine it runs on.
            "--unsafe-no-fsync",
        ]);
    Part::start(folder, "etcd", Stdio::null(), &mut command)
}

fn start_api_server(folder: &Folder, control: Door, kubernetes: &Built) -> Result<Part> {
    let policy = folder.root().join("audit-policy.yaml");
    fs::write(&policy, AUDIT_POLICY)?;
    let keys = folder.keys();
    let mut command = control.command(kubernetes.path("kube-apiserver"));
    for (name, file) in [
        ("client-ca-file", "ca.crt"),
        ("tls-cert-file", "api-server.crt"),
        ("tls-private-key-file", "api-server.key"),
        ("service-account-key-file", "accounts.pub"),
        ("service-account-signing-key-file", "accounts.key"),
        ("kubelet-client-certificate", "admin.crt"),
        ("kubelet-client-key", "admin.key"),
        ("kubelet-certificate-authority", "ca.crt"),
        // For API servers behind this one, for example of metrics.
        ("requestheader-client-ca-file", "front-ca.crt"),
        ("proxy-client-cert-file", "front-proxy.crt"),
        ("proxy-client-key-file", "front-proxy.key"),
    ] {
        command.arg(option(name, &keys.join(file)));
    }
    command
        .arg(option("audit-policy-file", &policy))
        .arg(option("audit-log-path", &folder.audit_log()))
        .args([
            "--audit-log-maxsize=1024",
            "--etcd-servers=http://127.0.0.1:2379",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            // Nobody here answers for the names of nodes.
            "--kubelet-preferred-address-types=InternalIP",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            // This machine has no kube-proxy: pods that answer the API server are asked directly.
            "--enable-aggregator-routing=true",
        ])
        .arg(format!("--advertise-address={CONTROL}"))
        .arg(format!("--secure-port={API_PORT}"))
        .arg(format!("--service-cluster-ip-range={SERVICES}"));
    Part::start(folder, "api-server", Stdio::null(), &mut command)
}

fn start_controllers(folder: &Folder, control: Door, kubernetes: &Built) -> Result<Part> {
    let keys = folder.keys();
    let mut command = control.command(kubernetes.path("kube-controller-manager"));
    log_in(&mut command, &folder.kubeconfig("controller-manager"));
    for (name, file) in [
        ("service-account-private-key-file", "accounts.key"),
        ("root-ca-file", "ca.crt"),
        ("cluster-signing-cert-file", "ca.crt"),
        ("cluster-signing-key-file", "ca.key"),
    ] {
        command.arg(option(name, &keys.join(file)));
    }
    command
        .args(["--use-service-account-credentials", "--leader-elect=false"])
        // It makes that folder, by default on the host.
        .arg(option(
            "flex-volume-plugin-dir",
            &folder.root().join("volume-plugins"),
        ));
    Part::start(folder, "controller-manager", Stdio::null(), &mut command)
}

fn start_scheduler(folder: &Folder, control: Door, kubernetes: &Built) -> Result<Part> {
    let mut command = control.command(kubernetes.path("kube-scheduler"));
    log_in(&mut command, &folder.kubeconfig("scheduler"));
    command.arg("--leader-elect=false");
    Part::start(folder, "scheduler", Stdio::null(), &mut command)
}

fn log_in(command: &mut Command, kubeconfig: &Path) {
    for name in [
        "kubeconfig",
        "authentication-kubeconfig",
        "authorization-kubeconfig",
    ] {
        command.arg(option(name, kubeconfig));
    }
}

fn option(name: &str, value: &Path) -> String {
    format!("--{name}={}", value.display())
}
