//! A namespace of a story's own, with what stories put in it.

use std::process::Command;

use anyhow::Result;
use e2e::{
    cluster::stage::Stage,
    program::{run, run_with},
    wait::until,
};
use serde_json::{Value, json};

use crate::installation::restricted;

/// The label of namespaces that stories have made.
const MARK: &str = "story.secureftp.dev";

/// A namespace; it goes with this value.
#[derive(Debug)]
pub(crate) struct Namespace<'a> {
    name: String,
    kubectl: Box<dyn Kubectl + 'a>,
}

/// Where kubectl comes from: a stage, or a cluster of the story's own.
pub(crate) trait Kubectl: std::fmt::Debug + Sync {
    /// A command of kubectl.
    fn kubectl(&self) -> Command;
}

impl Kubectl for &Stage {
    fn kubectl(&self) -> Command {
        Stage::kubectl(self)
    }
}

impl Kubectl for &e2e::cluster::Cluster {
    fn kubectl(&self) -> Command {
        e2e::cluster::Cluster::kubectl(self)
    }
}

impl<'a> Namespace<'a> {
    /// Makes the namespace `name`, after the end of one that a former run may have left.
    pub(crate) fn make(kubectl: impl Kubectl + 'a, name: &str) -> Result<Self> {
        let namespace = Self {
            name: name.to_owned(),
            kubectl: Box::new(kubectl),
        };
        run(&mut namespace.delete())?.success()?;
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name, "labels": { (MARK): "" } },
        });
        // Not applied: one that is somebody else's is an error.
        let mut create = namespace.kubectl.kubectl();
        create.args(["create", "--filename", "-"]);
        run_with(&mut create, manifest.to_string().as_bytes())?.success()?;
        Ok(namespace)
    }

    /// Deletes it, if a story has made it.
    fn delete(&self) -> Command {
        let mut delete = self.kubectl.kubectl();
        delete
            .args(["delete", "namespace", "--selector", MARK])
            .arg(format!("--field-selector=metadata.name={}", self.name));
        delete
    }

    /// As [`Namespace::make`], for pods that satisfy the Pod Security Standard `restricted`, and no others.
    pub(crate) fn make_restricted(kubectl: impl Kubectl + 'a, name: &str) -> Result<Self> {
        let namespace = Self::make(kubectl, name)?;
        namespace.apply(&restricted(name))?;
        Ok(namespace)
    }

    /// kubectl in this namespace.
    pub(crate) fn kubectl(&self) -> Command {
        let mut command = self.kubectl.kubectl();
        command.args(["--namespace", &self.name]);
        command
    }

    /// Runs kubectl here; answers what it printed, without the line's end.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<String> {
        let ended = run(self.kubectl().args(arguments))?.success()?;
        Ok(String::from_utf8(ended.stdout)?.trim().to_owned())
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What a gateway says of itself to Prometheus.
    pub(crate) fn metrics(&self, pod: &str) -> Result<String> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{pod}:9090/proxy/metrics",
            self.name
        );
        self.ask(&["get", "--raw", &path])
    }

    /// Applies one manifest.
    pub(crate) fn apply(&self, manifest: &Value) -> Result<()> {
        let mut command = self.kubectl.kubectl();
        command.args(["apply", "--server-side", "--filename", "-"]);
        if manifest["kind"] != "Namespace" {
            command.args(["--namespace", &self.name]);
        }
        run_with(&mut command, manifest.to_string().as_bytes())?.success()?;
        Ok(())
    }

    /// Starts a pod that answers every connection to port 8080 with its name, on any node.
    pub(crate) fn start_pod(&self, name: &str) -> Result<()> {
        self.start(name, &Value::Null)
    }

    /// As [`Namespace::start_pod`], on this node.
    pub(crate) fn start_pod_on(&self, node: &str, name: &str) -> Result<()> {
        self.start(name, &json!(node))
    }

    /// Starts the pod, and waits until it is ready.
    fn start(&self, name: &str, node: &Value) -> Result<()> {
        self.apply(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name, "labels": { "app": "answers" } },
            "spec": {
                "nodeName": node,
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "answers",
                    "image": "localhost/busybox:1",
                    "imagePullPolicy": "IfNotPresent",
                    "args": ["sh", "-c", format!(
                        "busybox echo {name} serves; exec busybox nc -ll -p 8080 -e /bin/busybox echo {name}"
                    )],
                    "ports": [{ "containerPort": 8080 }],
                    "readinessProbe": { "tcpSocket": { "port": 8080 }, "periodSeconds": 1 },
                }],
            },
        }))?;
        until(&format!("pod {name}"), || {
            let conditions = self.ask(&[
                "get",
                "pod",
                name,
                "--output",
                r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#,
            ])?;
            Ok((conditions == "True").then_some(()))
        })
    }

    /// The address of a pod.
    pub(crate) fn address_of(&self, pod: &str) -> Result<String> {
        self.ask(&["get", "pod", pod, "--output", "jsonpath={.status.podIP}"])
    }

    /// What somebody who connects from a pod is told.
    pub(crate) fn connect_from(&self, pod: &str, address: &str, port: &str) -> Result<String> {
        self.ask(&[
            "exec", pod, "--", "busybox", "nc", "-w", "10", address, port,
        ])
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // Without waiting, and whatever it says: the cluster may be gone already.
        run(self.delete().arg("--wait=false"))
            .map(drop)
            .unwrap_or_default();
    }
}
