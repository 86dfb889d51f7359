//! lftp over FTP and FTPS.

use std::process::Command;

use crate::{
    door::{Door, Passive, Start, Version},
    setup::PASSWORD,
};

/// lftp with a script after logging in, for example `get -c file`. It stops at the first command that fails.
pub fn lftp(door: &Door, script: &str) -> Command {
    let (scheme, tls) = match door.start {
        Start::Never => ("ftp", "set ftp:ssl-allow no"),
        Start::Explicit => ("ftp", "set ftp:ssl-force yes"),
        Start::Implicit => ("ftps", "set ftp:ssl-force yes"),
    };
    let version = match door.version {
        Version::V1_2 => "1.2",
        Version::V1_3 => "1.3",
    };
    let epsv = match door.passive {
        Passive::Epsv => "yes",
        Passive::Pasv => "no",
    };
    let script = format!(
        "set cmd:fail-exit yes\nset net:max-retries 1\nset net:timeout 60\n{tls}\nset ftp:ssl-protect-data yes\n\
         set ftp:ssl-protect-list yes\nset ssl:ca-file \"{}\"\nset ssl:priority NORMAL:-VERS-ALL:+VERS-TLS{version}\n\
         set ftp:prefer-epsv {epsv}\nset ftp:fix-pasv-address no\n\
         open -p {} -u \"{},{PASSWORD}\" {scheme}://{}\n{script}\n",
        door.authority.display(),
        door.port(),
        door.user,
        door.host(),
    );
    let mut command = Command::new("lftp");
    command
        .args(["--norc", "-c", &script])
        .env("HOME", &door.home)
        .env("LFTP_HOME", &door.home);
    command
}
