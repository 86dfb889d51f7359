use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Output, Stdio},
};

use gateway_config::Digest;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use super::fixture::{Folder, PATIENCE, Visitor, is_absent, read};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secureftp-gateway"));
    command.env_remove("SECUREFTP_LOG").kill_on_drop(true);
    command
}

/// A gateway as a process.
struct Gateway {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Gateway {
    fn serve(folder: &Folder, control: &Path) -> Self {
        let mut command = program();
        command.arg("serve").arg(folder.path());
        Self::start(&mut command, control)
    }

    /// As [`Gateway::serve`], under what `ulimit` says.
    fn serve_with(limits: &str, folder: &Folder, control: &Path) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_secureftp-gateway"))
            .arg("serve")
            .arg(folder.path())
            .env_remove("SECUREFTP_LOG")
            .kill_on_drop(true);
        Self::start(&mut command, control)
    }

    fn start(command: &mut Command, control: &Path) -> Self {
        let mut process = command
            .args(["--admin", "127.0.0.1:0", "--control"])
            .arg(control)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, log }
    }

    /// The address in the next line of the log with this message.
    async fn address_of(&mut self, message: &str) -> std::net::SocketAddr {
        let line = self.line_with(&format!("\"message\":\"{message}\"")).await;
        let (_, rest) = line.split_once("\"address\":\"").unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    }

    async fn line_with(&mut self, text: &str) -> String {
        let reading = async {
            loop {
                let line = self
                    .log
                    .next_line()
                    .await
                    .unwrap()
                    .expect("the log has ended");
                if line.contains(text) {
                    break line;
                }
            }
        };
        timeout(PATIENCE, reading).await.unwrap()
    }

    fn signal(&self) {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        let process = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    }

    async fn ends_well(mut self) {
        let status = timeout(PATIENCE, self.process.wait())
            .await
            .unwrap()
            .unwrap();
        assert!(status.success(), "{status}");
    }
}

/// The digest of the configuration as it is written.
fn digest_of(folder: &Folder) -> Digest {
    Digest::of(&std::fs::read(folder.path().join("endpoint.json")).unwrap())
}

