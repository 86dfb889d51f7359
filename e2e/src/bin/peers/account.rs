//! The CPU time of a server and of every process it starts.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use anyhow::{Context, Result};

/// Where the kernel keeps the account.
#[derive(Debug)]
pub(crate) enum Account {
    /// A control group of version 2: `cpu.stat`.
    Unified(Group),
    /// A control group of version 1: `cpuacct.usage`.
    Legacy(Group),
    /// No control group can be made: the processes that live, and what they have waited for.
    Processes(u32),
}

/// A control group; removed when dropped, which works once its processes are gone.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        // An empty group that stays costs nothing and is not worth an error at the end.
        fs::remove_dir(&self.0).ok();
    }
}

impl Account {
    /// Opens an account for the process and for whatever it starts from now on.
    pub(crate) fn open(name: &str, pid: u32) -> Self {
        let folder = format!("secureftp-peers-{}-{name}", process::id());
        let unified = Path::new("/sys/fs/cgroup");
        if unified.join("cgroup.controllers").exists()
            && let Some(group) = enter(&unified.join(&folder), pid)
        {
            return Self::Unified(group);
        }
        match enter(&unified.join("cpuacct").join(&folder), pid) {
            Some(group) => Self::Legacy(group),
            None => Self::Processes(pid),
        }
    }

    /// How the figures were taken, for the table.
    pub(crate) const fn method(&self) -> &'static str {
        match self {
            Self::Unified(_) => "a cgroup (v2) each",
            Self::Legacy(_) => "a cgroup (v1, cpuacct) each",
            Self::Processes(_) => "/proc, the processes that live and those waited for",
        }
    }

    /// All that was spent so far.
    pub(crate) fn spent(&self) -> Result<Duration> {
        match self {
            Self::Unified(Group(folder)) => {
                let statistics = fs::read_to_string(folder.join("cpu.stat"))?;
                let usage = statistics
                    .lines()
                    .find_map(|line| line.strip_prefix("usage_usec "));
                Ok(Duration::from_micros(
                    usage.context("cpu.stat has no usage_usec")?.parse()?,
                ))
            }
            Self::Legacy(Group(folder)) => {
                let usage = fs::read_to_string(folder.join("cpuacct.usage"))?;
                Ok(Duration::from_nanos(usage.trim().parse()?))
            }
            Self::Processes(pid) => {
                let ticks: u64 = tree(*pid)?.into_iter().filter_map(ticks).sum();
                let per_second = rustix::param::clock_ticks_per_second();
                Ok(Duration::from_secs(ticks) / u32::try_from(per_second)?)
            }
        }
    }
}

fn enter(folder: &Path, pid: u32) -> Option<Group> {
    fs::create_dir(folder).ok()?;
    let group = Group(folder.to_path_buf());
    fs::write(folder.join("cgroup.procs"), pid.to_string()).ok()?;
    Some(group)
}

/// The process and its descendants.
pub(crate) fn tree(root: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok())
            // A process that ended meanwhile has no parent any more.
            && let Some(parent) = statistic(pid, 1)
        {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == u64::from(parent))
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    Ok(found)
}

/// User and system time, with that of children that were waited for, in clock ticks.
fn ticks(pid: u32) -> Option<u64> {
    (11..=14).map(|field| statistic(pid, field)).sum()
}

/// A number of /proc/PID/stat, counted from the state, which stands after the name in parentheses.
fn statistic(pid: u32, field: usize) -> Option<u64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = line.rsplit_once(") ")?;
    after_name.split(' ').nth(field)?.parse().ok()
}
