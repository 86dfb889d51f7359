//! cargo-deny: which dependencies may be there, and who may use them (`deny.toml`).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::command::{Failure, Workshop};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Checks bans, licences and sources. Advisories change without a change of ours and need the network: they are
/// no part of this step.
pub(crate) fn check(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let cargo_deny = find_or_build(workshop)?;
    let mut command = Command::new(&cargo_deny);
    command
        .current_dir(&workshop.root)
        .args([
            "--locked",
            "--workspace",
            "--all-features",
            "check",
            "bans",
            "licenses",
            "sources",
        ])
        .env("CARGO", &workshop.cargo);
    workshop.run("deny", &mut command).map(|()| Vec::new())
}

/// The program on the PATH or in the cache when its version fits; otherwise it is built from its source into the
/// cache. Only the program is kept, never what it found.
fn find_or_build(workshop: &Workshop) -> Result<PathBuf, Failure> {
    let cache = cache_folder(workshop).join(format!("cargo-deny-{VERSION}"));
    let cached = cache.join("bin/cargo-deny");
    let installed = PathBuf::from("cargo-deny");
    if let Some(fits) = [installed, cached.clone()]
        .into_iter()
        .find(|program| is_version(program))
    {
        return Ok(fits);
    }
    build(workshop, &cache)?;
    Ok(cached)
}

/// Its speed does not matter, its build time does: little optimisation, many units.
fn build(workshop: &Workshop, cache: &Path) -> Result<(), Failure> {
    let target = workshop.logs.join("cargo-deny-target");
    let mut command = workshop.cargo(&[
        "install",
        "--locked",
        "--no-default-features",
        "--version",
        VERSION,
    ]);
    command
        .arg("--root")
        .arg(cache)
        .arg("--target-dir")
        .arg(&target)
        .arg("cargo-deny")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    workshop.run("cargo-deny-build", &mut command)?;
    fs::remove_dir_all(&target).map_err(|error| {
        Failure(format!(
            "    failed to remove {}: {error}",
            target.display()
        ))
    })
}

fn is_version(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|said| {
            String::from_utf8_lossy(&said.stdout).trim() == format!("cargo-deny {VERSION}")
        })
}

/// `$XDG_CACHE_HOME/secureftp`, by default `~/.cache/secureftp`; without a home, below `target`.
fn cache_folder(workshop: &Workshop) -> PathBuf {
    let from_home = || {
        env::var_os("HOME")
            .filter(|home| !home.is_empty())
            .map(|home| Path::new(&home).join(".cache"))
    };
    env::var_os("XDG_CACHE_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(from_home)
        .map_or_else(|| workshop.logs.clone(), |folder| folder.join("secureftp"))
}
