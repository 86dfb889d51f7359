//! A server that takes part, and what it has to do in every round.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use e2e::{
    clients::ftp::curl::{curl, url},
    door::{Door, Passive, Start, Version},
    files::{self, MIB},
    gateway::{Gateway, Prepared},
    program::run,
    setup::{Ftps, Setup},
};

use super::{CIPHER, packages::Packages, servers::Peer};
use crate::{account::Account, contest::Plan};

/// Sessions that log in, list an empty folder and leave, in one round.
const LOGINS: u32 = 10;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    PureFtpd,
    ProFtpd,
    Vsftpd,
    Secureftp,
}

impl Name {
    /// As the table calls it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::PureFtpd => "pure-ftpd",
            Self::ProFtpd => "ProFTPD",
            Self::Vsftpd => "vsftpd",
            Self::Secureftp => "secureftp",
        }
    }
}

/// One of the servers.
#[derive(Debug)]
pub(super) struct Contestant {
    // Before the account: its group can be removed only when its processes are gone.
    _server: Server,
    pub(super) name: Name,
    pub(super) account: Account,
    door: Door,
    /// The folder of its files on this machine; clients call it `/files`.
    files: PathBuf,
}

#[derive(Debug)]
enum Server {
    Peer(#[expect(dead_code, reason = "it ends with this value")] Peer),
    Secureftp(#[expect(dead_code, reason = "it ends with this value")] Gateway),
}

/// What one round cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// CPU seconds a GiB, the login not counted.
    pub(super) download: f64,
    /// CPU seconds a GiB, the login not counted.
    pub(super) upload: f64,
    /// CPU milliseconds a login with the listing of an empty folder.
    pub(super) login: f64,
}

impl Contestant {
    /// Starts it.
    pub(super) fn new(packages: &Packages, name: Name) -> Result<Self> {
        let peer = match name {
            Name::PureFtpd => Peer::pure_ftpd(packages),
            Name::ProFtpd => Peer::proftpd(packages),
            Name::Vsftpd => Peer::vsftpd(packages),
            Name::Secureftp => return Self::secureftp(),
        }
        .context(name.text())?;
        let user = if name == Name::Vsftpd { "ftp" } else { "alice" };
        Ok(Self {
            name,
            account: Account::open(name.text(), peer.pid()),
            door: Door {
                address: peer.address(),
                start: Start::Explicit,
                version: Version::V1_3,
                passive: Passive::Epsv,
                user: user.to_owned(),
                authority: peer.authority().to_owned(),
                home: "/dev/shm".into(),
            },
            files: peer.files(),
            _server: Server::Peer(peer),
        })
    }

    /// The release build of this workspace.
    fn secureftp() -> Result<Self> {
        let gateway = Prepared::in_memory(Setup::with_ftps(Ftps::default()))?.start()?;
        let door = gateway.door(Start::Explicit);
        let files = gateway.on_volume("files");
        run(curl(&door)
            .args(["--quote", "MKD files"])
            .arg(url(&door, "")))?
        .success()?;
        Ok(Self {
            name: Name::Secureftp,
            account: Account::open("secureftp", gateway.pid()),
            door,
            files,
            _server: Server::Secureftp(gateway),
        })
    }

    /// Makes the files that the rounds need.
    pub(super) fn prepare(&self, plan: Plan) -> Result<()> {
        let source = self.files.join("download");
        files::make(&source, u64::from(plan.gib) * 1024 * MIB)?;
        fs::create_dir(self.files.join("few"))?;
        Ok(())
    }

    /// One turn of this server.
    pub(super) fn run_round(&self, plan: Plan) -> Result<Round> {
        let gib = f64::from(plan.gib);
        let mut logins = 0.0;
        for _ in 0..LOGINS {
            logins += self.cost_of(self.curl().arg(self.url("few/")))?;
        }
        let login = logins / f64::from(LOGINS);
        let mut download = self.curl();
        download
            .args(["--output", "/dev/null"])
            .arg(self.url("download"));
        let mut upload = self.curl();
        upload
            .arg("--upload-file")
            .arg(self.files.join("download"))
            .arg(self.url("upload"));
        let download = self.cost_of(&mut download)?;
        let upload = self.cost_of(&mut upload)?;
        // Every upload fills fresh pages.
        fs::remove_file(self.files.join("upload"))?;
        Ok(Round {
            download: (download - login) / gib,
            upload: (upload - login) / gib,
            login: login * 1e3,
        })
    }

    fn curl(&self) -> Command {
        let mut command = curl(&self.door);
        command.args(["--tls13-ciphers", CIPHER]);
        command
    }

    fn url(&self, path: &str) -> String {
        url(&self.door, &format!("files/{path}"))
    }

    /// Runs the client; answers the CPU seconds of the server.
    fn cost_of(&self, command: &mut Command) -> Result<f64> {
        let before = self.account.spent()?;
        run(command)?.success().context(self.name.text())?;
        Ok(self.account.spent()?.saturating_sub(before).as_secs_f64())
    }
}
