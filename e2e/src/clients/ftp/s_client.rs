//! `openssl s_client`: a control connection typed by hand.

use std::process::Command;

use anyhow::Result;

use crate::{
    door::{Door, Start, Version},
    program::{Ended, run_with},
};

/// Connects, sends the lines of `script`, the last of which must be `QUIT`, and answers what the server said.
pub fn run_s_client(door: &Door, script: &str) -> Result<Ended> {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-connect", &door.address.to_string(), "-CAfile"])
        .arg(&door.authority)
        .args(["-verify_return_error", "-verify_ip", &door.host()])
        // Without it lines that begin with R or Q are its own commands, and it ends before the answers.
        .args(["-quiet", "-crlf"])
        .arg(match door.version {
            Version::V1_2 => "-tls1_2",
            Version::V1_3 => "-tls1_3",
        });
    if door.start == Start::Explicit {
        command.args(["-starttls", "ftp"]);
    }
    run_with(&mut command, script.as_bytes())
}
