//! Python's paramiko, as Debian packages it.

use std::process::Command;

use anyhow::Result;

use crate::{
    place::Place,
    program::{Ended, run_with},
};

/// Logs in and leaves the client in `sftp`.
const PREAMBLE: &str = r"
import os, sys, paramiko
host, port, user, key, known_hosts = sys.argv[1:6]
client = paramiko.SSHClient()
client.load_host_keys(known_hosts)
client.connect(host, port=int(port), username=user, key_filename=key, look_for_keys=False, allow_agent=False)
sftp = client.open_sftp()
";

/// Runs a Python script with `sftp` connected; its arguments are `sys.argv[6:]`.
pub fn run_paramiko(place: &Place, script: &str, arguments: &[&str]) -> Result<Ended> {
    // Debian's interpreter by its path: another one may stand before it, without the package.
    let mut command = Command::new("/usr/bin/python3");
    command
        .args(["-", &place.host(), &place.port(), &place.user])
        .arg(&place.key)
        .arg(place.known_hosts())
        .args(arguments)
        .env("HOME", &place.home);
    run_with(
        &mut command,
        format!("{PREAMBLE}{script}\nclient.close()\n").as_bytes(),
    )
}
