//! Brings a cluster up, step by step.

use std::fs;

use anyhow::{Result, bail};

use super::{
    Cluster,
    addons::{Addons, wanted_monitoring},
    certificates, cleanup, control_groups, control_plane,
    folder::Folder,
    images,
    journal::Journal,
    namespaces::{Door, Holder, Machine},
    needs, network, node,
    parts::{self, Part},
    programs::{Built, CERT_MANAGER, CONTAINERD, ETCD, KUBERNETES, METALLB, MONITORING, PAUSE},
    settings::{CertManager, Nodes, Settings},
};
use crate::{program::run, wait::until};

/// Everything that a cluster runs.
struct Programs {
    kubernetes: Built,
    etcd: Built,
    containerd: Built,
    pause: Built,
    metallb: Built,
    monitoring: Built,
    /// Also when it comes later: then it comes at once.
    cert_manager: Built,
}

/// The machines of a cluster.
struct Machines {
    switch: Holder,
    client: Holder,
    control: Holder,
    nodes: Vec<(u8, Holder)>,
}

/// What a cluster that ends with this process is held by, and the children that this process must take leave of.
#[derive(Debug, Default)]
pub(super) struct Held {
    holders: Vec<Holder>,
    parts: Vec<Part>,
}

impl Held {
    /// Holds one more.
    pub(super) fn keep(&mut self, part: Part) {
        self.parts.push(part);
    }
}

/// As [`Cluster::up`].
pub(super) fn up(settings: &Settings, journal: Journal) -> Result<Cluster> {
    needs::check(journal)?;
    let folder = Folder::of(&settings.name);
    let _turn = folder.take_turn()?;
    if Cluster::running(&settings.name)?.is_some() {
        bail!(
            "the cluster {} is up already: use it, or take it down first with `cargo cluster down`",
            settings.name
        );
    }
    let programs = Programs::find_or_build(journal)?;
    if cleanup::is_needed(&folder)? {
        let step = journal.begin("remove what a former cluster has left");
        cleanup::clean(&folder)?;
        step.end();
    }
    build(&folder, settings, &programs, journal).inspect_err(|_| {
        // The logs stay. What still runs is of no use, and goes with the next `up` or `down` where it cannot go now.
        parts::kill_all(&folder).unwrap_or_default();
    })
}

fn build(
    folder: &Folder,
    settings: &Settings,
    programs: &Programs,
    journal: Journal,
) -> Result<Cluster> {
    fs::create_dir_all(folder.root().join("log"))?;
    fs::create_dir_all(folder.root().join("scratch"))?;
    certificates::issue_all(folder, settings.nodes)?;

    let step = journal.begin("images of pause and busybox");
    images::build_own(&folder.images(), &programs.pause)?;
    step.end();

    let step = journal.begin("machines and their network");
    control_groups::make(folder, settings.nodes)?;
    let machines = Machines::start(folder, settings, &programs.pause)?;
    step.end();

    let step = journal.begin("etcd, API server, controllers, scheduler");
    let control = machines.control.door;
    let plane = control_plane::Programs {
        etcd: &programs.etcd,
        kubernetes: &programs.kubernetes,
    };
    let mut held = Held {
        parts: control_plane::start(folder, control, &plane)?,
        holders: Vec::new(),
    };
    step.end();

    let doors: Vec<(u8, Door)> = machines
        .nodes
        .iter()
        .map(|(number, holder)| (*number, holder.door))
        .collect();
    let step = journal.begin("nodes, ready");
    start_nodes(folder, settings, programs, &doors, &mut held)?;
    let client = machines.client.door;
    machines.hand_over(&mut held);
    let mut cluster = Cluster {
        folder: folder.clone(),
        client,
        control,
        nodes: doors,
        kubernetes: programs.kubernetes.clone(),
        lifetime: settings.lifetime,
        held,
    };
    wait_for_nodes(&mut cluster, settings.nodes)?;
    step.end();

    add(&mut cluster, settings, programs, journal)?;
    fs::write(folder.completion(), "")?;
    Ok(cluster)
}

