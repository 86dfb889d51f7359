//! A real Kubernetes cluster on one machine, for stories: `cargo cluster`.
//!
//! ```text
//! client ──┐                           198.51.100.1    outside: who connects to the load balancers' 203.0.113.0/24
//! control ─┤ switch (a bridge)         198.51.100.10   etcd, API server, controllers, scheduler, cert-manager, MetalLB
//! node1 ───┤                           198.51.100.11   containerd, kubelet, kube-proxy; pods 198.18.1.0/24
//! node2 ───┘                           198.51.100.12   the same; pods 198.18.2.0/24
//! ```
//!
//! Each is a network namespace, and a node also one of processes and mounts. Every program is the real one, built from
//! source ([`programs`]). Nothing is kept: a cluster that was taken down, or whose holder was killed, is gone. The
//! host's own network, firewall and settings are never touched.
//!
//! What a cluster like this cannot show: cluster DNS, IPv6, `NetworkPolicy` (accepted, not enforced), storage that is
//! provisioned (claims are bound to volumes that wait for them), and more than one kernel.

pub mod addresses;
pub mod images;
pub mod journal;
pub mod needs;
pub mod programs;
pub mod settings;
pub mod stage;

mod addons;
mod certificates;
mod cleanup;
mod control_groups;
mod control_plane;
mod folder;
mod namespaces;
mod network;
mod node;
mod parts;
mod status;
mod up;
mod volumes;

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use addons::Addons;
use certificates::ADMINISTRATOR;
use folder::Folder;
use images::Archive;
use journal::Journal;
use namespaces::{Door, Machine};
use parts::run;
use programs::{CERT_MANAGER, CONTAINERD, HELM, KUBERNETES, Recipe};
use settings::{Lifetime, Name, Settings};

use crate::program::{Ended, run_with};

/// A cluster that runs.
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    client: Door,
    control: Door,
    nodes: Vec<(u8, Door)>,
    kubernetes: programs::Built,
    lifetime: Lifetime,
    /// What must live as long as this value, when the cluster is to end with this process.
    held: up::Held,
}

impl Cluster {
    /// Brings a cluster up. What a former one of this name has left is removed before; one that runs is an error.
    pub fn up(settings: &Settings, journal: Journal) -> Result<Self> {
        up::up(settings, journal)
    }

    /// The cluster of this name, if it is up and complete.
    pub fn running(name: &Name) -> Result<Option<Self>> {
        let folder = Folder::of(name);
        if !folder.completion().exists() {
            return Ok(None);
        }
        let (Some(client), Some(control)) = (
            Door::find(&folder, Machine::Client)?,
            Door::find(&folder, Machine::Control)?,
        ) else {
            return Ok(None);
        };
        let mut nodes = Vec::new();
        for number in 1..=u8::MAX {
            if !folder.node(number).exists() {
                break;
            }
            let Some(door) = Door::find(&folder, Machine::Node(number))? else {
                return Ok(None);
            };
            nodes.push((number, door));
        }
        Ok(Some(Self {
            folder,
            client,
            control,
            nodes,
            kubernetes: KUBERNETES.find_or_build(Journal::Silent)?,
            lifetime: Lifetime::UntilDown,
            held: up::Held::default(),
        }))
    }

    /// Takes the cluster of this name down, also when it is incomplete or broken; answers whether there was any.
    pub fn down(name: &Name) -> Result<bool> {
        let folder = Folder::of(name);
        let _turn = folder.take_turn()?;
        let is_needed = cleanup::is_needed(&folder)?;
        cleanup::clean(&folder)?;
        Ok(is_needed)
    }

