//! A running program: with a deadline, both outputs kept, ended with the value that stands for it.

use std::{
    fmt::Write as _,
    fs::File,
    io::{Seek, SeekFrom, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait::{PATIENCE, until_within};

/// A program and whatever it starts; all of it is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    stdout: File,
    stderr: File,
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Its name and arguments, for messages.
    pub name: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Program {
    /// Starts `command` with `input` as its standard input.
    pub fn start(command: &mut Command, input: &[u8]) -> Result<Self> {
        let mut file = tempfile::tempfile()?;
        file.write_all(input)?;
        file.seek(SeekFrom::Start(0))?;
        Self::spawn(command, file.into())
    }

    /// Starts `command` with a pipe as its standard input, to be taken with [`Program::input`].
    pub fn start_with_pipe(command: &mut Command) -> Result<Self> {
        Self::spawn(command, Stdio::piped())
    }

    fn spawn(command: &mut Command, stdin: Stdio) -> Result<Self> {
        // Files, not pipes: a program that says much must not wait for a reader.
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let name = told(command);
        let child = command
            .stdin(stdin)
            .stdout(stdout.try_clone()?)
            .stderr(stderr.try_clone()?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self {
            name,
            child,
            stdout,
            stderr,
        })
    }

    /// The pipe to its standard input; once.
    pub fn input(&mut self) -> Result<ChildStdin> {
        self.child
            .stdin
            .take()
            .context("the standard input is no pipe, or was taken before")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far: standard output, then standard error.
    pub fn said(&self) -> Result<String> {
        let mut said = String::from_utf8_lossy(&whole(&self.stdout)?).into_owned();
        said.push_str(&String::from_utf8_lossy(&whole(&self.stderr)?));
        Ok(said)
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> Result<Vec<u8>> {
        whole(&self.stdout)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Fails when it has ended, with how it ended and all that it said: for whoever waits for it to serve.
    pub fn ensure_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}\n{}", self.name, self.said()?),
        }
    }

    /// Sends `signal` to the program alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.process()?, signal)?)
    }

    /// Sends `signal` to the program and to what it started.
    pub fn signal_all(&self, signal: Signal) -> Result<()> {
        Ok(kill_process_group(self.process()?, signal)?)
    }

    /// Waits for its end.
    pub fn end(self) -> Result<Ended> {
        self.end_within(PATIENCE)
    }

    /// Waits for its end, for at most `patience`.
    pub fn end_within(mut self, patience: Duration) -> Result<Ended> {
        let what = format!("the end of {}", self.name);
        let waited = until_within(patience, &what, || Ok(self.child.try_wait()?));
        let status = waited.with_context(|| self.said().unwrap_or_default())?;
        Ok(Ended {
            name: self.name.clone(),
            status,
            stdout: whole(&self.stdout)?,
            stderr: whole(&self.stderr)?,
        })
    }

    fn process(&self) -> Result<Pid> {
        Pid::from_raw(i32::try_from(self.child.id())?).context("a process has a number above 0")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its children may outlive it, and it may be gone already: neither is a reason to complain here.
        if let Ok(process) = self.process() {
            kill_process_group(process, Signal::KILL).ok();
        }
        self.child.wait().ok();
    }
}

impl Ended {
    /// Itself when it succeeded; otherwise an error with all that it said.
    pub fn success(self) -> Result<Self> {
        ensure!(
            self.status.success(),
            "{} ended with {}\n{}",
            self.name,
            self.status,
            self.said()
        );
        Ok(self)
    }

    /// What it said when it failed; success is an error.
    pub fn failure(self) -> Result<String> {
        ensure!(
            !self.status.success(),
            "{} succeeded\n{}",
            self.name,
            self.said()
        );
        Ok(self.said())
    }

    /// Standard output, then standard error, as text.
    pub fn said(&self) -> String {
        let mut said = String::from_utf8_lossy(&self.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&self.stderr));
        said
    }
}

/// Runs `command` to its end.
pub fn run(command: &mut Command) -> Result<Ended> {
    run_with(command, b"")
}

/// Runs `command` to its end with `input` as its standard input.
pub fn run_with(command: &mut Command, input: &[u8]) -> Result<Ended> {
    Program::start(command, input)?.end()
}

fn whole(file: &File) -> Result<Vec<u8>> {
    // Positioned reads: the program writes through the same file description, whose offset is not ours to move.
    use std::os::unix::fs::FileExt;

    let mut bytes = vec![0; usize::try_from(file.metadata()?.len())?];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, u64::try_from(filled)?)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn told(command: &Command) -> String {
    let mut told = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        // Writing to a String cannot fail.
        write!(told, " {}", argument.to_string_lossy()).ok();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::until;

    #[test]
    fn a_program_that_ends_instead_of_serving_tells_how_and_why() -> Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'the port is taken' >&2; exit 7"]);
        let mut program = Program::start(&mut command, b"")?;

        let error = until("its end", || Ok(program.ensure_running().err()))?;

        let said = error.to_string();
        assert!(said.contains("exit status: 7"), "{said}");
        assert!(said.contains("the port is taken"), "{said}");
        Ok(())
    }
}
