//! A server that takes part: where it serves, where its files lie, what it spends.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use e2e::{
    clients::openssh::{run_sftp, sftp_with},
    files::{self, MIB},
    gateway::{Gateway, Prepared},
    idle::Idle,
    memory::Memory,
    openssh::OpenSsh,
    place::Place,
    program::run_with,
    setup::Setup,
};

use crate::{
    account::{Account, tree},
    contest::{ENTRIES, Plan},
};

/// How many sessions do nothing while memory is measured.
pub(crate) const IDLE: u32 = 100;

/// The cipher of every transfer.
pub(crate) const CIPHER: &str = "aes256-gcm@openssh.com";

/// One of the two servers.
#[derive(Debug)]
pub(crate) struct Contestant {
    // Before the account: its group can be removed only when its processes are gone.
    server: Server,
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// What it spends.
    pub(crate) account: Account,
    place: Place,
    /// The folder of its files on this machine.
    files: PathBuf,
    /// The same folder as clients name it.
    remote: String,
}

#[derive(Debug)]
enum Server {
    OpenSsh(OpenSsh),
    Secureftp(Gateway),
}

impl Server {
    fn pid(&self) -> u32 {
        match self {
            Self::OpenSsh(server) => server.pid(),
            Self::Secureftp(gateway) => gateway.pid(),
        }
    }
}

impl Contestant {
    /// Debian's sshd with Debian's default subsystem, `/usr/lib/openssh/sftp-server`.
    pub(crate) fn openssh() -> Result<Self> {
        let server = OpenSsh::start(Path::new("/dev/shm"))?;
        let files = server.files().join("files");
        fs::create_dir(&files)?;
        Ok(Self {
            name: "OpenSSH",
            account: Account::open("openssh", server.pid()),
            place: server.place().clone(),
            remote: files.display().to_string(),
            files,
            server: Server::OpenSsh(server),
        })
    }

    /// The release build of this workspace.
    pub(crate) fn secureftp() -> Result<Self> {
        let gateway = Prepared::in_memory(Setup::default())?.start()?;
        run_sftp(gateway.place(), "mkdir files\n")?.success()?;
        Ok(Self {
            name: "secureftp",
            account: Account::open("secureftp", gateway.pid()),
            place: gateway.place().clone(),
            files: gateway.on_volume("files"),
            remote: "/files".to_owned(),
            server: Server::Secureftp(gateway),
        })
    }

    /// Makes the files that the rounds need.
    pub(crate) fn prepare(&self, plan: Plan) -> Result<()> {
        files::make(
            &self.files.join("download"),
            u64::from(plan.gib) * 1024 * MIB,
        )?;
        fs::create_dir(self.files.join("few"))?;
        let many = self.files.join("many");
        fs::create_dir(&many)?;
        for number in 0..ENTRIES {
            fs::write(many.join(format!("entry-{number:05}")), b"")?;
        }
        Ok(())
    }

    /// The file to download; its contents are also what is uploaded.
    pub(crate) fn source(&self) -> PathBuf {
        self.files.join("download")
    }

    /// Where an upload of the client arrives, so that it can be removed: every upload fills fresh pages.
    pub(crate) fn uploaded(&self) -> PathBuf {
        self.files.join("upload")
    }

    /// Where a download of the client goes.
    pub(crate) fn desk(&self) -> PathBuf {
        self.place.home.join("downloaded")
    }

    /// The files' folder as clients name it.
    pub(crate) fn remote(&self) -> &str {
        &self.remote
    }

    /// Runs OpenSSH's sftp with the contest's cipher; answers the CPU seconds of the server.
    pub(crate) fn cost_of(&self, batch: &str) -> Result<f64> {
        let before = self.account.spent()?;
        let mut sftp = sftp_with(&self.place, &["-c", CIPHER]);
        run_with(&mut sftp, batch.as_bytes())?.success()?;
        Ok(self.account.spent()?.saturating_sub(before).as_secs_f64())
    }

    /// The memory that one idle session adds, in KiB.
    pub(crate) fn idle_memory(&self) -> Result<f64> {
        // What the first session needs once is not the price of a session.
        Idle::open(&self.place, 1)?.close()?;
        let before = self.proportional()?;
        let sessions = Idle::open(&self.place, usize::try_from(IDLE)?)?;
        let after = self.proportional()?;
        sessions.close()?;
        Ok((after - before) / f64::from(IDLE))
    }

    /// The memory of all its processes in KiB, shared pages divided among those who share them.
    fn proportional(&self) -> Result<f64> {
        let mut sum = 0;
        for pid in tree(self.server.pid())? {
            // A session's process may end while it is looked at.
            sum += Memory::of(pid).map_or(0, |memory| memory.proportional);
        }
        Ok(f64::from(u32::try_from(sum)?))
    }

    /// What the program says of itself.
    pub(crate) fn version(&self) -> Result<String> {
        let mut command = match &self.server {
            Server::OpenSsh(_) => {
                let mut command = std::process::Command::new("ssh");
                command.arg("-V");
                command
            }
            Server::Secureftp(_) => {
                let mut command = std::process::Command::new(e2e::gateway::binary()?);
                command.arg("--version");
                command
            }
        };
        let said = e2e::program::run(&mut command)?.success()?.said();
        Ok(said
            .split([',', '\n'])
            .next()
            .unwrap_or_default()
            .to_owned())
    }
}