    /// A file by which clients inside of the cluster's network log in with every right.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.kubeconfig(ADMINISTRATOR)
    }

    /// A line of JSON for each request to the API server, as it was answered.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.audit_log()
    }

    /// What the part of this name has said: `api-server`, `kubelet1`, `cert-manager`, …
    pub fn log(&self, part: &str) -> PathBuf {
        self.folder.log(part)
    }

    /// The numbers of its nodes; node 1 is called `node1`.
    pub fn nodes(&self) -> impl Iterator<Item = u8> {
        self.nodes.iter().map(|(number, _)| *number)
    }

    /// A command outside of the cluster, where its users are: it reaches load balancers and nodes, but no pods.
    pub fn outside(&self, program: impl AsRef<OsStr>) -> Command {
        self.client.command(program)
    }

    /// Runs `work`, and the programs that it starts, outside of the cluster.
    pub fn from_outside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        self.client.within_network(work)
    }

    /// Runs `work`, and the programs that it starts, in the network of a node: it reaches pods and Services.
    pub fn from_node<T: Send>(
        &self,
        number: u8,
        work: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        self.node(number)?.within_network(work)
    }

    /// A command beside the API server: it reaches nodes and pods, for example to scrape them.
    pub fn beside(&self, program: impl AsRef<OsStr>) -> Command {
        self.control.command(program)
    }

    /// A command on a node.
    pub fn on_node(&self, number: u8, program: impl AsRef<OsStr>) -> Result<Command> {
        Ok(self.node(number)?.command(program))
    }

    /// A command of kubectl, with every right.
    pub fn kubectl(&self) -> Command {
        control_plane::kubectl(&self.folder, self.client, &self.kubernetes)
    }

    /// Runs kubectl; answers what it printed.
    pub fn ask<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        run(self.kubectl().args(arguments))
    }

    /// Applies manifests, by the server.
    pub fn apply(&self, manifests: &str) -> Result<Ended> {
        let mut apply = self.kubectl();
        apply.args(["apply", "--server-side", "--filename", "-"]);
        run_with(&mut apply, manifests.as_bytes())
    }

    /// A shell outside of the cluster, in which `kubectl` and `helm` have every right.
    pub fn shell(&self) -> Result<Command> {
        let helm = HELM.find_or_build(Journal::Silent)?;
        let path = env::var_os("PATH").unwrap_or_default();
        let path = [self.kubernetes.folder(), helm.folder()]
            .map(Path::to_path_buf)
            .into_iter()
            .chain(env::split_paths(&path));
        let mut command = self
            .client
            .command(env::var_os("SHELL").unwrap_or_else(|| "sh".into()));
        command.env("PATH", env::join_paths(path)?);
        self.let_helm_in(&mut command);
        Ok(command)
    }

    /// A command of Helm 4, with every right.
    pub fn helm(&self) -> Result<Command> {
        self.helm_of(&HELM)
    }

    /// A command of this Helm ([`HELM`], [`programs::HELM_3`]), with every right. What Helm keeps stays with the cluster.
    pub fn helm_of(&self, recipe: &Recipe) -> Result<Command> {
        let mut command = self
            .client
            .command(recipe.find_or_build(Journal::Silent)?.path("helm"));
        self.let_helm_in(&mut command);
        Ok(command)
    }

    fn let_helm_in(&self, command: &mut Command) {
        command.env("KUBECONFIG", self.kubeconfig());
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, self.folder.root().join("helm").join(name));
        }
    }

    /// Gives an image to every node.
    pub fn load(&self, image: &Archive) -> Result<()> {
        let containerd = CONTAINERD.find_or_build(Journal::Silent)?;
        for (_, door) in &self.nodes {
            let mut import = node::ctr(*door, &containerd);
            run(import.args(["images", "import"]).arg(&image.path))?;
        }
        Ok(())
    }

    /// A folder that goes with the cluster, for archives of images and the like.
    pub fn scratch(&self) -> PathBuf {
        self.folder.root().join("scratch")
    }

    /// Adds cert-manager, as a user might long after the cluster began.
    pub fn add_cert_manager(&mut self) -> Result<()> {
        let cert_manager = CERT_MANAGER.find_or_build(Journal::Silent)?;
        let running = parts::find(&self.folder)?;
        if running.iter().any(|process| process.part == "cert-manager") {
            bail!("cert-manager is there already");
        }
        let part = self.addons().add_cert_manager(&cert_manager)?;
        self.held.keep(part);
        Ok(())
    }

    /// Empties the volumes whose claims have gone, and lets others have them.
    pub fn free_volumes(&self) -> Result<()> {
        self.addons().free_volumes()
    }

    /// Sends what arrives for load balancers to this node; to the first at the beginning. A cloud would look at
    /// `externalTrafficPolicy` and at a node's health.
    pub fn route_load_balancers(&self, node: u8) -> Result<()> {
        self.node(node)?;
        network::route_load_balancers(self.client, node)
    }

    /// Loses a node as by a power failure: everything on it is gone at once.
    pub fn lose_node(&self, number: u8) -> Result<()> {
        self.node(number)?;
        parts::kill_part(&self.folder, &Machine::Node(number).part())
    }

    /// The parts that run, and the nodes as kubectl shows them.
    pub fn status(&self) -> Result<String> {
        status::tell(
            &self.folder,
            &self.ask(["get", "nodes", "--output", "wide"])?,
        )
    }

    /// The folder with everything the cluster has.
    pub fn folder(&self) -> &Path {
        self.folder.root()
    }

    fn node(&self, number: u8) -> Result<Door> {
        self.nodes
            .iter()
            .find(|(known, _)| *known == number)
            .map(|(_, door)| *door)
            .with_context(|| format!("the cluster has no node {number}"))
    }

    const fn addons(&self) -> Addons<'_> {
        Addons {
            folder: &self.folder,
            control: self.control,
            kubernetes: &self.kubernetes,
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.lifetime == Lifetime::WithThisProcess {
            // What cannot be removed now is removed by the next of this name.
            Self::down(self.folder.name()).map(drop).unwrap_or_default();
        }
    }
}
