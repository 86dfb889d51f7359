//! rclone's own FTP client.

use std::process::Command;

use anyhow::Result;

use crate::{
    door::{Door, Passive, Start, Version},
    program::{Ended, run},
    setup::PASSWORD,
};

/// Runs rclone with these arguments; `:ftp:PATH` is a path at the server.
pub fn run_rclone(door: &Door, arguments: &[&str]) -> Result<Ended> {
    let mut obscure = Command::new("rclone");
    let obscured = run(obscure.args(["obscure", PASSWORD]).env("HOME", &door.home))?
        .success()?
        .said();
    let mut command = Command::new("rclone");
    command
        .args(["--config", "/dev/null", "--retries", "1"])
        .args(["--low-level-retries", "1"])
        // See docs/clients.md: several streams a file end in errors that it takes for failures.
        .args(["--multi-thread-streams", "0"])
        .args(["--ftp-host", &door.host(), "--ftp-port", &door.port()])
        .args(["--ftp-user", &door.user, "--ftp-pass", obscured.trim()]);
    match door.start {
        Start::Never => &mut command,
        Start::Explicit => command.arg("--ftp-explicit-tls"),
        Start::Implicit => command.arg("--ftp-tls"),
    };
    if door.version == Version::V1_2 {
        command.arg("--ftp-disable-tls13");
    }
    if door.passive == Passive::Pasv {
        command.arg("--ftp-disable-epsv");
    }
    command
        .args(arguments)
        .env("HOME", &door.home)
        // It has no option for the authorities that its FTP client trusts; this is Go's own.
        .env("SSL_CERT_FILE", &door.authority);
    run(&mut command)
}
