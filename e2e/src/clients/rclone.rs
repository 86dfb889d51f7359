//! rclone's own SFTP client.

use std::process::Command;

use anyhow::Result;

use crate::{
    place::Place,
    program::{Ended, run},
};

/// Runs rclone with these arguments; `:sftp:PATH` is a path at the server.
pub fn run_rclone(place: &Place, arguments: &[&str]) -> Result<Ended> {
    let mut command = Command::new("rclone");
    command
        .args([
            "--config",
            "/dev/null",
            "--retries",
            "1",
            "--low-level-retries",
            "1",
        ])
        .args([
            "--sftp-host",
            &place.host(),
            "--sftp-port",
            &place.port(),
            "--sftp-user",
            &place.user,
        ])
        .arg("--sftp-key-file")
        .arg(&place.key)
        .arg("--sftp-known-hosts-file")
        .arg(place.known_hosts())
        // Sums would be made by commands of a shell, which there is not.
        .args(["--sftp-disable-hashcheck", "--sftp-shell-type", "none"])
        .args(arguments)
        .env("HOME", &place.home);
    run(&mut command)
}
