//! curl.

use std::process::Command;

use crate::{
    door::{Door, Passive, Start, Version},
    setup::PASSWORD,
};

/// `curl` at `door`; options and [`url`]s are added by the story. It says nothing but errors.
pub fn curl(door: &Door) -> Command {
    let mut command = Command::new("curl");
    // -q stands first: no configuration of this machine.
    command
        .args(["-q", "--silent", "--show-error", "--max-time", "280"])
        .args(["--user", &format!("{}:{PASSWORD}", door.user)])
        .env("HOME", &door.home);
    if door.start != Start::Never {
        command
            .args(["--ssl-reqd", "--cacert"])
            .arg(&door.authority);
    }
    match door.version {
        Version::V1_2 => command.args(["--tlsv1.2", "--tls-max", "1.2"]),
        Version::V1_3 => command.arg("--tlsv1.3"),
    };
    if door.passive == Passive::Pasv {
        // And the address that PASV tells is the one to use.
        command.args(["--disable-epsv", "--no-ftp-skip-pasv-ip"]);
    }
    command
}

/// The URL of a path, which must need no escapes.
pub fn url(door: &Door, path: &str) -> String {
    let scheme = match door.start {
        Start::Never | Start::Explicit => "ftp",
        Start::Implicit => "ftps",
    };
    format!("{scheme}://{}/{path}", door.address)
}
