//! OpenSSH's sftp, scp and ssh.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::Result;

use crate::{
    place::Place,
    program::{Ended, run_with},
};

/// `sftp` at `place`, as an interactive session that reads its commands from standard input.
pub fn sftp(place: &Place) -> Command {
    let mut command = client("sftp", place);
    command.args(["-b", "-", "-P", &place.port(), &place.login()]);
    command
}

/// `sftp` with more options, for example `["-R", "1024"]`.
pub fn sftp_with(place: &Place, options: &[&str]) -> Command {
    let mut command = client("sftp", place);
    command
        .args(options)
        .args(["-b", "-", "-P", &place.port(), &place.login()]);
    command
}

/// Runs the lines of `batch` in `sftp`; it stops at the first line that fails.
pub fn run_sftp(place: &Place, batch: impl AsRef<[u8]>) -> Result<Ended> {
    run_with(&mut sftp(place), batch.as_ref())
}

/// `scp` without its operands; recent versions speak SFTP, `-O` brings back the old protocol.
pub fn scp(place: &Place, options: &[&str]) -> Command {
    let mut command = client("scp", place);
    command.args(["-P", &place.port()]).args(options);
    command
}

/// `ssh` at `place`: options before the destination, the remote command after it.
pub fn ssh(place: &Place, options: &[&str], remote: &[&str]) -> Command {
    let mut command = client("ssh", place);
    command
        .args(["-p", &place.port()])
        .args(options)
        .arg(place.login())
        .args(remote);
    command
}

/// The same command with a password instead of the key, typed by a program as OpenSSH allows it.
pub fn with_password(place: &Place, password: &str, arguments: &[&str]) -> Result<Command> {
    let askpass = place.home.join(format!("askpass-{}", place.user));
    let fresh = tempfile::NamedTempFile::new_in(&place.home)?;
    fs::write(fresh.path(), format!("#!/bin/sh\necho '{password}'\n"))?;
    fs::set_permissions(fresh.path(), fs::Permissions::from_mode(0o700))?;
    // Closed before it is run: a file that is open for writing cannot be executed.
    fresh.into_temp_path().persist(&askpass)?;

    let mut command = Command::new("ssh");
    common(&mut command, place);
    command
        .args([
            "-o",
            "PubkeyAuthentication=no",
            "-o",
            "NumberOfPasswordPrompts=1",
        ])
        .args(["-p", &place.port()])
        .arg(place.login())
        .args(arguments)
        .env("SSH_ASKPASS", askpass)
        .env("SSH_ASKPASS_REQUIRE", "force");
    Ok(command)
}

/// How another client runs `ssh` for its transport: a shell line without the destination.
pub fn transport_line(place: &Place) -> String {
    let mut command = Command::new("ssh");
    common(&mut command, place);
    command
        .args([
            "-a",
            "-x",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-i",
        ])
        .arg(&place.key);
    let words: Vec<&str> = command.get_args().filter_map(OsStr::to_str).collect();
    format!("ssh {}", words.join(" "))
}

/// `REMOTE` as scp wants it.
pub fn remote(place: &Place, path: &str) -> String {
    format!("{}:{path}", place.login())
}

/// A path in a batch: quoted, as sftp reads it.
pub fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

fn client(program: &str, place: &Place) -> Command {
    let mut command = Command::new(program);
    common(&mut command, place);
    command
        .args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"])
        .arg(&place.key);
    command
}

/// Nothing of this machine's own configuration, and only the host key that is known.
fn common(command: &mut Command, place: &Place) {
    command
        .args([
            "-F",
            "/dev/null",
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .arg("-o")
        .arg(format!(
            "UserKnownHostsFile={}",
            place.known_hosts().display()
        ))
        .env("HOME", &place.home)
        .env_remove("SSH_AUTH_SOCK");
}
