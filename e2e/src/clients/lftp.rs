//! lftp, over OpenSSH's ssh.

use std::process::Command;

use anyhow::Result;

use crate::{
    clients::openssh::transport_line,
    place::Place,
    program::{Ended, run},
};

/// Runs an lftp script after logging in, for example `get -c file`. It stops at the first command that fails.
pub fn run_lftp(place: &Place, script: &str) -> Result<Ended> {
    // A password must be there, also if it is empty: otherwise lftp asks for one.
    let script = format!(
        "set cmd:fail-exit yes\nset net:max-retries 1\nset net:timeout 60\nset sftp:auto-confirm no\n\
         set sftp:connect-program \"{}\"\nopen -p {} -u {}, sftp://{}\n{script}\n",
        transport_line(place),
        place.port(),
        place.user,
        place.host(),
    );
    let mut command = Command::new("lftp");
    command
        .args(["--norc", "-c", &script])
        .env("HOME", &place.home)
        .env("LFTP_HOME", &place.home);
    run(&mut command)
}
