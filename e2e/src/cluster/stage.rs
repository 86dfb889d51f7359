//! The cluster that stories are told on: one for all of them, and not always one of ours.
//!
//! - With `SECUREFTP_KUBECONFIG`: the cluster that this file logs in to, for example kind, k3s or a cloud's. It cannot
//!   do everything; a story says what it needs, and is skipped by its name where that is not to be had. Images get there
//!   by the command in `SECUREFTP_LOAD`, for example `kind load image-archive`, which is given an archive.
//! - Otherwise the cluster that `cargo cluster up` brought up, if it is up: nobody waits twice.
//! - Otherwise one that is brought up for this run and ends with it.

use std::{
    env,
    ffi::OsStr,
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, bail};

use super::{
    Cluster,
    images::Archive,
    journal::Journal,
    needs,
    settings::{Lifetime, Settings},
};
use crate::{
    program::{Ended, run, run_with},
    skip::skip,
};

/// The variable with the file that logs in to a cluster that is given.
const KUBECONFIG: &str = "SECUREFTP_KUBECONFIG";

/// The variable with the command that gives an image to every node of that cluster.
const LOAD: &str = "SECUREFTP_LOAD";

/// The name of the cluster that ends with the stories; `cargo verify` takes down what it leaves on the disk.
const NAME: &str = "stories";

/// What a story may need, and a cluster that is given may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Images out of files, on every node.
    Images,
    /// The API server's record of every request.
    AuditLog,
    /// Nodes that may be lost, and a say in which of them gets what comes from outside.
    Nodes,
    /// Services of type `LoadBalancer` with addresses that the story reaches.
    LoadBalancers,
    /// cert-manager.
    CertManager,
    /// The kinds by which Prometheus' operator is told what to scrape.
    PodMonitors,
}

/// Where a story is told.
#[derive(Debug)]
pub struct Stage {
    ground: Ground,
}

#[derive(Debug)]
enum Ground {
    Ours(Cluster),
    Given(Given),
}

/// A cluster that somebody else has brought up.
#[derive(Debug)]
struct Given {
    kubeconfig: PathBuf,
    /// The words of the command in `SECUREFTP_LOAD`.
    load: Vec<String>,
}

impl Given {
    /// The one that the environment names, if it names one, with the images that every cluster of ours has.
    fn find() -> Result<Option<Self>> {
        let Some(kubeconfig) = env::var_os(KUBECONFIG).filter(|file| !file.is_empty()) else {
            return Ok(None);
        };
        let kubeconfig = PathBuf::from(kubeconfig)
            .canonicalize()
            .with_context(|| format!("{KUBECONFIG} names no file"))?;
        let load = env::var(LOAD).unwrap_or_default();
        let given = Self {
            kubeconfig,
            load: load.split_whitespace().map(str::to_owned).collect(),
        };
        if !given.load.is_empty() {
            let folder = tempfile::tempdir()?;
            given.load(&Archive::busybox(folder.path())?)?;
        }
        Ok(Some(given))
    }

    fn load(&self, image: &Archive) -> Result<()> {
        let Some((program, arguments)) = self.load.split_first() else {
            bail!("{LOAD} names no command that loads an image");
        };
        run(Command::new(program).args(arguments).arg(&image.path))?.success()?;
        Ok(())
    }
}

/// The stage of every story in this process; made by the first.
static STAGE: Mutex<Option<&'static Stage>> = Mutex::new(None);

