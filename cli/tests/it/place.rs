//! The real program, `secureftp local`, in a folder of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{self, Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Long enough for a debug build on a busy machine; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with the good manifests, at a port that is free.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    /// Where SFTP is served.
    pub(crate) port: u16,
    /// An address that no other place has.
    pub(crate) address: Ipv4Addr,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with("partners")
    }

    pub(crate) fn with(manifests: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/good");
        let golden = golden.join(manifests);
        let port = free_port();
        fs::create_dir(folder.path().join("partners")).unwrap();
        for file in ["partners.yaml", "users.yaml"] {
            let text = fs::read_to_string(golden.join(file)).unwrap();
            let text = [22, 21, 990].iter().fold(text, |text, written| {
                let port = if *written == 22 { port } else { free_port() };
                text.replace(&format!("port: {written}\n"), &format!("port: {port}\n"))
            });
            fs::write(folder.path().join("partners").join(file), text).unwrap();
        }
        Self {
            folder,
            port,
            address: loopback(),
        }
    }

    pub(crate) fn edit(&self, file: &str, edit: impl FnOnce(String) -> String) {
        let path = self.folder.path().join("partners").join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, edit(text)).unwrap();
    }

    /// The program, still to be started.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_secureftp"));
        command
            .args(["local", "partners", "--state", "state"])
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join("partners").join(file)).unwrap()
    }

    pub(crate) fn start(&self) -> Running {
        Running::of(self.command())
    }

    pub(crate) fn start_with(&self, arguments: &[&str]) -> Running {
        let mut command = self.command();
        command.args(arguments);
        Running::of(command)
    }

    /// What SFTP says first; None: nobody listens.
    pub(crate) fn banner(&self) -> Option<String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = String::new();
        BufReader::new(stream.take(256)).read_line(&mut line).ok()?;
        Some(line)
    }
}

fn loopback() -> Ipv4Addr {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 64, low, LAST.fetch_add(1, Ordering::Relaxed))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The program while it runs; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    /// Its lines on standard output, after the sheet.
    pub(crate) out: Receiver<String>,
    /// Its lines on standard error.
    pub(crate) errors: Receiver<String>,
    pub(crate) sheet: Vec<String>,
}

impl Running {
    /// The program, once it has printed its sheet.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let errors = lines(child.stderr.take().unwrap());
        let mut running = Self {
            child,
            out,
            errors,
            sheet: Vec::new(),
        };
        running.sheet = running.lines_until("Stop ");
        running
    }

    /// The lines up to one that contains this text.
    pub(crate) fn lines_until(&self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.out.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(error) => {
                    let errors: Vec<String> = self.errors.try_iter().collect();
                    panic!("{error} before {text:?}: {lines:#?} {errors:#?}");
                }
            }
            if lines.last().is_some_and(|line| line.contains(text)) {
                return lines;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            // The end of its output comes with its end.
            let _line = self.out.recv_timeout(Duration::from_millis(50));
        }
        panic!("it does not end");
    }

    pub(crate) fn sheet_line(&self, text: &str) -> String {
        self.sheet
            .iter()
            .find(|line| line.contains(text))
            .unwrap()
            .clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
