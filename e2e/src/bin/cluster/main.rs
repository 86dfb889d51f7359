//! `cargo cluster`: a real Kubernetes cluster on this machine, and commands for it.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use e2e::cluster::{
    Cluster, images,
    journal::Journal,
    needs,
    programs::{self, Recipe},
    settings::{CertManager, Lifetime, Name, Nodes, Proxy, Settings},
};

/// A real Kubernetes cluster on this machine: its nodes are namespaces, its programs are built from source.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo cluster")]
struct CommandLine {
    /// Which cluster, where one machine has several.
    #[arg(long, global = true, default_value = "secureftp")]
    name: Name,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring the cluster up.
    Up(Up),
    /// Take it down, also when it is broken or half up.
    Down,
    /// Show its nodes and what runs.
    Status,
    /// Run kubectl with every right.
    Kubectl(Passed),
    /// Run Helm with every right.
    Helm(Passed),
    /// Open a shell outside of the cluster, with kubectl and Helm.
    Shell(Passed),
    /// Run a command outside of the cluster, where its users are.
    Outside(Passed),
    /// Run a command on a node, for example `node 1 crictl`.
    Node {
        /// The node's number.
        number: u8,
        #[command(flatten)]
        passed: Passed,
    },
    /// Add what the cluster was brought up without.
    Add {
        #[command(subcommand)]
        addon: Addon,
    },
    /// Build this repository's images, and give them to every node.
    Images,
    /// Build every program into the cache, and nothing else.
    Build,
    /// Say what this machine lacks for a cluster.
    Needs,
}

#[derive(Debug, Args)]
struct Up {
    /// How many nodes it has, one to nine.
    #[arg(long, default_value = "2")]
    nodes: Nodes,
    /// How kube-proxy brings Services to pods: iptables or nftables.
    #[arg(long, default_value = "iptables")]
    proxy: Proxy,
    /// Leave cert-manager out; `add cert-manager` brings it later.
    #[arg(long)]
    without_cert_manager: bool,
}

#[derive(Debug, Args)]
struct Passed {
    /// What is run, or what the program is given.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Addon {
    /// cert-manager's definitions and controllers.
    CertManager,
}

fn main() -> ExitCode {
    let CommandLine { name, action } = CommandLine::parse();
    match act(name, action) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be said, the exit code says enough.
            writeln!(io::stderr(), "{error:#}").unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

fn act(name: Name, action: Action) -> Result<()> {
    match action {
        Action::Up(up) => bring_up(name, &up),
        Action::Down if Cluster::down(&name)? => say(&format!("the cluster {name} is down\n")),
        Action::Down => say(&format!("there is no cluster {name}\n")),
        Action::Status => say(&running(&name)?.status()?),
        Action::Kubectl(passed) => become_of(running(&name)?.kubectl(), passed),
        Action::Helm(passed) => become_of(running(&name)?.helm()?, passed),
        Action::Shell(passed) => become_of(running(&name)?.shell()?, passed),
        Action::Outside(passed) => {
            let (program, rest) = passed.split()?;
            become_of(running(&name)?.outside(program), rest)
        }
        Action::Node { number, passed } => {
            let (program, rest) = passed.split()?;
            become_of(running(&name)?.on_node(number, program)?, rest)
        }
        Action::Add {
            addon: Addon::CertManager,
        } => running(&name)?.add_cert_manager(),
        Action::Images => give_images(&running(&name)?),
        Action::Build => programs::ALL
            .iter()
            .try_for_each(|recipe: &Recipe| recipe.find_or_build(Journal::Told).map(drop)),
        Action::Needs => match needs::missing().as_slice() {
            [] => say("nothing is missing\n"),
            missing => bail!("a cluster needs what is not here: {}", missing.join(", ")),
        },
    }
}

fn bring_up(name: Name, up: &Up) -> Result<()> {
    let settings = Settings {
        name,
        nodes: up.nodes,
        proxy: up.proxy,
        cert_manager: if up.without_cert_manager {
            CertManager::Later
        } else {
            CertManager::Now
        },
        lifetime: Lifetime::UntilDown,
    };
    let cluster = Cluster::up(&settings, Journal::Told)?;
    say(&format!(
        "the cluster {} is up; everything of it is in {}\n\n\
         \x20 cargo cluster images              gives it the operator and the gateway of this repository\n\
         \x20 cargo cluster shell               has kubectl and helm, and is where users are\n\
         \x20 cargo cluster kubectl get nodes\n\
         \x20 cargo cluster status\n\
         \x20 cargo cluster down\n",
        settings.name,
        cluster.folder().display()
    ))
}

fn give_images(cluster: &Cluster) -> Result<()> {
    let folder = cluster.scratch();
    fs::create_dir_all(&folder)?;
    for image in images::of_this_repository(&folder)? {
        cluster.load(&image)?;
        say(&format!("every node has {}\n", image.reference))?;
    }
    Ok(())
}

fn running(name: &Name) -> Result<Cluster> {
    Cluster::running(name)?
        .with_context(|| format!("the cluster {name} is not up: `cargo cluster up` brings it up"))
}

/// This process becomes `command`: its signals, terminal and exit code are that program's.
fn become_of(mut command: Command, passed: Passed) -> Result<()> {
    let error = command.args(passed.arguments).exec();
    Err(error).with_context(|| format!("failed to run {}", command.get_program().display()))
}

impl Passed {
    /// The program and its arguments.
    fn split(mut self) -> Result<(OsString, Self)> {
        if self.arguments.is_empty() {
            bail!("say which command to run");
        }
        let program = self.arguments.remove(0);
        Ok((program, self))
    }
}

fn say(text: &str) -> Result<()> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
