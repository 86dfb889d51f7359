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
const LINES_MAX: usize = 60;

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
                File::open(log)
                    .and_then(|log| told_by(BufReader::new(log)))
                    .unwrap_or_else(|error| format!("    (no log: {error})")),
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

/// What of a log tells why its program failed, indented: what failed tests said or, if there are none, the last lines.
fn told_by(log: impl BufRead) -> io::Result<String> {
    let mut last = VecDeque::with_capacity(LINES_MAX);
    let mut failures = Vec::new();
    let mut is_of_failures = false;
    for line in log.split(b'\n') {
        let line = format!("    {}", String::from_utf8_lossy(&line?));
        is_of_failures |= line == "    failures:";
        if is_of_failures && failures.len() < LINES_MAX {
            failures.push(line.clone());
        }
        is_of_failures &= !line.starts_with("    test result:");
        if last.len() == LINES_MAX {
            last.pop_front();
        }
        last.push_back(line);
    }
    let told = if failures.is_empty() {
        last.into()
    } else {
        failures
    };
    Ok(told.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(log: &str) -> String {
        told_by(log.as_bytes()).unwrap()
    }

    #[test]
    fn what_failed_tests_said_is_told_whatever_passed_after_them() {
        let passed = "test result: ok. 1 passed\n".repeat(2 * LINES_MAX);
        let failed = "failures:\n\n---- a stdout ----\nnever\n\ntest result: FAILED. 0 passed";

        let told = told_of(&format!("running 1 test\n{failed}\n{passed}"));

        assert_eq!(
            told,
            failed
                .lines()
                .map(|line| format!("    {line}"))
                .collect::<Vec<_>>()
                .join("\n")
        );
    }

    #[test]
    fn of_what_is_no_test_the_end_is_told() {
        let lines: Vec<String> = (0..2 * LINES_MAX)
            .map(|line| format!("line {line}"))
            .collect();

        let told = told_of(&lines.join("\n"));

        assert_eq!(told.lines().count(), LINES_MAX);
        assert!(
            told.ends_with(&format!("line {}", 2 * LINES_MAX - 1)),
            "{told}"
        );
    }
}
