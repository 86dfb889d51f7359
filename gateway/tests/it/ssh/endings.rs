//! How sessions end that the client does not end itself.

use std::process::Stdio;

use gateway::drain::Arrivals;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use super::{
    fixture::{Gateway, PATIENCE, unchanged},
    relay::Relay,
    window::{Sftp, log_in_at, packet, read},
};

const MIB: usize = 1024 * 1024;

fn write(id: u32, handle: &[u8], offset: u64, data: &[u8]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(&u32::try_from(handle.len()).unwrap().to_be_bytes());
    body.extend_from_slice(handle);
    body.extend_from_slice(&offset.to_be_bytes());
    body.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
    body.extend_from_slice(data);
    packet(6, &body)
}

fn create(id: u32, name: &str) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(&u32::try_from(name.len()).unwrap().to_be_bytes());
    body.extend_from_slice(name.as_bytes());
    // To write, to be created, and no attributes.
    body.extend_from_slice(&[0, 0, 0, 0x0a, 0, 0, 0, 0]);
    packet(3, &body)
}

fn close(id: u32, handle: &[u8]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(&u32::try_from(handle.len()).unwrap().to_be_bytes());
    body.extend_from_slice(handle);
    packet(4, &body)
}

/// `ssh -s … sftp`: whoever holds its standard input speaks SFTP.
fn spawn_subsystem(gateway: &Gateway) -> (Child, ChildStdin) {
    let mut ssh = gateway.openssh("ssh");
    let mut running = ssh
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .arg("-s")
        .arg(format!("alice@{}", gateway.address.ip()))
        .arg("sftp")
        .spawn()
        .unwrap();
    let stdin = running.stdin.take().unwrap();
    (running, stdin)
}

/// The same after its first two packets: the version has been agreed on.
async fn start_sftp(gateway: &Gateway) -> (Child, ChildStdin, ChildStdout) {
    let (mut running, mut stdin) = spawn_subsystem(gateway);
    let mut stdout = running.stdout.take().unwrap();
    stdin.write_all(&packet(1, &[0, 0, 0, 3])).await.unwrap();
    next_packet(&mut stdout).await;
    (running, stdin, stdout)
}

async fn next_packet(stdout: &mut ChildStdout) -> Vec<u8> {
    let length = stdout.read_u32().await.unwrap();
    let mut packet = vec![0; usize::try_from(length).unwrap()];
    stdout.read_exact(&mut packet).await.unwrap();
    packet
}

/// What it says on standard error before it ends.
async fn last_words(running: Child) -> String {
    let output = timeout(PATIENCE, running.wait_with_output())
        .await
        .expect("the session goes on")
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_time_is_over_a_client_that_has_stalled_is_cut() {
    let gateway = Gateway::start(unchanged).await;
    std::fs::write(gateway.volume().join("file"), vec![7; MIB]).unwrap();
    let mut relay = Relay::start(gateway.address).await;
    let client = log_in_at(&gateway, relay.address, 1 << 30).await;
    let mut sftp = Sftp::start(&client).await;
    let handle = sftp.open("file").await;
    relay.withhold();
    for id in 0..1000 {
        sftp.say(&read(id, &handle, 0, 32_768)).await;
    }

    gateway.drain.start(PATIENCE, Arrivals::Refuse);
    gateway.drain.end();

    // Whatever the client says next finds nobody.
    let talking = async {
        loop {
            if sftp
                .channel
                .data(&b"\0\0\0\x05\x11\0\0\0\0"[..])
                .await
                .is_err()
            {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = relay.ended.wait_for(|ended| *ended);
    tokio::select! {
        () = talking => {}
        ended = timeout(PATIENCE, ended) => {
            ended.expect("the connection is still there").unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_a_transfer_and_then_says_goodbye() {
    let gateway = Gateway::start(unchanged).await;
    let (running, mut stdin, mut stdout) = start_sftp(&gateway).await;
    stdin.write_all(&create(1, "file")).await.unwrap();
    let handle = next_packet(&mut stdout).await[9..].to_vec();
    stdin
        .write_all(&write(2, &handle, 0, b"first"))
        .await
        .unwrap();
    next_packet(&mut stdout).await;

    gateway.drain.start(PATIENCE, Arrivals::Refuse);
    let mut rest = write(3, &handle, 5, b" and last");
    rest.extend(close(4, &handle));
    stdin.write_all(&rest).await.unwrap();
    let err = last_words(running).await;

    assert_eq!(
        std::fs::read(gateway.volume().join("file")).unwrap(),
        b"first and last",
        "{err}"
    );
    assert!(err.contains("This gateway is stopping"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_arrives_in_a_drain_that_serves_finishes_before_the_goodbye() {
    let gateway = Gateway::start(unchanged).await;
    gateway.drain.start(PATIENCE, Arrivals::Serve);

    let (running, mut stdin, mut stdout) = start_sftp(&gateway).await;
    stdin.write_all(&create(1, "file")).await.unwrap();
    let handle = next_packet(&mut stdout).await[9..].to_vec();
    let mut rest = write(2, &handle, 0, b"late");
    rest.extend(close(3, &handle));
    stdin.write_all(&rest).await.unwrap();
    next_packet(&mut stdout).await;
    next_packet(&mut stdout).await;
    let err = last_words(running).await;

    let file = std::fs::read(gateway.volume().join("file")).unwrap();
    assert_eq!(file, b"late", "{err}");
    assert!(err.contains("This gateway is stopping"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_no_sftp_is_told_so() {
    let gateway = Gateway::start(unchanged).await;
    let (running, mut stdin, _stdout) = start_sftp(&gateway).await;

    stdin.write_all(&[0x7f, 0xff, 0xff, 0xff]).await.unwrap();

    let output = timeout(PATIENCE, running.wait_with_output())
        .await
        .expect("the session goes on")
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("the client does not speak SFTP"), "{err}");
    assert!(err.contains("2147483647"), "{err}");
    assert_eq!(output.status.code(), Some(1), "{err}");
}

#[tokio::test]
async fn who_speaks_no_sftp_from_the_first_byte_is_told_so() {
    let gateway = Gateway::start(unchanged).await;
    let (running, mut stdin) = spawn_subsystem(&gateway);

    // What is sent so early may have to wait for the user's files; the end of input does not overtake it.
    stdin.write_all(&[0x7f, 0xff, 0xff, 0xff]).await.unwrap();
    drop(stdin);

    let output = timeout(PATIENCE, running.wait_with_output())
        .await
        .expect("the session goes on")
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("2147483647"), "{err}");
    assert_eq!(output.status.code(), Some(1), "{err}");
}

#[tokio::test]
async fn who_has_said_nothing_does_not_hold_up_a_drain() {
    let gateway = Gateway::start(|endpoint| endpoint.limits.login_seconds = 3600).await;
    let mut silent = TcpStream::connect(gateway.address).await.unwrap();
    silent.read_u8().await.unwrap();

    gateway.drain.start(PATIENCE, Arrivals::Refuse);

    let mut rest = Vec::new();
    timeout(PATIENCE / 2, silent.read_to_end(&mut rest))
        .await
        .expect("the connection is still there")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_silent_too_long_is_told_and_sent_away() {
    let gateway = Gateway::start(|endpoint| endpoint.limits.idle_seconds = 1).await;
    let (running, _silent) = spawn_subsystem(&gateway);

    let err = last_words(running).await;

    assert!(err.contains("idle for too long"), "{err}");
}
