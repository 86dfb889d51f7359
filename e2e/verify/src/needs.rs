//! What the steps need on this machine, and how to get it.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::command::{Failure, Workshop};

/// A thing that a step runs, and the Debian package that has it.
struct Need {
    /// A command, or a path from the root.
    thing: &'static str,
    package: &'static str,
}

/// The clients of the stories, and what builds the cryptography.
const NEEDS: &[Need] = &[
    Need {
        thing: "cc",
        package: "build-essential",
    },
    Need {
        thing: "git",
        package: "git",
    },
    Need {
        thing: "ssh",
        package: "openssh-client",
    },
    Need {
        thing: "sftp",
        package: "openssh-client",
    },
    Need {
        thing: "scp",
        package: "openssh-client",
    },
    Need {
        thing: "ssh-keygen",
        package: "openssh-client",
    },
    Need {
        thing: "sshd",
        package: "openssh-server",
    },
    Need {
        thing: "sshfs",
        package: "sshfs",
    },
    Need {
        thing: "fusermount3",
        package: "fuse3",
    },
    Need {
        thing: "lftp",
        package: "lftp",
    },
    Need {
        thing: "rclone",
        package: "rclone",
    },
    Need {
        thing: "psftp",
        package: "putty-tools",
    },
    Need {
        thing: "puttygen",
        package: "putty-tools",
    },
    Need {
        thing: "/usr/bin/python3",
        package: "python3",
    },
    Need {
        thing: "/usr/lib/python3/dist-packages/paramiko",
        package: "python3-paramiko",
    },
    Need {
        thing: "curl",
        package: "curl",
    },
    Need {
        thing: "wget",
        package: "wget",
    },
    Need {
        thing: "ncftpget",
        package: "ncftp",
    },
    Need {
        thing: "tnftp",
        package: "tnftp",
    },
    Need {
        thing: "openssl",
        package: "openssl",
    },
    Need {
        thing: "setpriv",
        package: "util-linux",
    },
];

/// Servers and tools of the system live here, also where an ordinary user's PATH leaves them out.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The toolchain: Linux, a compiler that is new enough, rustfmt and clippy.
pub(crate) fn check_toolchain(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    if env::consts::OS != "linux" {
        return Err(Failure(format!(
            "    secureftp runs on Linux, this is {}",
            env::consts::OS
        )));
    }
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let found = output(Command::new("rustc").arg("--version"))?;
    if !is_at_least(&found, wanted) {
        return Err(Failure(format!(
            "    rustc {wanted} or newer is needed, this is {}",
            found.trim()
        )));
    }
    for component in ["fmt", "clippy"] {
        output(&mut workshop.cargo(&[component, "--version"])).map_err(|Failure(why)| {
            Failure(format!(
                "{why}\n    get it: rustup component add {}",
                rustup_name(component)
            ))
        })?;
    }
    Ok(Vec::new())
}

/// The toolchain and every program that a story runs.
pub(crate) fn check_all(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let notes = check_toolchain(workshop)?;
    let packages = missing_packages();
    if packages.is_empty() {
        return Ok(notes);
    }
    if !is_root() || !exists("apt-get") {
        return Err(Failure(format!(
            "    get what is missing: sudo apt-get install {}",
            packages.join(" ")
        )));
    }
    install(workshop, &packages)?;
    let still_missing = missing_packages();
    if still_missing.is_empty() {
        Ok(vec![format!("installed {}", packages.join(" "))])
    } else {
        Err(Failure(format!(
            "    still missing after apt-get: {}",
            still_missing.join(" ")
        )))
    }
}

fn install(workshop: &Workshop, packages: &[&str]) -> Result<(), Failure> {
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["--quiet", "--yes"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    workshop.run("apt-get-update", &mut apt_get(&["update"]))?;
    let mut command = apt_get(&["install", "--no-install-recommends"]);
    workshop.run("apt-get-install", command.args(packages))
}

fn missing_packages() -> Vec<&'static str> {
    let mut packages: Vec<&str> = NEEDS
        .iter()
        .filter(|need| !exists(need.thing))
        .map(|need| need.package)
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn exists(thing: &str) -> bool {
    if thing.starts_with('/') {
        return Path::new(thing).exists();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(Into::into))
        .any(|folder| folder.join(thing).is_file())
}

/// Whether this process has the rights of root; the standard library has no call for it.
fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
    })
}

fn rustup_name(component: &str) -> &str {
    if component == "fmt" {
        "rustfmt"
    } else {
        component
    }
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().display().to_string();
    let said = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure(format!("    failed to run {program}: {error}")))?;
    if said.status.success() {
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    } else {
        Err(Failure(format!(
            "    {}",
            String::from_utf8_lossy(&said.stderr).trim()
        )))
    }
}

/// Whether `rustc --version`'s answer is `wanted` or newer.
fn is_at_least(answer: &str, wanted: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        let release = version.split(['-', ' ']).next().unwrap_or_default();
        release
            .split('.')
            .filter_map(|number| number.parse().ok())
            .collect()
    };
    answer
        .strip_prefix("rustc ")
        .is_some_and(|version| numbers(version) >= numbers(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_compiler_will_do() {
        for newer in [
            "rustc 1.95.0 (59807616e 2026-04-14)\n",
            "rustc 1.100.0-nightly",
            "rustc 2.0.0",
        ] {
            assert!(is_at_least(newer, "1.95"), "{newer}");
        }
    }

    #[test]
    fn an_older_compiler_will_not() {
        for older in ["rustc 1.94.9", "rustc 0.99.0", "another compiler 3.0"] {
            assert!(!is_at_least(older, "1.95"), "{older}");
        }
    }
}
