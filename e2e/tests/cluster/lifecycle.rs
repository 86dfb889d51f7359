//! A cluster comes, goes without a trace, and comes again, whatever happened to it.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use e2e::{
    cluster::{
        Cluster,
        journal::Journal,
        needs,
        settings::{CertManager, Lifetime, Name, Proxy, Settings},
    },
    program::{Program, run},
    skip::skip,
    wait::until,
};
use rustix::process::Signal;

use crate::{certificates, namespace::Namespace, services};

/// The program that `cargo cluster` runs.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster");

/// The cluster of these stories; one at a time has it.
const NAME: &str = "lifecycle";

static TURN: Mutex<()> = Mutex::new(());

/// Waits for the other stories; none where no cluster can be brought up.
fn turn(story: &str) -> Result<Option<MutexGuard<'static, ()>>> {
    let missing = needs::missing();
    if !missing.is_empty() {
        skip(story, &format!("needs {}", missing.join(", ")))?;
        return Ok(None);
    }
    Ok(Some(TURN.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn settings() -> Result<Settings> {
    Ok(Settings {
        name: NAME.parse()?,
        nodes: "1".parse()?,
        cert_manager: CertManager::Later,
        ..Settings::default()
    })
}

fn with_this_process() -> Result<Settings> {
    Ok(Settings {
        lifetime: Lifetime::WithThisProcess,
        ..settings()?
    })
}

/// The folder of the cluster; the stories run where cargo builds.
fn folder() -> Result<PathBuf> {
    let target = Path::new(PROGRAM).ancestors().nth(2);
    Ok(target
        .context("a folder of cargo")?
        .join("cluster")
        .join(NAME))
}

/// What a part of the cluster says.
fn log_of(part: &str) -> PathBuf {
    folder().unwrap_or_default().join(format!("log/{part}.log"))
}

/// `cargo cluster` for the cluster of these stories.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--name", NAME]).args(arguments);
    command
}

/// The processes that belong to a cluster in `folder`, by what the kernel says of them.
fn processes(folder: &Path) -> Result<Vec<String>> {
    let mark = folder.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        let Ok(environment) = fs::read(process.join("environ")) else {
            continue;
        };
        if String::from_utf8_lossy(&environment).contains(&mark) {
            found.push(process.display().to_string());
        }
    }
    Ok(found)
}

fn control_groups() -> Result<Vec<String>> {
    let found = run(Command::new("find").args([
        "/sys/fs/cgroup",
        "-type",
        "d",
        "-name",
        &format!("{NAME}-*"),
    ]))?;
    Ok(String::from_utf8(found.stdout)?
        .lines()
        .map(str::to_owned)
        .collect())
}

/// The host's own interfaces, and the rules of its firewall.
fn host_network() -> Result<[String; 2]> {
    let interfaces = run(Command::new("ip").args(["-brief", "link"]))?.success()?;
    let rules = run(Command::new("/usr/sbin/nft").args(["list", "ruleset"]))?;
    Ok([
        String::from_utf8(interfaces.stdout)?,
        String::from_utf8(rules.stdout)?,
    ])
}

fn mounts_below(folder: &Path) -> Result<Vec<String>> {
    let folder = folder.to_string_lossy().into_owned();
    Ok(fs::read_to_string("/proc/self/mounts")?
        .lines()
        .filter(|line| line.contains(&folder))
        .map(str::to_owned)
        .collect())
}

#[track_caller]
fn check_no_trace(folder: &Path) -> Result<()> {
    assert_eq!(processes(folder)?, Vec::<String>::new());
    assert_eq!(control_groups()?, Vec::<String>::new());
    assert_eq!(mounts_below(folder)?, Vec::<String>::new());
    assert!(!folder.exists());
    Ok(())
}

#[test]
fn a_cluster_goes_without_a_trace() -> Result<()> {
    let Some(_turn) = turn("a cluster goes without a trace")? else {
        return Ok(());
    };
    let before = host_network()?;
    let cluster = Cluster::up(&settings()?, Journal::Silent)?;
    let folder = cluster.folder().to_path_buf();
    let namespace = Namespace::make(&cluster, "trace")?;
    namespace.start_pod_on("node1", "one")?;
    assert!(!processes(&folder)?.is_empty());
    assert!(!control_groups()?.is_empty());
    let during = host_network()?;

    drop(namespace);
    let name: Name = NAME.parse()?;
    let was_there = Cluster::down(&name)?;
    let was_there_again = Cluster::down(&name)?;

    assert_eq!([was_there, was_there_again], [true, false]);
    check_no_trace(&folder)?;
    assert_eq!([&during, &host_network()?], [&before, &before]);
    Ok(())
}

#[test]
fn a_second_up_says_what_to_do() -> Result<()> {
    let Some(_turn) = turn("a second up says what to do")? else {
        return Ok(());
    };
    let first = Cluster::up(&settings()?, Journal::Silent)?;

    let second = run(&mut command(&["up", "--nodes", "1"]))?.failure()?;

    assert!(second.contains("is up already"), "{second}");
    assert!(second.contains("cargo cluster down"), "{second}");
    drop(first);
    Cluster::down(&NAME.parse()?).map(drop)
}

