//! What is not served is refused at once, with an answer.

use std::{fs, os::unix::fs::symlink, time::Duration};

use anyhow::Result;
use e2e::{
    clients::openssh::{remote, run_sftp, scp, ssh, with_password},
    gateway::Gateway,
    program::{Program, run},
    setup::{PASSWORD, Setup, User},
};

/// Refused at once means: long before any time-out of a server or client.
const AT_ONCE: Duration = Duration::from_secs(30);

#[test]
fn the_right_password_opens_the_account() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;

    run(&mut with_password(
        gateway.place(),
        PASSWORD,
        &["-s", "sftp"],
    )?)?
    .success()?;
    Ok(())
}

#[test]
fn a_wrong_password_is_refused() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;

    let said = run(&mut with_password(
        gateway.place(),
        "wrong",
        &["-s", "sftp"],
    )?)?
    .failure()?;

    assert!(said.contains("Permission denied"), "{said}");
    Ok(())
}

#[test]
fn an_unknown_user_gets_the_answer_of_a_wrong_password() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let stranger = gateway.place().as_user("nobody-here");

    let wrong = run(&mut with_password(
        gateway.place(),
        "wrong",
        &["-s", "sftp"],
    )?)?
    .failure()?;
    let unknown = run(&mut with_password(&stranger, "wrong", &["-s", "sftp"])?)?.failure()?;

    assert_eq!(unknown.replace("nobody-here", "alice"), wrong);
    Ok(())
}

#[test]
fn a_command_a_shell_and_a_terminal_are_refused_at_once() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;

    for (options, remote) in [(&[][..], &["id"][..]), (&[], &[]), (&["-tt"], &[])] {
        let session = Program::start(&mut ssh(gateway.place(), options, remote), b"")?;
        let said = session.end_within(AT_ONCE)?.failure()?;
        assert!(!said.contains("uid="), "{said}");
    }
    Ok(())
}

#[test]
fn a_forwarded_port_leads_nowhere() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let place = gateway.place();
    // -W is what -L does for each connection, without a port to listen on.
    let target = place.address.to_string();

    let said = Program::start(&mut ssh(place, &["-W", &target], &[]), b"")?
        .end_within(AT_ONCE)?
        .failure()?;

    assert!(
        said.contains("administratively prohibited") || said.contains("forwarding"),
        "{said}"
    );
    Ok(())
}

/// `forward` makes ssh listen, and curl sends a request through it: it must fail, and the session stays.
fn check_no_way_through(forward: &str, curl: &[&str]) -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let place = gateway.place();
    // The channel must stay open while curl tries, so the session runs the one thing that is served.
    let options = ["-o", "ExitOnForwardFailure=yes", forward, "-s"];
    let mut session = Program::start_with_pipe(&mut ssh(place, &options, &["sftp"]))?;
    let input = session.input()?;
    e2e::wait::until("the forwarding client", || {
        session.ensure_running()?;
        let listens = fs::read_to_string("/proc/net/tcp")?;
        Ok(listens.contains(&listening(forward)?).then_some(()))
    })?;

    let mut through = std::process::Command::new("curl");
    run(through.args(["-sS", "--max-time", "20"]).args(curl))?.failure()?;

    session.ensure_running()?;
    drop(input);
    Ok(())
}

/// The local address of `-LADDRESS:PORT:…` or `-DADDRESS:PORT` as /proc/net/tcp writes it.
fn listening(forward: &str) -> Result<String> {
    let mut parts = forward.split_at(2).1.split(':');
    let (address, port) = (parts.next().unwrap(), parts.next().unwrap());
    let address = u32::from_ne_bytes(address.parse::<std::net::Ipv4Addr>()?.octets());
    Ok(format!(
        "{address:08X}:{:04X} 00000000:0000 0A",
        port.parse::<u16>()?
    ))
}

#[test]
fn a_local_forward_carries_nothing() -> Result<()> {
    let here = e2e::loopback::unused()?;
    let there = std::net::TcpListener::bind(e2e::loopback::unused()?)?;
    let forward = format!("-L{}:{}:{}", here.ip(), here.port(), there.local_addr()?);

    check_no_way_through(&forward, &[&format!("http://{here}/")])?;

    there.set_nonblocking(true)?;
    assert!(there.accept().is_err(), "the gateway has connected");
    Ok(())
}

