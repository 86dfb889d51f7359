//! Gateways come and go, and users are hired, while others work.

use std::{net::TcpStream, time::Instant};

use anyhow::Result;
use e2e::{
    clients::{ftp::ftplib::run_ftplib, openssh::run_sftp},
    door::Start,
    figures,
    idle::Idle,
    place::Place,
    wait::until,
};

use crate::{
    endpoint::{self, Endpoint, NAME},
    installation,
};

#[test]
fn a_gateway_that_was_deleted_comes_back_behind_its_ports() -> Result<()> {
    let story = "a gateway that was deleted comes back behind its ports";
    let Some(stage) = installation::open(story, &[])? else {
        return Ok(());
    };
    let endpoint = Endpoint::serve(stage, "deleted", 2)?;
    let uid = || {
        let path = "jsonpath={.metadata.uid}";
        endpoint.namespace.ask(&[
            "get",
            "pod",
            "files-1-0",
            "--ignore-not-found",
            "--output",
            path,
        ])
    };
    let ports_before = ports(&endpoint)?;
    let before = uid()?;

    endpoint.namespace.ask(&["delete", "pod", "files-1-0"])?;
    until("another pod", || {
        let now = uid()?;
        Ok((!now.is_empty() && now != before).then_some(()))
    })?;
    let ready = [
        "wait",
        "--for=condition=Ready",
        "--timeout=4m",
        "pod/files-1-0",
    ];
    endpoint.namespace.ask(&ready)?;

    until("a status that tells of both gateways", || {
        Ok((ports(&endpoint)? == ports_before).then_some(()))
    })?;
    // Its second half belongs to the gateway that was away.
    let script = r#"
for number in range(16):
    client = Resuming()
    client.write(f"file-{number}", b"content")
    assert client.read(f"file-{number}") == b"content"
    client.quit()
"#;
    let is_open = |port| TcpStream::connect((endpoint.address, port)).is_ok();
    until("the ports of the new gateway", || {
        let are_open = stage.from_outside(|| Ok((30016..30032).all(is_open)))?;
        Ok(are_open.then_some(()))
    })?;
    stage.from_outside(|| run_ftplib(&endpoint.door(Start::Explicit), script, &[])?.success())?;
    until("a login at the new gateway", || {
        stage.from_outside(|| run_sftp(&endpoint.place(), "ls\n")?.success())?;
        let logins = endpoint.logins()?;
        Ok(logins.get("files-1-0").filter(|count| **count > 0).copied())
    })?;
    Ok(())
}

/// Which ports belong to which gateway, as status tells.
fn ports(endpoint: &Endpoint<'_>) -> Result<String> {
    endpoint.namespace.ask(&[
        "get",
        "secureftpendpoint",
        NAME,
        "--output",
        "jsonpath={.status.passiveAllocations}",
    ])
}

#[test]
fn a_user_is_added_and_disabled_without_a_restart() -> Result<()> {
    let story = "a user is added and disabled without a restart";
    let Some(stage) = installation::open(story, &[])? else {
        return Ok(());
    };
    let endpoint = Endpoint::serve(stage, "hired", 2)?;
    let pods = || {
        let path = "jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount} {end}";
        endpoint.namespace.ask(&["get", "pods", "--output", path])
    };
    let before = pods()?;
    let bob = Place {
        user: "bob".to_owned(),
        ..endpoint.place()
    };
    let try_to_log_in = || stage.from_outside(|| Ok(run_sftp(&bob, "ls\n")?.status.success()));
    assert!(!try_to_log_in()?);

    let public_key = std::fs::read_to_string(bob.key.with_extension("pub"))?;
    endpoint::add_user(&endpoint.namespace, "bob", public_key.trim())?;

    let added = Instant::now();
    // So many that each gateway has some.
    let sessions = until("bob's sessions", || {
        stage.from_outside(|| Ok(Idle::open(&bob, 6).ok()))
    })?;
    let logged_in = added.elapsed();
    let others = stage.from_outside(|| Idle::open(&endpoint.place(), 6))?;

    let disabled = r#"{"spec": {"disabled": true}}"#;
    let patch = [
        "patch",
        "secureftpuser",
        "bob",
        "--type=merge",
        "--patch",
        disabled,
    ];
    endpoint.namespace.ask(&patch)?;

    let patched = Instant::now();
    until("the end of bob's sessions", || {
        Ok((sessions.alive() == 0).then_some(()))
    })?;
    let told = format!(
        "login after {logged_in:.1?}, sessions ended after {:.1?}",
        patched.elapsed()
    );
    figures::tell("a user is added, and disabled", &told)?;
    assert!(!try_to_log_in()?);
    assert_eq!(others.alive(), 6, "others are left alone");
    assert_eq!(pods()?, before);
    assert!(before.ends_with(" 0"), "{before}");
    Ok(())
}