impl Stage {
    /// The stage for `story`; none where it cannot be told, which is said by its name, and is an error where
    /// everything must be told.
    pub fn open(story: &str, needed: &[Ability]) -> Result<Option<&'static Self>> {
        // A story that failed to make the stage does not keep the next from trying.
        let mut stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match *stage {
            Some(made) => made,
            None => match Self::make(story)? {
                // It lives as long as the process: the cluster ends with it.
                Some(made) => stage.insert(Box::leak(Box::new(made))),
                None => return Ok(None),
            },
        };
        drop(stage);
        let lacks = needed.iter().find(|ability| !made.has(**ability));
        match lacks {
            None => Ok(Some(made)),
            Some(lack) => {
                skip(story, &format!("needs a cluster with {}", lack.told()))?;
                Ok(None)
            }
        }
    }

    fn make(story: &str) -> Result<Option<Self>> {
        if let Some(given) = Given::find()? {
            return Ok(Some(Self {
                ground: Ground::Given(given),
            }));
        }
        let missing = needs::missing();
        if !missing.is_empty() {
            skip(story, &format!("needs {}", missing.join(", ")))?;
            return Ok(None);
        }
        let cluster = match Cluster::running(&Settings::default().name)? {
            Some(running) => {
                running.free_volumes()?;
                running
            }
            None => Cluster::up(&for_stories()?, Journal::Told)?,
        };
        Ok(Some(Self {
            ground: Ground::Ours(cluster),
        }))
    }

    /// A stage of a story's own.
    pub const fn of(cluster: Cluster) -> Self {
        Self {
            ground: Ground::Ours(cluster),
        }
    }

    /// Whether it can do this. Of a cluster that is given it is looked up.
    fn has(&self, ability: Ability) -> bool {
        match (&self.ground, ability) {
            // Whether a cluster has load balancers shows when one is asked for: a story then fails.
            (Ground::Ours(_), _) | (Ground::Given(_), Ability::LoadBalancers) => true,
            (Ground::Given(_), Ability::CertManager) => self.knows("certificates.cert-manager.io"),
            (Ground::Given(_), Ability::PodMonitors) => {
                self.knows("podmonitors.monitoring.coreos.com")
            }
            (Ground::Given(given), Ability::Images) => !given.load.is_empty(),
            (Ground::Given(_), Ability::AuditLog | Ability::Nodes) => false,
        }
    }

    fn knows(&self, kind: &str) -> bool {
        self.ask(["get", "crd", kind]).is_ok()
    }

    /// A command of kubectl, with the rights that there are.
    pub fn kubectl(&self) -> Command {
        match &self.ground {
            Ground::Ours(cluster) => cluster.kubectl(),
            Ground::Given(given) => {
                let mut command = Command::new("kubectl");
                command.arg("--kubeconfig").arg(&given.kubeconfig);
                command
            }
        }
    }

    /// A command of Helm, with the rights that there are.
    pub fn helm(&self) -> Result<Command> {
        match &self.ground {
            Ground::Ours(cluster) => cluster.helm(),
            Ground::Given(given) => {
                let mut command = Command::new("helm");
                command.env("KUBECONFIG", &given.kubeconfig);
                Ok(command)
            }
        }
    }

    /// A command where users of the cluster are.
    pub fn outside(&self, program: impl AsRef<OsStr>) -> Command {
        match &self.ground {
            Ground::Ours(cluster) => cluster.outside(program),
            Ground::Given(_) => Command::new(program),
        }
    }

    /// Runs `work`, and the programs that it starts, where users of the cluster are.
    pub fn from_outside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match &self.ground {
            Ground::Ours(cluster) => cluster.from_outside(work),
            Ground::Given(_) => work(),
        }
    }

    /// Runs kubectl; answers what it printed.
    pub fn ask<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let ended = run(self.kubectl().args(arguments))?.success()?;
        Ok(String::from_utf8(ended.stdout)?)
    }

    /// Applies manifests, by the server.
    pub fn apply(&self, manifests: &str) -> Result<Ended> {
        let mut apply = self.kubectl();
        apply.args(["apply", "--server-side", "--filename", "-"]);
        run_with(&mut apply, manifests.as_bytes())?.success()
    }

    /// Gives an image to every node; needs [`Ability::Images`].
    pub fn load(&self, image: &Archive) -> Result<()> {
        match &self.ground {
            Ground::Ours(cluster) => cluster.load(image),
            Ground::Given(given) => given.load(image),
        }
    }

    /// The cluster, when it is ours: for what [`Ability::AuditLog`] and [`Ability::Nodes`] stand for.
    pub fn ours(&self) -> Result<&Cluster> {
        match &self.ground {
            Ground::Ours(cluster) => Ok(cluster),
            Ground::Given(_) => bail!("the cluster was given by {KUBECONFIG}, and is not ours"),
        }
    }
}

impl Ability {
    const fn told(self) -> &'static str {
        match self {
            Self::Images => "nodes that take images out of files",
            Self::AuditLog => "a record of every request",
            Self::Nodes => "nodes that may be lost",
            Self::LoadBalancers => "load balancers",
            Self::CertManager => "cert-manager",
            Self::PodMonitors => "the kind PodMonitor",
        }
    }
}

fn for_stories() -> Result<Settings> {
    Ok(Settings {
        name: NAME.parse()?,
        lifetime: Lifetime::WithThisProcess,
        ..Settings::default()
    })
}