#[test]
fn a_dynamic_forward_carries_nothing() -> Result<()> {
    let here = e2e::loopback::unused()?;
    let there = std::net::TcpListener::bind(e2e::loopback::unused()?)?;
    let forward = format!("-D{}:{}", here.ip(), here.port());
    let proxy = format!("socks5://{here}");

    check_no_way_through(
        &forward,
        &[
            "--proxy",
            &proxy,
            &format!("http://{}/", there.local_addr()?),
        ],
    )?;

    there.set_nonblocking(true)?;
    assert!(there.accept().is_err(), "the gateway has connected");
    Ok(())
}

#[test]
fn a_remote_forward_is_refused() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let options = ["-o", "ExitOnForwardFailure=yes", "-R0:127.0.0.1:1", "-N"];

    let said = Program::start(&mut ssh(gateway.place(), &options, &[]), b"")?
        .end_within(AT_ONCE)?
        .failure()?;

    assert!(said.contains("remote port forwarding failed"), "{said}");
    Ok(())
}

#[test]
fn the_old_protocol_of_scp_is_refused() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");
    fs::write(&local, "contents")?;

    let mut copy = scp(gateway.place(), &["-O"]);
    copy.arg(&local).arg(remote(gateway.place(), "copied"));
    Program::start(&mut copy, b"")?
        .end_within(AT_ONCE)?
        .failure()?;

    assert!(!gateway.on_volume("copied").exists());
    Ok(())
}

#[test]
fn no_path_leads_out_of_the_users_root() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    fs::write(gateway.volume().join("secret"), "another user's")?;
    symlink("/etc", gateway.on_volume("absolute"))?;
    symlink(
        "../../../../../../../../../../etc",
        gateway.on_volume("relative"),
    )?;
    symlink("../secret", gateway.on_volume("neighbour"))?;

    for path in [
        "../secret",
        "/../secret",
        "absolute/passwd",
        "relative/passwd",
        "neighbour",
        "/etc/passwd",
        "x/../../secret",
    ] {
        let back = gateway.desk()?.join("stolen");
        run_sftp(gateway.place(), format!("get {path} {}\n", back.display()))?.failure()?;
        assert!(!back.exists(), "{path}");
    }
    Ok(())
}

#[test]
fn a_link_made_by_the_client_leads_no_further() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let back = gateway.desk()?.join("stolen");

    let batch = format!("-symlink /etc/passwd link\n-get link {}\n", back.display());
    run_sftp(gateway.place(), batch)?;

    assert!(!back.exists());
    Ok(())
}

#[test]
fn a_read_only_user_changes_nothing() -> Result<()> {
    let reader = User {
        name: "reader",
        permissions: Some("List, Read"),
        require_tls: false,
    };
    let gateway = Gateway::start(Setup {
        users: vec![reader],
        ..Setup::default()
    })?;
    let local = gateway.desk()?.join("local");
    fs::write(&local, "contents")?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    fs::write(gateway.on_volume("there"), "before")?;
    fs::create_dir(gateway.on_volume("folder"))?;

    for attempt in [
        format!("put {} new", local.display()),
        format!("put {} there", local.display()),
        format!("reput {} there", local.display()),
        "rm there".to_owned(),
        "rename there elsewhere".to_owned(),
        "mkdir more".to_owned(),
        "rmdir folder".to_owned(),
        "chmod 777 there".to_owned(),
        "symlink there link".to_owned(),
        "ln there hard".to_owned(),
    ] {
        let said = run_sftp(gateway.place(), format!("{attempt}\n"))?.failure()?;
        assert!(
            said.to_lowercase().contains("permission denied"),
            "{attempt}: {said}"
        );
    }

    let mut names: Vec<_> = fs::read_dir(gateway.on_volume(""))?
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["folder", "there"]);
    assert_eq!(fs::read(gateway.on_volume("there"))?, b"before");
    run_sftp(
        gateway.place(),
        format!("get there {}\n", gateway.desk()?.join("back").display()),
    )?
    .success()?;
    Ok(())
}
