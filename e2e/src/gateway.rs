//! `secureftp local`, started for one story.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    door::{Door, Start},
    loopback,
    memory::Memory,
    place::{Place, make_key},
    program::{Ended, Program},
    setup::{self, CLAIM, Setup},
    wait::{PATIENCE, until},
};

/// A gateway that serves; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct Gateway {
    program: Program,
    place: Place,
    folder: TempDir,
    setup: Setup,
    public_key: String,
}

/// The folder of a gateway that is not started yet, for stories that prepare or break something before.
#[derive(Debug)]
pub struct Prepared {
    place: Place,
    folder: TempDir,
    setup: Setup,
    public_key: String,
}

impl Prepared {
    /// Makes the folder, a key, and the manifests of `setup`, for an address that nobody else uses.
    pub fn new(setup: Setup) -> Result<Self> {
        Self::below(&env::temp_dir(), setup)
    }

    /// As [`Prepared::new`], with state and volume in memory: for what must not depend on a disk.
    pub fn in_memory(setup: Setup) -> Result<Self> {
        Self::below(Path::new("/dev/shm"), setup)
    }

    fn below(parent: &Path, setup: Setup) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("secureftp-story-")
            .tempdir_in(parent)?;
        let home = folder.path().join("home");
        fs::create_dir(&home)?;
        let key = home.join("key");
        let public_key = make_key(&key)?;
        let user = setup
            .users
            .first()
            .map_or_else(String::new, |user| user.name.to_owned());
        let place = Place {
            address: loopback::unused()?,
            user,
            key,
            home,
        };
        let prepared = Self {
            place,
            folder,
            setup,
            public_key,
        };
        fs::create_dir_all(prepared.manifests())?;
        fs::create_dir_all(prepared.volume())?;
        let yaml = prepared
            .setup
            .manifests(prepared.place.address, &prepared.public_key)?;
        fs::write(prepared.manifests().join("story.yaml"), yaml)?;
        Ok(prepared)
    }

    /// The folder of manifests.
    pub fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    /// The folder of the claim's volume.
    pub fn volume(&self) -> PathBuf {
        volume(self.folder.path())
    }

    /// Where it will serve.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// `secureftp local` for this folder; arguments may be added. It is killed when the thread that starts it ends,
    /// also where nothing is dropped any more because the whole process was killed.
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(binary()?)
            .arg("local")
            .arg(self.manifests())
            .arg("--state")
            .arg(self.folder.path().join("state"))
            .args(["--bind", &self.place.host()]);
        Ok(command)
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> Result<Gateway> {
        let mut command = self.command()?;
        let mut program = Program::start(&mut command, b"")?;
        self.place.wait_for_host_key(|| program.ensure_running())?;
        let Self {
            place,
            folder,
            setup,
            public_key,
        } = self;
        Ok(Gateway {
            program,
            place,
            folder,
            setup,
            public_key,
        })
    }
}

impl Gateway {
    /// Starts a gateway for `setup` and waits until it serves.
    pub fn start(setup: Setup) -> Result<Self> {
        Prepared::new(setup)?.start()
    }

    /// Where clients go; as the setup's first user.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Where FTP clients go, as the setup's first user: by TLS 1.3 and EPSV, until the story says something else.
    pub fn door(&self, start: Start) -> Door {
        let address = match start {
            Start::Never | Start::Explicit => setup::explicit(self.place.address),
            Start::Implicit => setup::implicit(self.place.address),
        };
        let authority = self.folder.path().join("state/ca/ca.crt");
        Door::new(address, start, authority, &self.place)
    }

    /// The first and the last passive port.
    pub fn passive_ports(&self) -> Result<(u16, u16)> {
        let ftps = self.setup.ftps.as_ref();
        let ftps = ftps.context("the story serves no FTPS")?;
        Ok(setup::passive(self.place.address, ftps))
    }

    /// The folder of the claim's volume.
    pub fn volume(&self) -> PathBuf {
        volume(self.folder.path())
    }

    /// A file or folder of the first user, as it lies on the volume.
    pub fn on_volume(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.volume()
            .join(&self.place.user)
            .join(Path::new(name.as_ref()))
    }

    /// A folder for the story's own files, beside the volume.
    pub fn desk(&self) -> Result<PathBuf> {
        let desk = self.folder.path().join("desk");
        fs::create_dir_all(&desk)?;
        Ok(desk)
    }

    /// The folder of manifests.
    pub fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    /// Replaces the manifests, in one step, by those of `setup`.
    pub fn edit(&mut self, setup: Setup) -> Result<()> {
        let yaml = setup.manifests(self.place.address, &self.public_key)?;
        self.write_manifests(&yaml)?;
        self.setup = setup;
        Ok(())
    }

    /// Replaces the manifests, in one step, by `yaml`.
    pub fn write_manifests(&self, yaml: &str) -> Result<()> {
        let fresh = self.folder.path().join("fresh.yaml");
        fs::write(&fresh, yaml)?;
        fs::rename(fresh, self.manifests().join("story.yaml"))?;
        Ok(())
    }

    /// What was served first or by the last [`Gateway::edit`].
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// All that the program said so far.
    pub fn said(&self) -> Result<String> {
        self.program.said()
    }

    /// Waits until the program has said `words`.
    pub fn wait_until_it_says(&self, words: &str) -> Result<()> {
        until(&format!("{words:?} from the gateway"), || {
            Ok(self.said()?.contains(words).then_some(()))
        })
        .with_context(|| self.said().unwrap_or_default())
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.program.signal(signal)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Waits for its end; the folder stays until the answer is dropped.
    pub fn end(self) -> Result<(Ended, TempDir)> {
        let Self {
            program, folder, ..
        } = self;
        Ok((program.end_within(PATIENCE)?, folder))
    }

    /// The memory of the program now.
    pub fn memory(&self) -> Result<Memory> {
        Memory::of(self.program.pid())
    }

    /// Asks the admin port for `path`, for example `/livez`; answers the status code and the body.
    pub fn ask_admin(&self, path: &str) -> Result<(u16, String)> {
        let address = self.admin_address()?;
        let mut stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("an answer without a body")?;
        let status = head
            .split(' ')
            .nth(1)
            .context("an answer without a status")?
            .parse()?;
        Ok((status, body.to_owned()))
    }

    /// The value of the metric `name`, all labels together.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let (_, body) = self.ask_admin("/metrics")?;
        let values = body
            .lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with([' ', '{']))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }

    /// The admin port, as the sheet says it.
    fn admin_address(&self) -> Result<String> {
        let said = self.said()?;
        let url = said
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"));
        let url = url.with_context(|| format!("no admin port in the sheet:\n{said}"))?;
        Ok(url.split('/').next().unwrap_or(url).to_owned())
    }
}

fn volume(folder: &Path) -> PathBuf {
    folder.join("state/volumes").join(CLAIM)
}

/// The program under test: `$SECUREFTP`, or the release build of this workspace.
pub fn binary() -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let binary =
        env::var_os("SECUREFTP").map_or_else(|| target.join("release/secureftp"), PathBuf::from);
    if !binary.exists() {
        bail!("{} is not there: cargo build --release", binary.display());
    }
    Ok(binary)
}
