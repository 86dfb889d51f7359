//! What this machine must have before a cluster can be brought up on it.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;

use super::journal::Journal;
use crate::program::Program;

/// The oldest Go that builds the programs, as `1.MINOR`.
const GO_MINOR: u32 = 26;

/// Enough for packages over a slow line.
const INSTALL_PATIENCE: Duration = Duration::from_mins(20);

/// A thing that is run, and the Debian package that has it.
const PACKAGES: &[(&str, &str)] = &[
    ("/bin/busybox", "busybox-static"),
    ("/usr/bin/buildah", "buildah"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/bin/nsenter", "util-linux"),
    ("/usr/bin/setpriv", "util-linux"),
    ("/usr/bin/unshare", "util-linux"),
];

/// What nobody can install for the user: "Linux", "root", "Go 1.26 or newer"; empty on a machine that will do.
pub fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if env::consts::OS != "linux" {
        missing.push("Linux".to_owned());
    }
    if !geteuid().is_root() {
        missing.push("root".to_owned());
    }
    match go_version() {
        Some(version) if is_new_enough(&version) => {}
        Some(version) => missing.push(format!("Go 1.{GO_MINOR} or newer (this is {version})")),
        None => missing.push(format!("Go 1.{GO_MINOR} or newer")),
    }
    missing
}

/// Fails in one line unless a cluster can be brought up here; gets from Debian what is missing from there.
pub(super) fn check(journal: Journal) -> Result<()> {
    let mut missing = missing();
    let packages = missing_packages();
    let list = packages.join(" ");
    let can_install = missing.is_empty() && Path::new("/usr/bin/apt-get").exists();
    if !packages.is_empty() && !can_install {
        missing.push(format!("what Debian calls {list}"));
    }
    if !missing.is_empty() {
        bail!("a cluster needs what is not here: {}", missing.join(", "));
    }
    if packages.is_empty() {
        return Ok(());
    }
    let step = journal.begin(&format!("install {list}"));
    apt_get(&["update"])?;
    let mut install = vec!["install", "--no-install-recommends"];
    install.extend(packages);
    apt_get(&install).with_context(|| format!("get it yourself: apt-get install {list}"))?;
    step.end();
    Ok(())
}

fn missing_packages() -> Vec<&'static str> {
    let mut packages: Vec<&str> = PACKAGES
        .iter()
        .filter(|(thing, _)| !Path::new(thing).exists())
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    packages
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .args(["--quiet", "--yes"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    Program::start(&mut command, b"")?
        .end_within(INSTALL_PATIENCE)?
        .success()?;
    Ok(())
}

/// What Go calls itself, for example `go1.26.8`.
fn go_version() -> Option<String> {
    let said = Command::new("go")
        .args(["env", "GOVERSION"])
        .env("GOTOOLCHAIN", "local")
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|said| said.status.success())?;
    Some(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

fn is_new_enough(version: &str) -> bool {
    let minor = |rest: &str| -> Option<u32> {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    version
        .strip_prefix("go1.")
        .and_then(minor)
        .is_some_and(|minor| minor >= GO_MINOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_go_will_do() {
        for newer in ["go1.26", "go1.26.8", "go1.27rc1", "go1.100.0"] {
            assert!(is_new_enough(newer), "{newer}");
        }
    }

    #[test]
    fn an_older_go_will_not() {
        for older in ["go1.25.9", "go1.3", "devel +abc", ""] {
            assert!(!is_new_enough(older), "{older}");
        }
    }
}
