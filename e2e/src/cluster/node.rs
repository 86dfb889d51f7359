//! A node: containerd, kubelet and kube-proxy, in namespaces of their own.

use std::{fs, process::Stdio};

use anyhow::Result;

use super::{
    addresses::{PODS, node as node_address, pods_of},
    control_groups,
    folder::Folder,
    namespaces::Door,
    parts::{Part, run, system_path},
    programs::Built,
    settings::Proxy,
};

/// What the node calls its folder. Short, because the address of a Unix socket may have 107 bytes.
const HERE: &str = "/run/node";

/// The programs of a node.
#[derive(Debug)]
pub(super) struct Programs<'a> {
    pub(super) containerd: &'a Built,
    pub(super) kubernetes: &'a Built,
}

/// A node whose parts are to be started.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) number: u8,
    pub(super) door: Door,
    pub(super) folder: &'a Folder,
    pub(super) programs: &'a Programs<'a>,
}

impl Node<'_> {
    /// Starts containerd, gives it the cluster's images, and starts what makes it a node.
    pub(super) fn start(&self, proxy: Proxy) -> Result<Vec<Part>> {
        let mut containerd = self.start_containerd()?;
        containerd.wait_until("containerd", || {
            let version = crate::program::run(self.ctr().arg("version"))?;
            Ok(version.status.success().then_some(()))
        })?;
        for archive in fs::read_dir(self.folder.images())? {
            run(self.ctr().args(["images", "import"]).arg(archive?.path()))?;
        }
        Ok(vec![
            containerd,
            self.start_kubelet()?,
            self.start_proxy(proxy)?,
        ])
    }

    /// containerd's client, for the images and containers of Kubernetes.
    fn ctr(&self) -> std::process::Command {
        ctr(self.door, self.programs.containerd)
    }

    fn start_containerd(&self) -> Result<Part> {
        let here = self.folder.node(self.number);
        fs::create_dir_all(here.join("cni"))?;
        fs::write(here.join("containerd.toml"), containerd_configuration())?;
        fs::write(
            here.join("cni/10-pods.conflist"),
            pod_network(self.number).to_string(),
        )?;
        let containerd = self.programs.containerd;
        let mut command = self.door.command(containerd.path("containerd"));
        command
            .args(["--config", &format!("{HERE}/containerd.toml")])
            .env("PATH", self.path());
        let name = format!("containerd{}", self.number);
        Part::start(self.folder, &name, Stdio::null(), &mut command)
    }

    fn start_kubelet(&self) -> Result<Part> {
        let number = self.number;
        let configuration = self.folder.node(number).join("kubelet.json");
        fs::write(&configuration, self.kubelet_configuration().to_string())?;
        let kubernetes = self.programs.kubernetes;
        let mut command = self.door.command(kubernetes.path("kubelet"));
        command
            .arg(format!("--config={}", configuration.display()))
            .arg(format!(
                "--kubeconfig={}",
                self.folder
                    .kubeconfig(&format!("kubelet{number}"))
                    .display()
            ))
            .arg(format!("--hostname-override=node{number}"))
            .arg(format!("--node-ip={}", node_address(number)))
            .arg(format!("--root-dir={HERE}/kubelet"))
            .env("PATH", self.path());
        let name = format!("kubelet{number}");
        Part::start(self.folder, &name, Stdio::null(), &mut command)
    }

    fn start_proxy(&self, proxy: Proxy) -> Result<Part> {
        let number = self.number;
        let configuration = self.folder.node(number).join("proxy.json");
        let text = serde_json::json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": { "kubeconfig": self.folder.kubeconfig("proxy") },
            "mode": proxy.to_string(),
            "clusterCIDR": PODS,
            "hostnameOverride": format!("node{number}"),
            // That limit is the whole kernel's, and not a node's to set.
            "conntrack": { "maxPerCore": 0 },
        });
        fs::write(&configuration, text.to_string())?;
        let kubernetes = self.programs.kubernetes;
        let mut command = self.door.command(kubernetes.path("kube-proxy"));
        command.arg(format!("--config={}", configuration.display()));
        let name = format!("kube-proxy{number}");
        Part::start(self.folder, &name, Stdio::null(), &mut command)
    }

    fn kubelet_configuration(&self) -> serde_json::Value {
        let key = |ending| {
            self.folder
                .keys()
                .join(format!("kubelet{}.{ending}", self.number))
        };
        serde_json::json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": { "enabled": false },
                "webhook": { "enabled": true },
                "x509": { "clientCAFile": self.folder.keys().join("ca.crt") },
            },
            "authorization": { "mode": "Webhook" },
            "containerRuntimeEndpoint": format!("unix://{HERE}/containerd.sock"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": control_groups::path_of(self.folder, self.number),
            "cgroupsPerQOS": true,
            "enforceNodeAllocatable": [],
            "failCgroupV1": false,
            "failSwapOn": false,
            // There is no cluster DNS, and the host's servers are no business of pods.
            "resolvConf": "",
            "tlsCertFile": key("crt"),
            "tlsPrivateKeyFile": key("key"),
            "volumePluginDir": format!("{HERE}/volume-plugins"),
            // The disk and the memory are the host's; a full disk of a developer must not drive pods away.
            "evictionHard": { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
            "imageGCHighThresholdPercent": 100,
        })
    }

    fn path(&self) -> String {
        format!(
            "{}:{}",
            self.programs.containerd.folder().display(),
            system_path()
        )
    }
}

/// containerd's client on a node, for the images and containers of Kubernetes.
pub(super) fn ctr(node: Door, containerd: &Built) -> std::process::Command {
    let mut command = node.command(containerd.path("ctr"));
    command.args(["--address", &format!("{HERE}/containerd.sock")]);
    command.args(["--namespace", "k8s.io"]);
    command
}

/// Everything that containerd writes is the node's. `restrict_oom_score_adj`: where a process may not lower its own
/// score, runc would otherwise die of a pod that asks for it.
fn containerd_configuration() -> String {
    format!(
        r#"version = 3
root = "{HERE}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
address = "{HERE}/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
path = "{HERE}/opt"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "localhost/pause:1"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{HERE}/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"#
    )
}

fn pod_network(node: u8) -> serde_json::Value {
    serde_json::json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": pods_of(node) }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                    "dataDir": format!("{HERE}/addresses"),
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    })
}
