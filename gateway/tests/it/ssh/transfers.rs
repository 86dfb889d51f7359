//! Bytes arrive as they were sent, with clients of every temper.

use std::{io::Write as _, path::Path, process::Stdio};

use gateway_config::SshPolicy;
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::fixture::{Gateway, Said, said, unchanged};

const MIB: usize = 1024 * 1024;

/// Bytes in which no two places look alike.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::File::create(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

/// `sftp` with these arguments and this batch of commands.
async fn sftp(gateway: &Gateway, arguments: &[&str], batch: &str) -> Said {
    let mut sftp = gateway.openssh("sftp");
    let file = gateway.folder.path().join("batch");
    write(&file, batch.as_bytes());
    sftp.args(arguments)
        .arg("-b")
        .arg(file)
        .arg(format!("alice@{}", gateway.address.ip()));
    said(sftp).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_up_comes_down() {
    let gateway = Gateway::start(unchanged).await;
    let bytes = noise(64 * MIB + 12345);
    let here = gateway.folder.path();
    write(&here.join("up"), &bytes);

    let batch = format!("put {0}/up file\nget file {0}/down\n", here.display());
    let Said { code, err, .. } = sftp(&gateway, &[], &batch).await;

    assert_eq!(code, Some(0), "{err}");
    assert!(std::fs::read(here.join("down")).unwrap() == bytes);
    assert!(std::fs::read(gateway.volume().join("file")).unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_requests_at_once_do_not_lock_up() {
    let gateway = Gateway::start(unchanged).await;
    let bytes = noise(64 * MIB);
    let here = gateway.folder.path();
    write(&gateway.volume().join("file"), &bytes);

    let down = format!("get file {}/down\n", here.display());
    let got = sftp(&gateway, &["-R", "1024", "-B", "262144"], &down).await;
    // The client itself refuses to send packets of more than 256 KiB.
    let up = format!("put {}/down again\n", here.display());
    let put = sftp(&gateway, &["-R", "1024", "-B", "261120"], &up).await;

    assert_eq!(got.code, Some(0), "{}", got.err);
    assert_eq!(put.code, Some(0), "{}", put.err);
    assert!(std::fs::read(here.join("down")).unwrap() == bytes);
    assert!(std::fs::read(gateway.volume().join("again")).unwrap() == bytes);
}

/// paramiko sends every request of a file before it reads the first answer; the file is larger than its window of 2 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_for_everything_first_gets_everything() {
    // Debian's paramiko knows no cipher that is modern.
    let gateway = Gateway::start(|endpoint| endpoint.ssh.policy = SshPolicy::Intermediate).await;
    let bytes = noise(6 * MIB);
    let here = gateway.folder.path();
    write(&gateway.volume().join("file"), &bytes);

    let mut python = Command::new("/usr/bin/python3");
    python
        .arg("-c")
        .arg(
            "import paramiko, sys\n\
             host, port, folder = sys.argv[1:]\n\
             transport = paramiko.Transport((host, int(port)))\n\
             key = paramiko.Ed25519Key.from_private_key_file(folder + '/id')\n\
             transport.connect(username='alice', pkey=key)\n\
             sftp = paramiko.SFTPClient.from_transport(transport)\n\
             sftp.get('file', folder + '/down')\n\
             transport.close()\n",
        )
        .arg(gateway.address.ip().to_string())
        .arg(gateway.address.port().to_string())
        .arg(here)
        .kill_on_drop(true);
    let Said { code, err, .. } = said(python).await;

    assert_eq!(code, Some(0), "{err}");
    assert!(std::fs::read(here.join("down")).unwrap() == bytes);
}

/// The end of its input is how `ssh -s` says that it is done.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_input_ends_the_channel_with_success() {
    let gateway = Gateway::start(unchanged).await;
    let mut ssh = gateway.openssh("ssh");
    ssh.args(["-s", "alice@127.0.0.1", "sftp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut ssh = ssh.spawn().unwrap();

    let init = [0, 0, 0, 5, 1, 0, 0, 0, 3];
    let mut stdin = ssh.stdin.take().unwrap();
    stdin.write_all(&init).await.unwrap();
    drop(stdin);
    let ended = ssh.wait_with_output().await.unwrap();

    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stdout.get(4), Some(&2), "no VERSION");
}
