//! The processes of a cluster: how they are started, and how they are found again.
//!
//! Every process carries the cluster's folder and the name of its part in its environment, and hands both on to what
//! it starts. So the kernel's own table says what runs, whatever became of the process that started it: no file
//! with numbers of processes can be stale, and none can be missing.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::folder::Folder;
use crate::{program, wait::until};

/// The variable with the cluster's folder.
const CLUSTER: &str = "SECUREFTP_CLUSTER";

/// The variable with the part's name.
const PART: &str = "SECUREFTP_CLUSTER_PART";

/// How many of a part's last lines are told when it ends too early.
const TOLD_LINES: usize = 12;

/// A process that belongs to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) part: String,
    /// Whether it is the first of a process namespace: with it ends everything there.
    pub(super) is_first: bool,
}

/// A part that this process started.
#[derive(Debug)]
pub(super) struct Part {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Starts `command` as the part `name`, with its output in the part's log.
    pub(super) fn start(
        folder: &Folder,
        name: &str,
        stdin: Stdio,
        command: &mut Command,
    ) -> Result<Self> {
        let log = folder.log(name);
        let out = File::create(&log)?;
        let child = command
            .env(CLUSTER, folder.root())
            .env(PART, name)
            .stdin(stdin)
            .stdout(out.try_clone()?)
            .stderr(out)
            // Ctrl-C in the terminal is not meant for what shall stay.
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// The pipe to its standard input, if it was given one; once.
    pub(super) const fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Fails with its last words when it has ended.
    pub(super) fn look(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let last = lines
                .get(lines.len().saturating_sub(TOLD_LINES)..)
                .unwrap_or_default();
            bail!(
                "{} ended with {status}\n{}\nall of it: {}",
                self.name,
                last.join("\n"),
                self.log.display()
            );
        }
        Ok(())
    }

    /// Waits for a condition as long as the part runs.
    pub(super) fn wait_until<T>(
        &mut self,
        what: &str,
        mut condition: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        until(what, || {
            self.look()?;
            condition()
        })
        .with_context(|| format!("{}, which logs to {}", self.name, self.log.display()))
    }
}

/// Every process of the cluster in `folder` that runs.
pub(super) fn find(folder: &Folder) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // It may end while it is looked at; then it is no process of anybody.
        let Ok(environment) = fs::read(entry.path().join("environ")) else {
            continue;
        };
        let value = |name: &str| {
            environment
                .split(|byte| *byte == 0)
                .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        };
        if value(CLUSTER).map(OsStr::from_bytes) == Some(folder.root().as_os_str()) {
            found.push(Process {
                id,
                part: String::from_utf8_lossy(value(PART).unwrap_or_default()).into_owned(),
                is_first: is_first(&entry.path()),
            });
        }
    }
    Ok(found)
}

/// Ends every process of the cluster, and waits until the kernel has forgotten them.
pub(super) fn kill_all(folder: &Folder) -> Result<()> {
    until("the end of every process of the cluster", || {
        let left = find(folder)?;
        for process in &left {
            kill(process.id)?;
        }
        Ok(left.is_empty().then_some(()))
    })
}

/// Ends the processes of one part.
pub(super) fn kill_part(folder: &Folder, part: &str) -> Result<()> {
    until("the end of a part of the cluster", || {
        let mut left = find(folder)?;
        left.retain(|process| process.part == part);
        for process in &left {
            kill(process.id)?;
        }
        Ok(left.is_empty().then_some(()))
    })
}

fn kill(id: u32) -> Result<()> {
    let process = Pid::from_raw(i32::try_from(id)?).context("a process has a number above 0")?;
    // Gone meanwhile is as good.
    kill_process(process, Signal::KILL).or_else(|error| match error {
        rustix::io::Errno::SRCH => Ok(()),
        error => Err(error),
    })?;
    Ok(())
}

/// Whether a process is the first of a process namespace below this one: its number there is 1.
fn is_first(process: &Path) -> bool {
    let Ok(status) = File::open(process.join("status")) else {
        return false;
    };
    BufReader::new(status)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let numbers = line.strip_prefix("NSpid:")?;
            Some(
                numbers.split_whitespace().count() > 1
                    && numbers.split_whitespace().next_back() == Some("1"),
            )
        })
        .unwrap_or(false)
}

/// A command must be found where the programs of the system are, also by an ordinary PATH.
pub(super) fn system_path() -> &'static str {
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

/// Runs a command to its end, and fails with what it said.
pub(super) fn run(command: &mut Command) -> Result<String> {
    run_with(command, b"")
}

/// As [`run`], with standard input.
pub(super) fn run_with(command: &mut Command, input: &[u8]) -> Result<String> {
    let ended = program::run_with(command, input)?.success()?;
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}
