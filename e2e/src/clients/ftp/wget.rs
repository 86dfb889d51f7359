//! wget: it downloads and lists, and that by PASV only.

use std::process::Command;

use crate::{
    door::{Door, Start, Version},
    setup::PASSWORD,
};

/// `wget` of a path, which must need no escapes, into the file `back` (`-`: standard output).
pub fn wget(door: &Door, path: &str, back: &str) -> Command {
    let mut command = Command::new("wget");
    let version = match door.version {
        Version::V1_2 => "TLSv1_2",
        Version::V1_3 => "TLSv1_3",
    };
    let scheme = match door.start {
        Start::Never => "ftp",
        Start::Explicit | Start::Implicit => "ftps",
    };
    command
        .args(["--no-config", "--no-hsts", "--no-verbose", "--tries=1"])
        .arg(format!("--ftp-user={}", door.user))
        .arg(format!("--ftp-password={PASSWORD}"))
        .arg(format!("--ca-certificate={}", door.authority.display()))
        .arg(format!("--secure-protocol={version}"))
        .arg(format!("--output-document={back}"))
        .env("HOME", &door.home)
        // It leaves `.listing` where it is started.
        .current_dir(&door.home);
    if door.start == Start::Implicit {
        command.arg("--ftps-implicit");
    }
    command.arg(format!("{scheme}://{}/{path}", door.address));
    command
}
