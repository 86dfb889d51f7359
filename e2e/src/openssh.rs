//! Debian's sshd with the subsystem that Debian configures, as a peer to compare with.

use std::{env, fs, path::Path, process::Command};

use anyhow::Result;
use tempfile::TempDir;

use crate::{
    loopback,
    place::{Place, make_key},
    program::Program,
};

/// An sshd that serves; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct OpenSsh {
    program: Program,
    place: Place,
    folder: TempDir,
}

impl OpenSsh {
    /// Starts sshd for the user who runs this program, with its files below `parent`.
    pub fn start(parent: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("secureftp-sshd-")
            .tempdir_in(parent)?;
        let home = folder.path().join("home");
        fs::create_dir(&home)?;
        let key = home.join("key");
        let public_key = make_key(&key)?;
        fs::write(home.join("authorized_keys"), format!("{public_key}\n"))?;
        let host_key = home.join("host-key");
        make_key(&host_key)?;
        // Compiled into Debian's sshd; made at boot by its service, which may never have been started.
        fs::create_dir_all("/run/sshd")?;
        let place = Place {
            address: loopback::unused()?,
            user: user(),
            key,
            home,
        };
        let mut program = Program::start(&mut command(&place, &host_key), b"")?;
        place.wait_for_host_key(|| program.ensure_running())?;
        Ok(Self {
            program,
            place,
            folder,
        })
    }

    /// Where clients go.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The process that listens; every session has more of its own.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// A folder for files; paths at this server are those of the machine.
    pub fn files(&self) -> &Path {
        self.folder.path()
    }
}

fn command(place: &Place, host_key: &Path) -> Command {
    let options = [
        format!("ListenAddress={}", place.host()),
        format!("Port={}", place.port()),
        format!("HostKey={}", host_key.display()),
        format!(
            "AuthorizedKeysFile={}",
            place.home.join("authorized_keys").display()
        ),
        "PidFile=none".to_owned(),
        "UsePAM=no".to_owned(),
        "StrictModes=no".to_owned(),
        "PasswordAuthentication=no".to_owned(),
        "KbdInteractiveAuthentication=no".to_owned(),
        "PermitRootLogin=prohibit-password".to_owned(),
        "MaxStartups=200:30:400".to_owned(),
        "Subsystem=sftp /usr/lib/openssh/sftp-server".to_owned(),
    ];
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f", "/dev/null"]);
    for option in options {
        command.arg("-o").arg(option);
    }
    command
}

fn user() -> String {
    env::var("USER").unwrap_or_else(|_| "root".to_owned())
}
