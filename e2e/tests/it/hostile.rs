//! Bytes that no client sends: answered or cut off, and nobody else notices.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::Result;
use e2e::{clients::openssh::run_sftp, gateway::Gateway, raw::Raw, setup::Setup, wait::PATIENCE};

/// Sends these bytes instead of a client's first; the server closes the connection and goes on.
fn check_is_cut_off(bytes: &[u8]) -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let mut stream = TcpStream::connect(gateway.place().address)?;
    stream.set_read_timeout(Some(PATIENCE))?;

    // The server may have closed before all of it is written.
    stream.write_all(bytes).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();

    assert!(
        answer.is_empty() || answer.starts_with(b"SSH-2.0-"),
        "{answer:?}"
    );
    run_sftp(gateway.place(), "ls\n")?.success()?;
    Ok(())
}

#[test]
fn garbage_before_the_banner_ends_the_connection() -> Result<()> {
    check_is_cut_off(&b"\x00\xff garbage \r\n".repeat(10_000))
}

#[test]
fn a_web_browser_is_sent_away() -> Result<()> {
    check_is_cut_off(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
fn an_over_long_ssh_packet_ends_the_connection() -> Result<()> {
    let mut bytes = b"SSH-2.0-story\r\n".to_vec();
    bytes.extend([0xff, 0xff, 0xff, 0xf0, 4, 20]);
    bytes.extend([0; 64]);
    check_is_cut_off(&bytes)
}

#[test]
fn a_half_open_key_exchange_holds_up_nobody() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let half_open = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(gateway.place().address)?;
            stream.write_all(b"SSH-2.0-story\r\n\x00\x00\x01")?;
            Ok(stream)
        })
        .collect::<Result<Vec<_>>>()?;

    run_sftp(gateway.place(), "ls\n")?.success()?;

    assert_eq!(half_open.len(), 40);
    Ok(())
}

#[test]
fn an_over_long_sftp_packet_ends_the_session_and_no_other() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let mut client = Raw::open(gateway.place())?;

    client.write(&[0x7f, 0xff, 0xff, 0xff, 5, 0, 0, 0, 1])?;

    e2e::wait::until("the end of the session", || {
        Ok((!client.program().is_running()?).then_some(()))
    })?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    Ok(())
}
