//! Whatever is not SFTP is refused at once, and clients say why.

use gateway::drain::Arrivals;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::fixture::{Gateway, PATIENCE, Said, said, unchanged};
use std::time::Duration;

const EXPLANATION: &str = "This service speaks SFTP only";

#[tokio::test]
async fn a_shell_is_refused_with_an_explanation() {
    let gateway = Gateway::start(unchanged).await;

    let Said { code, err, .. } = gateway.ssh(&[], &[]).await;

    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(EXPLANATION), "{err}");
}

#[tokio::test]
async fn a_command_is_refused_with_an_explanation() {
    let gateway = Gateway::start(unchanged).await;

    let Said { code, out, err } = gateway.ssh(&[], &["id"]).await;

    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains(EXPLANATION), "{err}");
}

#[tokio::test]
async fn a_terminal_is_refused() {
    let gateway = Gateway::start(unchanged).await;

    let Said { code, err, .. } = gateway.ssh(&["-tt"], &[]).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("PTY allocation request failed"), "{err}");
}

#[tokio::test]
async fn the_old_scp_protocol_is_refused_with_an_explanation() {
    let gateway = Gateway::start(unchanged).await;
    let target = format!("alice@{}:", gateway.address.ip());

    let mut scp = gateway.openssh("scp");
    scp.args(["-O", "/etc/hostname", &target]);
    let Said { code, err, .. } = said(scp).await;

    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(EXPLANATION), "{err}");
}

#[tokio::test]
async fn another_subsystem_is_refused() {
    let gateway = Gateway::start(unchanged).await;

    let Said { code, err, .. } = gateway.ssh(&["-s"], &["netconf"]).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("subsystem request failed"), "{err}");
}

#[tokio::test]
async fn a_tunnel_to_another_host_is_refused() {
    let gateway = Gateway::start(unchanged).await;

    let Said { code, err, .. } = gateway.ssh(&["-W", "127.0.0.1:9"], &[]).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("administratively prohibited"), "{err}");
}

#[tokio::test]
async fn a_remote_forward_is_refused() {
    let gateway = Gateway::start(unchanged).await;

    for forward in ["0:127.0.0.1:9", "/tmp/never:127.0.0.1:9"] {
        let arguments = ["-N", "-R", forward, "-o", "ExitOnForwardFailure=yes"];
        let Said { code, err, .. } = gateway.ssh(&arguments, &[]).await;

        assert_eq!(code, Some(255), "{err}");
        assert!(
            err.contains("remote port forwarding failed") || err.contains("remote forward failure"),
            "{err}"
        );
    }
}

#[tokio::test]
async fn agent_x11_and_environment_are_refused_and_nothing_hangs() {
    let gateway = Gateway::start(unchanged).await;

    let arguments = [
        "-A",
        "-X",
        "-o",
        "SetEnv=LANG=C",
        "-o",
        "ForwardX11Trusted=yes",
    ];
    let Said { code, err, .. } = gateway.ssh(&arguments, &["id"]).await;

    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(EXPLANATION), "{err}");
}

#[tokio::test]
async fn a_draining_gateway_says_so_at_the_door() {
    let gateway = Gateway::start(unchanged).await;
    gateway
        .drain
        .start(Duration::from_mins(10), Arrivals::Refuse);

    let Said { code, err, .. } = gateway.ssh(&[], &["id"]).await;

    assert_eq!(code, Some(255), "{err}");
    assert!(err.contains("This gateway is stopping"), "{err}");
}

/// What the gateway sends to somebody who sends this, until it hangs up.
async fn answer_to(gateway: &Gateway, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    // The gateway may have hung up before everything is written.
    let _written = stream.write_all(bytes).await.is_ok();
    let mut answer = Vec::new();
    let heard = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _closed_or_reset = heard.expect("the gateway keeps the connection").is_ok();
    answer
}

#[tokio::test]
async fn garbage_before_the_banner_is_answered_and_ends_the_connection() {
    let gateway = Gateway::start(unchanged).await;

    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, b'\n'],
        &[b'A'; 4096],
    ] {
        let answer = answer_to(&gateway, garbage).await;

        assert_eq!(
            answer,
            b"SSH-2.0-secureftp\r\nInvalid SSH identification string.\r\n"
        );
    }
}

#[tokio::test]
async fn a_packet_that_claims_to_be_huge_ends_the_connection() {
    let gateway = Gateway::start(unchanged).await;

    let answer = answer_to(&gateway, b"SSH-2.0-x\r\n\xff\xff\xff\xff0123456789abcdef").await;

    assert!(answer.starts_with(b"SSH-2.0-secureftp\r\n"));
}

#[tokio::test]
async fn a_client_that_never_speaks_is_gone_after_the_login_time() {
    let gateway = Gateway::start(|endpoint| endpoint.limits.login_seconds = 1).await;

    let silent = answer_to(&gateway, b"").await;

    assert_eq!(silent, b"SSH-2.0-secureftp\r\n");
}