fn start_nodes(
    folder: &Folder,
    settings: &Settings,
    programs: &Programs,
    doors: &[(u8, Door)],
    held: &mut Held,
) -> Result<()> {
    let of_node = node::Programs {
        containerd: &programs.containerd,
        kubernetes: &programs.kubernetes,
    };
    for (number, door) in doors {
        let node = node::Node {
            number: *number,
            door: *door,
            folder,
            programs: &of_node,
        };
        held.parts.extend(node.start(settings.proxy)?);
    }
    Ok(())
}

/// Pods can be made when every node is ready and the account that pods have by default is there.
fn wait_for_nodes(cluster: &mut Cluster, nodes: Nodes) -> Result<()> {
    const READY: &str = r#"jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}"#;

    until("nodes that are ready", || {
        for part in &mut cluster.held.parts {
            part.look()?;
        }
        let said = run(cluster.kubectl().args(["get", "nodes", "--output", READY]))?;
        let ready = String::from_utf8_lossy(&said.stdout)
            .split_whitespace()
            .filter(|status| *status == "True")
            .count();
        Ok((ready == nodes.count()).then_some(()))
    })?;
    until("the account of pods", || {
        let account = ["get", "serviceaccount", "default", "--output", "name"];
        let said = run(cluster.kubectl().args(account))?;
        Ok(said.status.success().then_some(()))
    })
}

fn add(
    cluster: &mut Cluster,
    settings: &Settings,
    programs: &Programs,
    journal: Journal,
) -> Result<()> {
    let step = journal.begin("volumes, MetalLB, and what tells Prometheus whom to scrape");
    let addons: Addons<'_> = cluster.addons();
    addons.add_volumes(settings.nodes)?;
    let metallb = addons.add_metallb(&programs.metallb)?;
    addons.define(&wanted_monitoring(&programs.monitoring, &cluster.folder)?)?;
    cluster.held.keep(metallb);
    step.end();
    if settings.cert_manager == CertManager::Now {
        let step = journal.begin("cert-manager");
        let part = cluster.addons().add_cert_manager(&programs.cert_manager)?;
        cluster.held.keep(part);
        step.end();
    }
    Ok(())
}

impl Programs {
    fn find_or_build(journal: Journal) -> Result<Self> {
        Ok(Self {
            kubernetes: KUBERNETES.find_or_build(journal)?,
            etcd: ETCD.find_or_build(journal)?,
            containerd: CONTAINERD.find_or_build(journal)?,
            pause: PAUSE.find_or_build(journal)?,
            metallb: METALLB.find_or_build(journal)?,
            monitoring: MONITORING.find_or_build(journal)?,
            cert_manager: CERT_MANAGER.find_or_build(journal)?,
        })
    }
}

impl Machines {
    fn start(folder: &Folder, settings: &Settings, pause: &Built) -> Result<Self> {
        let start = |machine| Holder::start(folder, machine, pause, settings.lifetime);
        let machines = Self {
            switch: start(Machine::Switch)?,
            client: start(Machine::Client)?,
            control: start(Machine::Control)?,
            nodes: settings
                .nodes
                .numbers()
                .map(|number| Ok((number, start(Machine::Node(number))?)))
                .collect::<Result<_>>()?,
        };
        let doors: Vec<(u8, Door)> = machines
            .nodes
            .iter()
            .map(|(number, holder)| (*number, holder.door))
            .collect();
        network::connect(
            machines.switch.door,
            machines.client.door,
            machines.control.door,
            &doors,
            settings.nodes,
        )?;
        Ok(machines)
    }

    fn hand_over(self, held: &mut Held) {
        held.holders
            .extend([self.switch, self.client, self.control]);
        held.holders
            .extend(self.nodes.into_iter().map(|(_, holder)| holder));
    }
}