#[test]
fn after_a_kill_in_the_middle_it_comes_up_again() -> Result<()> {
    let Some(_turn) = turn("after a kill in the middle it comes up again")? else {
        return Ok(());
    };
    let up = ["up", "--nodes", "1", "--without-cert-manager"];
    let killed = Program::start(&mut command(&up), b"")?;
    until("the first kubelet", || {
        Ok(log_of("kubelet1").exists().then_some(()))
    })?;
    killed.signal(Signal::KILL)?;
    drop(killed);
    let folder = folder()?;
    assert!(!processes(&folder)?.is_empty());

    run(&mut command(&up))?.success()?;

    let nodes = run(&mut command(&["kubectl", "get", "nodes"]))?.success()?;
    assert!(nodes.said().contains("node1"), "{}", nodes.said());
    run(&mut command(&["down"]))?.success()?;
    check_no_trace(&folder)
}

#[test]
fn half_a_cluster_is_left_to_who_builds_it_and_then_taken_down() -> Result<()> {
    let story = "half a cluster is left to who builds it and then taken down";
    let Some(_turn) = turn(story)? else {
        return Ok(());
    };
    let first = Program::start(&mut command(&["up", "--nodes", "2"]), b"")?;
    until("the first machine", || {
        Ok(log_of("node1").exists().then_some(()))
    })?;

    let second = run(&mut command(&["up"]))?.failure()?;
    first.signal(Signal::KILL)?;
    drop(first);
    run(&mut command(&["down"]))?.success()?;

    assert!(
        second.contains("is bringing the cluster lifecycle up or down"),
        "{second}"
    );
    check_no_trace(&folder()?)
}

#[test]
fn a_cluster_ends_with_the_value_that_stands_for_it() -> Result<()> {
    let Some(_turn) = turn("a cluster ends with the value that stands for it")? else {
        return Ok(());
    };
    let cluster = Cluster::up(&with_this_process()?, Journal::Silent)?;

    drop(cluster);

    check_no_trace(&folder()?)
}

#[test]
fn a_cluster_ends_with_the_process_that_asked_for_that() -> Result<()> {
    let Some(_turn) = turn("a cluster ends with the process that asked for that")? else {
        return Ok(());
    };
    let mut myself = Command::new(env::current_exe()?);
    myself.args(["--ignored", "--exact", "lifecycle::a_cluster_is_held"]);
    let holder = Program::start_with_pipe(&mut myself)?;
    until("the cluster of the other process", || {
        Ok(folder()?.join("complete").exists().then_some(()))
    })?;

    holder.signal(Signal::KILL)?;

    drop(holder);
    let folder = folder()?;
    until("the end of every process of the cluster", || {
        Ok(processes(&folder)?.is_empty().then_some(()))
    })?;
    Cluster::down(&NAME.parse()?)?;
    check_no_trace(&folder)
}

/// What another story starts in a process of its own, and kills.
#[test]
#[ignore = "it waits to be killed"]
fn a_cluster_is_held() -> Result<()> {
    let _cluster = Cluster::up(&with_this_process()?, Journal::Silent)?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

#[test]
fn services_work_by_nftables_and_cert_manager_may_come_later() -> Result<()> {
    let story = "services work by nftables and cert-manager may come later";
    let Some(_turn) = turn(story)? else {
        return Ok(());
    };
    let settings = Settings {
        nodes: "2".parse()?,
        proxy: Proxy::Nftables,
        ..settings()?
    };
    let mut cluster = Cluster::up(&settings, Journal::Silent)?;
    let rules = run(cluster.on_node(2, "nft")?.args(["list", "tables"]))?.success()?;
    assert!(
        rules.said().contains("table ip kube-proxy"),
        "{}",
        rules.said()
    );
    {
        let namespace = Namespace::make(&cluster, "balanced")?;
        let (outside, _) = services::serve(&namespace)?;
        let met = services::meet(|| cluster.outside("busybox"), &outside)?;
        assert_eq!(met, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
        cluster.route_load_balancers(2)?;
        let by_the_other_node = services::meet(|| cluster.outside("busybox"), &outside)?;
        assert_eq!(met, by_the_other_node);
    }
    let unknown = cluster.ask(["get", "crd", "certificates.cert-manager.io"]);
    assert!(unknown.is_err());

    cluster.add_cert_manager()?;

    let namespace = Namespace::make(&cluster, "issued")?;
    certificates::issue(&namespace)?;
    drop(namespace);
    drop(cluster);
    Cluster::down(&NAME.parse()?).map(drop)
}

#[test]
fn a_node_that_is_lost_takes_its_pods_along() -> Result<()> {
    let Some(_turn) = turn("a node that is lost takes its pods along")? else {
        return Ok(());
    };
    let settings = Settings {
        nodes: "2".parse()?,
        ..settings()?
    };
    let cluster = Cluster::up(&settings, Journal::Silent)?;
    let namespace = Namespace::make(&cluster, "lost")?;
    let (outside, _) = services::serve(&namespace)?;
    cluster.route_load_balancers(1)?;

    cluster.lose_node(2)?;

    until("a node that is not ready", || {
        let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
        let ready = cluster.ask(["get", "node", "node2", "--output", path])?;
        Ok((ready != "True").then_some(()))
    })?;
    until("a Service of the pod that is left", || {
        let met = services::meet(|| cluster.outside("busybox"), &outside)?;
        Ok((met == BTreeSet::from(["one".to_owned()])).then_some(()))
    })?;
    drop(namespace);
    drop(cluster);
    Cluster::down(&NAME.parse()?).map(drop)
}
