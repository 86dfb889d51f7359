//! The programs of a cluster, built from pinned Go modules and kept.
//!
//! Each is a folder below `e2e/cluster/go`: its `go.mod` says what is built and in which version, its `go.sum` from
//! which bytes. What was built lies in a cache folder whose name tells those apart, complete or not at all.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::journal::Journal;
use crate::program::Program;

/// A build that takes longer than this hangs: on two cores the longest needs seven minutes.
const BUILD_PATIENCE: Duration = Duration::from_hours(1);

/// Programs that are built and kept together.
#[derive(Debug)]
pub struct Recipe {
    /// The folder with its `go.mod`, and the name in the cache.
    pub name: &'static str,
    /// The module that gives the version; none for what this repository has itself.
    module: Option<&'static str>,
    /// What `go build` is given.
    packages: &'static [&'static str],
    /// Build tags.
    tags: &'static str,
    /// What else is kept: folders of modules, for example definitions of resources.
    folders: &'static [Folder],
}

/// A folder of a module.
#[derive(Debug)]
struct Folder {
    module: &'static str,
    path: &'static str,
    /// What it is called beside the programs.
    name: &'static str,
}

/// The API server, its controllers, the scheduler, what runs on a node, and kubectl.
pub const KUBERNETES: Recipe = Recipe {
    name: "kubernetes",
    module: Some("k8s.io/kubernetes"),
    packages: &[
        "k8s.io/kubernetes/cmd/kube-apiserver",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-proxy",
        "k8s.io/kubernetes/cmd/kube-scheduler",
        "k8s.io/kubernetes/cmd/kubectl",
        "k8s.io/kubernetes/cmd/kubelet",
    ],
    tags: "",
    folders: &[],
};

/// The store of the API server; its program is called `server`.
pub const ETCD: Recipe = Recipe {
    name: "etcd",
    module: Some("go.etcd.io/etcd/server/v3"),
    packages: &["go.etcd.io/etcd/server/v3"],
    tags: "",
    folders: &[],
};

/// What runs containers. Filesystems that need C libraries are left out.
pub const CONTAINERD: Recipe = Recipe {
    name: "containerd",
    module: Some("github.com/containerd/containerd/v2"),
    packages: &[
        "github.com/containerd/containerd/v2/cmd/containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/ctr",
    ],
    tags: "no_btrfs,no_devmapper,no_zfs",
    folders: &[],
};

/// What holds the namespaces of pods and nodes.
pub const PAUSE: Recipe = Recipe {
    name: "pause",
    module: None,
    packages: &["."],
    tags: "",
    folders: &[],
};

/// cert-manager's controllers, and its definitions in `crds`.
pub const CERT_MANAGER: Recipe = Recipe {
    name: "cert-manager",
    module: Some("github.com/cert-manager/cert-manager"),
    packages: &["."],
    tags: "",
    folders: &[Folder {
        module: "github.com/cert-manager/cert-manager",
        path: "deploy/crds",
        name: "crds",
    }],
};

/// The part of `MetalLB` that gives addresses to Services, called `controller`, and its definitions in `crds`.
pub const METALLB: Recipe = Recipe {
    name: "metallb",
    module: Some("go.universe.tf/metallb"),
    packages: &["go.universe.tf/metallb/controller"],
    tags: "",
    folders: &[Folder {
        module: "go.universe.tf/metallb",
        path: "config/crd/bases",
        name: "crds",
    }],
};

/// The definitions by which Prometheus is told what to scrape, in `crds`.
pub const MONITORING: Recipe = Recipe {
    name: "monitoring",
    module: Some("github.com/prometheus-operator/prometheus-operator"),
    packages: &[],
    tags: "",
    folders: &[Folder {
        module: "github.com/prometheus-operator/prometheus-operator",
        path: "example/prometheus-operator-crd",
        name: "crds",
    }],
};

/// Helm, as people install it today.
pub const HELM: Recipe = Recipe {
    name: "helm",
    module: Some("helm.sh/helm/v4"),
    packages: &["helm.sh/helm/v4/cmd/helm"],
    tags: "",
    folders: &[],
};

/// Helm, as many still have it.
pub const HELM_3: Recipe = Recipe {
    name: "helm3",
    module: Some("helm.sh/helm/v3"),
    packages: &["helm.sh/helm/v3/cmd/helm"],
    tags: "",
    folders: &[],
};

/// Prometheus with no discovery but that of Kubernetes; Debian's has every other.
pub const PROMETHEUS: Recipe = Recipe {
    name: "prometheus",
    module: Some("github.com/prometheus/prometheus"),
    packages: &["github.com/prometheus/prometheus/cmd/prometheus"],
    tags: "remove_all_sd,enable_kubernetes_sd",
    folders: &[],
};

/// Everything, the longest first.
pub const ALL: &[Recipe] = &[
    KUBERNETES,
    PROMETHEUS,
    HELM,
    HELM_3,
    CERT_MANAGER,
    METALLB,
    CONTAINERD,
    ETCD,
    PAUSE,
    MONITORING,
];

/// What was built by one recipe.
#[derive(Clone, Debug)]
pub struct Built {
    folder: PathBuf,
}

impl Built {
    /// A program, or another thing that was kept with it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder with all of it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Recipe {
    /// What the cache has; otherwise it is built now.
    pub fn find_or_build(&self, journal: Journal) -> Result<Built> {
        let source = sources().join(self.name);
        let folder = cache()?.join(self.label(&source)?);
        if folder.exists() {
            return Ok(Built { folder });
        }
        fs::create_dir_all(cache()?)?;
        // Whoever builds the same at the same time is waited for; the lock of a process that died is no lock.
        let lock = File::create(folder.with_added_extension("lock"))?;
        lock.lock()?;
        if !folder.exists() {
            let step = journal.begin(&format!("build {}", self.name));
            self.build(&source, &folder)
                .with_context(|| format!("failed to build {}", self.name))?;
            step.end();
        }
        Ok(Built { folder })
    }

