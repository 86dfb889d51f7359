//! Python's ftplib.

use std::process::Command;

use anyhow::Result;

use crate::{
    door::{Door, Passive, Start, Version},
    program::{Ended, Program},
    setup::PASSWORD,
};

/// Two clients, `Plain` and `Resuming`, and the names of the story's door.
const PREAMBLE: &str = include_str!("ftplib.py");

/// Runs a Python script; its arguments are `ARGUMENTS`, `Plain()` and `Resuming()` are clients that have logged in.
pub fn run_ftplib(door: &Door, script: &str, arguments: &[&str]) -> Result<Ended> {
    start_ftplib(door, script, arguments)?.end()
}

/// As [`run_ftplib`], without waiting for its end.
pub fn start_ftplib(door: &Door, script: &str, arguments: &[&str]) -> Result<Program> {
    let script = format!("{PREAMBLE}\n{script}\n");
    Program::start(&mut ftplib(door, arguments), script.as_bytes())
}

fn ftplib(door: &Door, arguments: &[&str]) -> Command {
    let start = match door.start {
        Start::Never => "never",
        Start::Explicit => "explicit",
        Start::Implicit => "implicit",
    };
    let version = match door.version {
        Version::V1_2 => "1.2",
        Version::V1_3 => "1.3",
    };
    let passive = match door.passive {
        Passive::Epsv => "EPSV",
        Passive::Pasv => "PASV",
    };
    // Debian's interpreter by its path: another one may stand before it.
    let mut command = Command::new("/usr/bin/python3");
    command
        .args(["-", &door.host(), &door.port(), &door.user, PASSWORD])
        .arg(&door.authority)
        .args([start, version, passive])
        .args(arguments)
        .env("HOME", &door.home);
    command
}