async fn output(command: &mut Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_folder_that_cannot_be_served_is_a_clear_error() {
    let folder = Folder::new();
    folder.write("endpoint.json", br#"{"version": 1, "colour": "blue"}"#);

    let output = output(program().arg("serve").arg(folder.path())).await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    for part in [
        "cannot be served",
        "endpoint.json",
        "unknown field `colour`",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_a_clear_error() {
    let output = output(program().args(["serve", "/nonexistent/folder"])).await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("/nonexistent/folder/endpoint.json cannot be read"),
        "{error}"
    );
    assert!(error.contains("No such file or directory"), "{error}");
}

#[tokio::test]
async fn files_of_two_moments_are_waited_for() {
    let folder = Folder::new();
    let users = folder.path().join("users/00.json");
    std::fs::write(&users, "{\"users\": {}}").unwrap();
    let mut gateway = Gateway::serve(&folder, &folder.beside("control"));
    gateway
        .line_with("users/00.json does not have the digest")
        .await;
    std::fs::remove_file(&users).unwrap();
    gateway.line_with("users/00.json is missing").await;

    folder.render();

    let address = gateway.address_of("listening").await;
    assert_eq!(Visitor::arrive(address).await.greeting().await, "SSH-2.0-");
}

#[tokio::test]
async fn a_signal_ends_the_wait_for_files() {
    let folder = Folder::new();
    std::fs::remove_file(folder.path().join("host-keys/ed25519")).unwrap();
    let mut gateway = Gateway::serve(&folder, &folder.beside("control"));
    gateway.line_with("host-keys has no key").await;

    gateway.signal();

    gateway.ends_well().await;
}

#[tokio::test]
async fn drain_returns_when_the_gateway_is_empty_and_a_signal_then_ends_it() {
    let folder = Folder::new();
    let control = folder.beside("control");
    let mut gateway = Gateway::serve(&folder, &control);
    let address = gateway.address_of("listening").await;
    let admin = gateway.address_of("admin port").await;
    let mode = std::fs::metadata(&control).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut guest = Visitor::arrive(address).await;
    guest.greeting().await;
    assert!(read(admin, "/readyz").await.starts_with("HTTP/1.1 200 "));
    let served = read(admin, "/served").await;
    assert!(
        served.contains("Content-Type: application/json\r\n"),
        "{served}"
    );
    let digest = digest_of(&folder);
    let expected = format!(r#"{{"configuration":"{digest}","listeners":{{"sftp":{{}}}}}}"#);
    assert!(served.ends_with(&expected), "{served}");

    let drained = output(program().args(["drain", "--control"]).arg(&control)).await;

    assert!(drained.status.success());
    assert!(
        String::from_utf8(drained.stdout)
            .unwrap()
            .starts_with("waiting for ")
    );
    assert!(read(admin, "/livez").await.starts_with("HTTP/1.1 200 "));
    assert!(read(admin, "/readyz").await.starts_with("HTTP/1.1 503 "));
    gateway.signal();
    gateway.ends_well().await;
    assert!(is_absent(&control));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut folder = Folder::new();
    folder.change(|endpoint| endpoint.drain_seconds = 3600);
    let mut gateway = Gateway::serve(&folder, &folder.beside("control"));
    gateway.address_of("admin port").await;

    gateway.signal();
    gateway.signal();

    gateway.ends_well().await;
}

#[tokio::test]
async fn drain_without_a_gateway_is_a_clear_error() {
    let folder = Folder::new();
    let control = folder.beside("control");

    let output = output(program().args(["drain", "--control"]).arg(&control)).await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("no gateway answers at the control socket"),
        "{error}"
    );
    assert!(error.contains(&control.display().to_string()), "{error}");
}

#[tokio::test]
async fn host_keys_that_do_not_fit_the_policy_are_a_clear_error() {
    let folder = Folder::new();
    std::fs::remove_file(folder.path().join("host-keys/ed25519")).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"]);
    let made = output(keygen.arg(folder.path().join("host-keys/rsa"))).await;
    assert!(made.status.success());

    let output = output(program().arg("serve").arg(folder.path())).await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("no host key fits the policy Modern; it needs an Ed25519 key"),
        "{error}"
    );
}

#[tokio::test]
async fn a_control_socket_that_was_left_behind_is_replaced_and_nothing_else_is() {
    let folder = Folder::new();
    let left_behind = folder.beside("left-behind");
    drop(std::os::unix::net::UnixListener::bind(&left_behind).unwrap());
    let mut gateway = Gateway::serve(&folder, &left_behind);
    gateway.address_of("admin port").await;

    let other = folder.beside("file");
    std::fs::write(&other, "precious").unwrap();
    let error = output(
        program()
            .arg("serve")
            .arg(folder.path())
            .arg("--control")
            .arg(&other),
    )
    .await;
    assert!(
        String::from_utf8(error.stderr)
            .unwrap()
            .contains("not a socket; remove it")
    );
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");

    let second = output(
        program()
            .arg("serve")
            .arg(folder.path())
            .arg("--control")
            .arg(&left_behind),
    )
    .await;
    assert!(
        String::from_utf8(second.stderr)
            .unwrap()
            .contains("another gateway uses")
    );
}

#[tokio::test]
async fn a_control_socket_in_a_folder_that_is_missing_is_a_clear_error() {
    let folder = Folder::new();

    let control = folder.beside("missing/control");
    let output = output(
        program()
            .arg("serve")
            .arg(folder.path())
            .arg("--control")
            .arg(&control),
    )
    .await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("cannot be made; does its folder exist"),
        "{error}"
    );
}

/// More than a gateway with 64 open files can take.
const CROWD: usize = 100;

fn for_a_crowd() -> Folder {
    let mut folder = Folder::new();
    folder.change(|endpoint| {
        endpoint.limits.half_open = 1000;
        endpoint.limits.connections_per_address = 1000;
    });
    folder
}

#[tokio::test]
async fn out_of_open_files_it_waits_and_serves_again_when_some_have_left() {
    let folder = for_a_crowd();
    let mut gateway = Gateway::serve_with("ulimit -n 64", &folder, &folder.beside("control"));
    let address = gateway.address_of("listening").await;
    gateway.address_of("admin port").await;

    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Visitor::arrive(address).await);
    }
    gateway.line_with("cannot accept connections").await;
    drop(crowd);

    assert_eq!(Visitor::arrive(address).await.greeting().await, "SSH-2.0-");
}

#[tokio::test]
async fn a_low_soft_limit_of_open_files_is_raised() {
    let folder = for_a_crowd();
    let mut gateway = Gateway::serve_with("ulimit -S -n 64", &folder, &folder.beside("control"));
    let address = gateway.address_of("listening").await;
    gateway.address_of("admin port").await;

    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut visitor = Visitor::arrive(address).await;
        visitor.greeting().await;
        crowd.push(visitor);
    }
}
