//! ncftp's programs: in clear, and by PASV only.

use std::process::Command;

use crate::{door::Door, setup::PASSWORD};

/// `ncftpput`: the story adds the local file and the remote name.
pub fn ncftpput(door: &Door) -> Command {
    let mut command = ncftp("ncftpput", door);
    command.args(["-V", "-C", &door.host()]);
    command
}

/// `ncftpget`, which resumes: the story adds the remote name and the local file.
pub fn ncftpget(door: &Door) -> Command {
    let mut command = ncftp("ncftpget", door);
    command.args(["-V", "-z", "-C", &door.host()]);
    command
}

/// `ncftpls` of the folder where the user arrives, a name a line, after some commands of FTP.
pub fn ncftpls(door: &Door, before: &[&str]) -> Command {
    let mut command = ncftp("ncftpls", door);
    command.arg("-1");
    for line in before {
        command.args(["-W", line]);
    }
    command.arg(format!("ftp://{}/", door.host()));
    command
}

fn ncftp(program: &str, door: &Door) -> Command {
    let mut command = Command::new(program);
    command
        .args(["-u", &door.user, "-p", PASSWORD, "-P", &door.port()])
        .args(["-r", "1"])
        .env("HOME", &door.home);
    command
}
