//! Stopping: arrivals learn why, transfers finish, whoever insists is obeyed.

use std::{fs, os::unix::process::ExitStatusExt as _, path::Path, thread};

use anyhow::Result;
use e2e::{
    clients::openssh::{run_sftp, sftp_with},
    files::{self, MIB},
    gateway::Gateway,
    program::Program,
    setup::Setup,
    wait::until,
};
use rustix::process::Signal;

/// An upload that takes some seconds, and has begun.
fn begin_upload(gateway: &Gateway, local: &Path) -> Result<Program> {
    files::make(local, 24 * MIB)?;
    let mut sftp = sftp_with(gateway.place(), &["-l", "40000"]);
    let upload = Program::start(
        &mut sftp,
        format!("put {} slow.bin\n", local.display()).as_bytes(),
    )?;
    until("the first bytes on the volume", || {
        let length =
            fs::metadata(gateway.on_volume("slow.bin")).map_or(0, |metadata| metadata.len());
        Ok((length > 0).then_some(()))
    })?;
    Ok(upload)
}

#[test]
fn a_drain_lets_transfers_finish_and_tells_arrivals_why() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");
    let upload = begin_upload(&gateway, &local)?;

    gateway.signal(Signal::TERM)?;
    gateway.wait_until_it_says("waiting for 1 transfer")?;

    let said = run_sftp(gateway.place(), "ls\n")?.failure()?;
    assert!(said.contains("stopping"), "{said}");

    upload.end()?.success()?;
    let uploaded = gateway.on_volume("slow.bin");
    let (ended, folder) = gateway.end()?;
    ended.success()?;
    files::ensure_same(&uploaded, &local)?;
    drop(folder);
    Ok(())
}

#[test]
fn an_idle_session_does_not_keep_the_gateway() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let idle = e2e::idle::Idle::open(gateway.place(), 3)?;

    gateway.signal(Signal::INT)?;

    let (ended, _folder) = gateway.end()?;
    ended.success()?;
    until("the end of the sessions", || {
        Ok((idle.alive() == 0).then_some(()))
    })
}

#[test]
fn a_second_signal_ends_at_once() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");
    let mut upload = begin_upload(&gateway, &local)?;
    gateway.signal(Signal::TERM)?;
    gateway.wait_until_it_says("waiting for 1 transfer")?;
    assert!(upload.is_running()?);

    gateway.signal(Signal::TERM)?;

    let (ended, _folder) = gateway.end()?;
    assert!(!ended.status.success(), "a transfer was cut off");
    let said = ended.said();
    assert!(
        said.contains("Stopped at once; 1 transfer cut off"),
        "{said}"
    );
    upload.end()?.failure()?;
    Ok(())
}

#[test]
fn a_drain_ends_at_its_deadline() -> Result<()> {
    let gateway = Gateway::start(Setup {
        drain_timeout: "1s",
        ..Setup::default()
    })?;
    let local = gateway.desk()?.join("local");
    let upload = begin_upload(&gateway, &local)?;

    gateway.signal(Signal::TERM)?;

    let (ended, _folder) = gateway.end()?;
    ended.success()?;
    upload.end()?.failure()?;
    Ok(())
}

#[test]
fn a_gateway_does_not_outlive_the_story_that_started_it() -> Result<()> {
    let story = thread::spawn(|| Gateway::start(Setup::default()));

    let gateway = story.join().unwrap()?;

    let (ended, _folder) = gateway.end()?;
    assert_eq!(ended.status.signal(), Some(Signal::KILL.as_raw()));
    Ok(())
}
