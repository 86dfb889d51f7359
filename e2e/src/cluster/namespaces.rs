//! The namespaces that stand for machines, each held by a process that does nothing else.
//!
//! A machine is its holder: when the holder ends, the kernel takes apart what it held, with every process, mount and
//! interface in it. Nothing of it is seen on the host, and nothing of it can be left behind.

use std::{
    fs::{self, File},
    io::Write,
    os::fd::AsFd,
    panic,
    process::{ChildStdin, Command, Stdio},
    thread,
};

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{
    folder::Folder,
    parts::{self, Part, system_path},
    programs::Built,
    settings::Lifetime,
};

/// A machine of the cluster's little network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    /// What joins the others.
    Switch,
    /// Who is outside.
    Client,
    /// Where the API server and its controllers live.
    Control,
    /// Where pods live, by its number.
    Node(u8),
}

impl Machine {
    /// Whether programs run on it for good. They share a namespace of processes, and so end with its holder.
    const fn has_processes(self) -> bool {
        matches!(self, Self::Control | Self::Node(_))
    }

    /// The name of its holder's part.
    pub(super) fn part(self) -> String {
        match self {
            Self::Switch => "switch".to_owned(),
            Self::Client => "client".to_owned(),
            Self::Control => "control".to_owned(),
            Self::Node(number) => format!("node{number}"),
        }
    }
}

/// A way into a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    holder: u32,
    machine: Machine,
}

/// A holder that runs.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) door: Door,
    /// Open for as long as the machine shall live, when that is this process's life.
    _leash: Option<ChildStdin>,
    _part: Part,
}

/// What only lasts.
const HOLD: &str = r#"echo >"$1/ready-$2"; shift 2; exec "$@""#;

/// A node keeps what its programs write where they always write it, and none of it reaches the host: `/run` is its
/// own, and so is what is kept below `/var`. The kernel's settings that kubelet insists on are shown to it as it
/// wants them, and stay as they are. What pods mount must be seen by pods that come later: the tree is shared.
const HOLD_NODE: &str = r#"
node=$1 ready=$2 name=$3; shift 3
mount --make-rshared /
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/node /run/lock /run/kernel
mount --bind "$node" /run/node
mount --bind "$node/log" /var/log
for folder in /var/lib/cni /var/lib/kubelet; do
    mkdir -p "$folder"
    mount -t tmpfs tmpfs "$folder"
done
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=/proc/sys/${setting%=*} shown=/run/kernel/$(basename "${setting%=*}")
    [ -e "$file" ] || continue
    echo "${setting#*=}" >"$shown"
    mount --bind "$shown" "$file"
done
echo 1 >/proc/sys/net/ipv4/ip_forward
echo >"$ready/ready-$name"
exec "$@"
"#;

impl Holder {
    /// Makes a machine, and waits until it is there.
    pub(super) fn start(
        folder: &Folder,
        machine: Machine,
        pause: &Built,
        lifetime: Lifetime,
    ) -> Result<Self> {
        let part_name = machine.part();
        let mut command = Command::new("unshare");
        command.arg("--net").env("PATH", system_path());
        if machine.has_processes() {
            command.args(["--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]);
        }
        command.args(["--", "sh", "-euc"]);
        if let Machine::Node(number) = machine {
            let node = folder.node(number);
            fs::create_dir_all(node.join("log"))?;
            command.args([HOLD_NODE, "sh"]).arg(node);
        } else {
            command.args([HOLD, "sh"]);
        }
        command
            .args([folder.root().as_os_str(), part_name.as_ref()])
            .arg(pause.path("pause"));
        let stdin = match lifetime {
            Lifetime::UntilDown => Stdio::null(),
            Lifetime::WithThisProcess => {
                command.arg("-until-eof");
                Stdio::piped()
            }
        };
        let mut part = Part::start(folder, &part_name, stdin, &mut command)?;
        let leash = part.input();
        let ready = folder.root().join(format!("ready-{part_name}"));
        let door = part.wait_until("a machine of the cluster", || {
            if ready.exists() {
                Door::find(folder, machine)
            } else {
                Ok(None)
            }
        })?;
        Ok(Self {
            door,
            _leash: leash,
            _part: part,
        })
    }
}

impl Door {
    /// The door to a machine that is there.
    pub(super) fn find(folder: &Folder, machine: Machine) -> Result<Option<Self>> {
        let name = machine.part();
        let holds = |process: &&parts::Process| {
            process.part == name && (process.is_first || !machine.has_processes())
        };
        let processes = parts::find(folder)?;
        let holder = processes.iter().find(holds).map(|process| process.id);
        Ok(holder.map(|holder| Self { holder, machine }))
    }

    /// The number of the process that holds the machine.
    pub(super) const fn holder(self) -> u32 {
        self.holder
    }

    /// A command that runs `program` inside. Not by `ip netns exec`, which would hide the control groups.
    pub(super) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.env("PATH", system_path());
        command.arg(format!("--net=/proc/{}/ns/net", self.holder));
        if self.machine.has_processes() {
            command.args(["--target", &self.holder.to_string(), "--mount", "--pid"]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Runs `work` on a thread of its own in this network, with the programs that it starts. In the network alone:
    /// files and processes are the host's.
    pub(super) fn within_network<T: Send>(
        self,
        work: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        let network = File::open(format!("/proc/{}/ns/net", self.holder))?;
        let inside = || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        };
        thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(outcome) => outcome,
            // An expectation that failed in there fails the story out here.
            Err(failed) => panic::resume_unwind(failed),
        })
    }

    /// Runs `ip` inside with a line a change.
    pub(super) fn change_network(self, lines: &[String]) -> Result<()> {
        let mut batch = Vec::new();
        for line in lines {
            writeln!(batch, "{line}")?;
        }
        parts::run_with(self.command("ip").args(["-batch", "-"]), &batch)
            .with_context(|| format!("failed to connect {}", self.machine.part()))?;
        Ok(())
    }
}
