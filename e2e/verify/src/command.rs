//! Runs programs for the steps: into a log each, shown by its end when the program fails.

use std::{
    collections::VecDeque,
    env, fmt,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::shown;

/// How much of a failed program's output is printed, in lines. The log has all of it.
const TAIL_LINES: usize = 60;

/// How often a program with a time-out is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Where the steps work.
pub(crate) struct Workshop {
    /// The workspace.
    pub(crate) root: PathBuf,
    /// Where logs and figures go: `target/verify`.
    pub(crate) logs: PathBuf,
    /// The cargo that runs this program.
    pub(crate) cargo: PathBuf,
}

/// What a step found wrong, as it is printed.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Workshop {
    /// Finds the workspace around this crate and makes the folder for logs.
    pub(crate) fn open() -> Result<Self, Failure> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).unwrap_or(here).to_path_buf();
        let logs = root.join("target/verify");
        fs::create_dir_all(&logs)
            .map_err(|error| Failure(format!("failed to make {}: {error}", logs.display())))?;
        let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        Ok(Self { root, logs, cargo })
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// A cargo command in the workspace. A story tells by its own words where it failed; backtraces, which the environment
    /// may ask for, would push them out of the last lines that are shown.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        command
            .current_dir(&self.root)
            .args(arguments)
            .env("CARGO_TERM_COLOR", "never")
            .env("RUST_BACKTRACE", "0");
        command
    }

    /// Runs `command` to its end with both outputs in the log `name`.
    pub(crate) fn run(&self, name: &str, command: &mut Command) -> Result<(), Failure> {
        let log = self.logs.join(format!("{name}.log"));
        let program = command.get_program().display().to_string();
        let ended = into_log(command, &log).and_then(Command::status);
        self.judge(&log, &program, ended)
    }

    /// As [`Workshop::run`], but for `patience` at most: then the program is ended, with all that it started.
    pub(crate) fn run_within(
        &self,
        patience: Duration,
        name: &str,
        command: &mut Command,
    ) -> Result<(), Failure> {
        let log = self.logs.join(format!("{name}.log"));
        let program = command.get_program().display().to_string();
        let ended = into_log(command, &log).and_then(|command| end_within(patience, command));
        self.judge(&log, &program, ended)
    }

    fn judge(
        &self,
        log: &Path,
        program: &str,
        ended: io::Result<ExitStatus>,
    ) -> Result<(), Failure> {
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure(format!(
                "{}\n    {program} ended with {status}; all of its output: {}",
                tail(log).unwrap_or_else(|error| format!("    (no log: {error})")),
                shown(log, &self.root),
            ))),
            Err(error) => Err(Failure(format!(
                "    failed to run {program}: {error}; all of its output: {}",
                shown(log, &self.root)
            ))),
        }
    }
}

fn into_log<'a>(command: &'a mut Command, log: &Path) -> io::Result<&'a mut Command> {
    let out = File::create(log)?;
    Ok(command
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out))
}

fn end_within(patience: Duration, command: &mut Command) -> io::Result<ExitStatus> {
    let mut child = command.process_group(0).spawn()?;
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            // The standard library ends one process; the group has what cargo started too.
            Command::new("kill")
                .args(["-KILL", "--", &format!("-{}", child.id())])
                .status()?;
            child.wait()?;
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it took longer than {} s", patience.as_secs()),
            ));
        }
        thread::sleep(GLANCE);
    }
}

/// The last lines of a log, indented.
fn tail(log: &Path) -> io::Result<String> {
    let mut lines = VecDeque::with_capacity(TAIL_LINES);
    for line in BufReader::new(File::open(log)?).split(b'\n') {
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(format!("    {}", String::from_utf8_lossy(&line?)));
    }
    Ok(lines.into_iter().collect::<Vec<_>>().join("\n"))
}