    /// Builds beside the place in the cache, and moves it there when it is complete.
    fn build(&self, source: &Path, folder: &Path) -> Result<()> {
        let partial = folder.with_added_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir(&partial)?;
        if !self.packages.is_empty() {
            let mut build = go(source, "build");
            build
                .args(["-tags", self.tags])
                .args(["-ldflags", &self.linker_flags(source)?])
                // The slash makes it a folder for Go, also where there is one program.
                .arg("-o")
                .arg(format!("{}/", partial.display()))
                .args(self.packages);
            end_of(&mut build)?;
        }
        for kept in self.folders {
            keep(source, kept, &partial)?;
        }
        fs::rename(&partial, folder)?;
        Ok(())
    }

    /// No symbols: they would double the size. Kubernetes must know its version, which clients compare.
    fn linker_flags(&self, source: &Path) -> Result<String> {
        let mut flags = "-s -w".to_owned();
        if self.name == KUBERNETES.name {
            let version = self.version(source)?;
            let mut numbers = version.trim_start_matches('v').split('.');
            let (major, minor) = (numbers.next(), numbers.next());
            for (name, value) in [
                ("gitVersion", version.as_str()),
                ("gitMajor", major.unwrap_or_default()),
                ("gitMinor", minor.unwrap_or_default()),
                ("gitTreeState", "clean"),
            ] {
                write!(flags, " -X k8s.io/component-base/version.{name}={value}")?;
            }
        }
        Ok(flags)
    }

    /// `NAME-VERSION-DIGEST`: another byte in what is built, or another flag, is another folder.
    fn label(&self, source: &Path) -> Result<String> {
        let mut files: Vec<PathBuf> = fs::read_dir(source)
            .with_context(|| format!("failed to read {}", source.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        let mut digest = Sha256::new();
        for file in files {
            digest.update(fs::read(file)?);
        }
        digest.update(format!("{self:?} {}", self.linker_flags(source)?));
        let mut label = format!("{}-{}-", self.name, self.version(source)?);
        for byte in digest.finalize().iter().take(4) {
            write!(label, "{byte:02x}")?;
        }
        Ok(label)
    }

    /// The version of its module in `go.mod`, with the `v`.
    fn version(&self, source: &Path) -> Result<String> {
        let Some(module) = self.module else {
            return Ok("own".to_owned());
        };
        let text = fs::read_to_string(source.join("go.mod"))?;
        let version = text.lines().find_map(|line| {
            let mut words = line.trim().trim_start_matches("require ").split(' ');
            (words.next() == Some(module)).then(|| words.next())?
        });
        match version {
            Some(version) if version.starts_with('v') => Ok(version.to_owned()),
            _ => bail!("{} requires no version of {module}", source.display()),
        }
    }
}

/// Copies a folder out of a module.
fn keep(source: &Path, kept: &Folder, partial: &Path) -> Result<()> {
    end_of(go(source, "mod").args(["download", kept.module]))?;
    let module = end_of(go(source, "list").args(["-m", "-f", "{{.Dir}}", kept.module]))?;
    let target = partial.join(kept.name);
    fs::create_dir(&target)?;
    for file in fs::read_dir(Path::new(module.trim()).join(kept.path))? {
        let file = file?;
        if file
            .path()
            .extension()
            .is_some_and(|ending| ending == "yaml")
        {
            fs::copy(file.path(), target.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// A command of Go about the module in `source`. It ends with this process: a build that nobody waits for would keep
/// all processors busy.
fn go(source: &Path, verb: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "go", verb])
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath -buildvcs=false")
        // The Go that is there, never one that this Go would fetch.
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off");
    command
}

/// Runs a command of Go to its end; answers what it printed.
fn end_of(command: &mut Command) -> Result<String> {
    let ended = Program::start(command, b"")?
        .end_within(BUILD_PATIENCE)?
        .success()?;
    Ok(String::from_utf8(ended.stdout)?)
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/go")
}

/// `$SECUREFTP_CACHE`, else `secureftp` in `$XDG_CACHE_HOME` or `~/.cache`.
fn cache() -> Result<PathBuf> {
    let folder = |name| {
        env::var_os(name)
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from)
    };
    folder("SECUREFTP_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("secureftp")))
        .or_else(|| Some(folder("HOME")?.join(".cache/secureftp")))
        .context("no folder to keep programs in: set SECUREFTP_CACHE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_a_pinned_version_and_a_sum() {
        for recipe in ALL {
            let source = sources().join(recipe.name);

            let label = recipe.label(&source).unwrap();

            if let Some(module) = recipe.module {
                let version = recipe.version(&source).unwrap();
                let sums = fs::read_to_string(source.join("go.sum")).unwrap();
                assert!(label.starts_with(&format!("{}-v", recipe.name)), "{label}");
                assert!(
                    sums.contains(&format!("{module} {version} h1:")),
                    "{module}"
                );
            }
        }
    }

    #[test]
    fn kubernetes_is_told_its_version() {
        let flags = KUBERNETES
            .linker_flags(&sources().join("kubernetes"))
            .unwrap();

        assert!(flags.contains("version.gitVersion=v1."), "{flags}");
        assert!(flags.contains("version.gitMajor=1 "), "{flags}");
    }
}
