//! What clusters have beside Kubernetes itself: addresses for load balancers, certificates, and the definitions by
//! which Prometheus is told what to scrape. Their controllers run beside the API server, not in pods.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{
    addresses::LOAD_BALANCERS,
    certificates::ADMINISTRATOR,
    control_plane::kubectl,
    folder::Folder,
    namespaces::Door,
    parts::{Part, run, run_with},
    programs::Built,
};

/// Where cert-manager looks for what belongs to a `ClusterIssuer`.
pub(super) const CERT_MANAGER_NAMESPACE: &str = "cert-manager";

/// Where `MetalLB` looks for its addresses.
const METALLB_NAMESPACE: &str = "metallb-system";

/// Who adds something, and to what.
#[derive(Debug)]
pub(super) struct Addons<'a> {
    pub(super) folder: &'a Folder,
    pub(super) control: Door,
    pub(super) kubernetes: &'a Built,
}

impl Addons<'_> {
    /// Addresses of [`LOAD_BALANCERS`] for Services of type `LoadBalancer`. Nothing announces them: the client has a
    /// route to a node.
    pub(super) fn add_metallb(&self, metallb: &Built) -> Result<Part> {
        self.make_namespace(METALLB_NAMESPACE)?;
        self.define(&metallb.path("crds"))?;
        let pool = serde_json::json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "IPAddressPool",
            "metadata": { "name": "outside", "namespace": METALLB_NAMESPACE },
            "spec": { "addresses": [LOAD_BALANCERS], "avoidBuggyIPs": true },
        });
        self.apply(&pool.to_string())?;
        let mut command = self.control.command(metallb.path("controller"));
        command
            .arg(format!("--namespace={METALLB_NAMESPACE}"))
            .args(["--webhook-mode=disabled", "--disable-cert-rotation"])
            .env("KUBECONFIG", self.folder.kubeconfig(ADMINISTRATOR));
        Part::start(self.folder, "metallb", Stdio::null(), &mut command)
    }

    /// Certificates by issuers that sign themselves or with a CA of their own. There is no webhook: what is wrong
    /// with an object is said by its status alone.
    pub(super) fn add_cert_manager(&self, cert_manager: &Built) -> Result<Part> {
        self.make_namespace(CERT_MANAGER_NAMESPACE)?;
        self.define(&cert_manager.path("crds"))?;
        let mut command = self.control.command(cert_manager.path("cert-manager"));
        command
            .arg("-kubeconfig")
            .arg(self.folder.kubeconfig(ADMINISTRATOR));
        Part::start(self.folder, "cert-manager", Stdio::null(), &mut command)
    }

    /// The definitions in a folder, and waits until the API server serves them. Applied by the server: some are too
    /// large for the annotation that kubectl would otherwise leave.
    pub(super) fn define(&self, crds: &Path) -> Result<()> {
        let names = run(self
            .kubectl()
            .args(["apply", "--server-side", "--output", "name", "--filename"])
            .arg(crds))?;
        run(self
            .kubectl()
            .args(["wait", "--for=condition=Established", "--timeout=60s"])
            .args(names.lines()))
        .with_context(|| format!("the API server does not serve {}", crds.display()))?;
        Ok(())
    }

    fn make_namespace(&self, name: &str) -> Result<()> {
        let namespace = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name },
        });
        self.apply(&namespace.to_string())
    }

    pub(super) fn apply(&self, manifest: &str) -> Result<()> {
        let mut command = self.kubectl();
        command.args(["apply", "--server-side", "--filename", "-"]);
        run_with(&mut command, manifest.as_bytes())?;
        Ok(())
    }

    pub(super) fn kubectl(&self) -> Command {
        kubectl(self.folder, self.control, self.kubernetes)
    }
}

/// The definitions of monitoring that are wanted here: the others are for who runs Prometheus' operator.
pub(super) fn wanted_monitoring(monitoring: &Built, folder: &Folder) -> Result<std::path::PathBuf> {
    let wanted = folder.root().join("monitoring");
    fs::create_dir_all(&wanted)?;
    for kind in ["podmonitors", "prometheusrules", "servicemonitors"] {
        let file = format!("monitoring.coreos.com_{kind}.yaml");
        fs::copy(monitoring.path("crds").join(&file), wanted.join(&file))?;
    }
    Ok(wanted)
}
