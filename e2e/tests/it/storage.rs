//! Disks fill up, clients die, volumes hang: what is told then is true.

use std::{fs, path::Path};

use anyhow::Result;
use e2e::{
    clients::openssh::{run_sftp, sftp_with},
    disk::{Mount, may_mount},
    files::{self, MIB},
    gateway::{Gateway, Prepared},
    program::Program,
    raw::{Kind, Raw, string},
    setup::{Setup, User},
    wait::until,
};
use rustix::process::Signal;

#[test]
fn a_full_disk_is_reported_and_what_was_there_stays() -> Result<()> {
    if !may_mount("a full disk is reported")? {
        return Ok(());
    }
    let prepared = Prepared::new(Setup::default())?;
    let disk = Mount::small(&prepared.volume(), 8 * MIB)?;
    let gateway = prepared.start()?;
    let (small, large) = (gateway.desk()?.join("small"), gateway.desk()?.join("large"));
    fs::write(&small, "was there before")?;
    files::make(&large, 32 * MIB)?;
    run_sftp(gateway.place(), format!("put {} small\n", small.display()))?.success()?;

    let said = run_sftp(gateway.place(), format!("put {} large\n", large.display()))?.failure()?;

    assert!(
        said.to_lowercase().contains("space") || said.contains("Failure"),
        "{said}"
    );
    assert_eq!(fs::read(gateway.on_volume("small"))?, b"was there before");

    run_sftp(
        gateway.place(),
        format!("rm large\nput {} again\n", small.display()),
    )?
    .success()?;

    assert_eq!(fs::read(gateway.on_volume("again"))?, b"was there before");
    drop(gateway);
    drop(disk);
    Ok(())
}

/// Uploads slowly and kills the client when the first bytes are on the volume as `seen`.
fn kill_in_the_middle(gateway: &Gateway, local: &Path, seen: &str) -> Result<()> {
    files::make(local, 64 * MIB)?;
    let mut sftp = sftp_with(gateway.place(), &["-l", "40000"]);
    let client = Program::start(
        &mut sftp,
        format!("put {} report.bin\n", local.display()).as_bytes(),
    )?;
    until("the first bytes on the volume", || {
        let length = fs::metadata(gateway.on_volume(seen)).map_or(0, |metadata| metadata.len());
        Ok((length > MIB).then_some(()))
    })?;
    client.signal_all(Signal::KILL)?;
    drop(client);
    until("the end of the session", || {
        Ok((gateway.metric("secureftp_sessions")? == 0.0).then_some(()))
    })
}

/// What lies on the volume is the beginning of what was sent.
fn check_is_beginning(part: &Path, whole: &Path) -> Result<()> {
    let (part, whole) = (fs::read(part)?, fs::read(whole)?);
    assert!(part.len() < whole.len(), "the client was killed too late");
    assert!(whole.starts_with(&part));
    Ok(())
}

#[test]
fn a_killed_client_leaves_the_part_under_its_name_when_uploads_are_direct() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");

    kill_in_the_middle(&gateway, &local, "report.bin")?;

    check_is_beginning(&gateway.on_volume("report.bin"), &local)?;
    assert_eq!(fs::read_dir(gateway.on_volume(""))?.count(), 1);

    run_sftp(
        gateway.place(),
        format!("reput {} report.bin\n", local.display()),
    )?
    .success()?;
    files::ensure_same(&gateway.on_volume("report.bin"), &local)?;
    Ok(())
}

#[test]
fn a_killed_client_leaves_a_hidden_part_when_uploads_are_atomic() -> Result<()> {
    let gateway = Gateway::start(Setup {
        uploads: "Atomic",
        ..Setup::default()
    })?;
    let local = gateway.desk()?.join("local");

    kill_in_the_middle(&gateway, &local, ".report.bin.part")?;

    assert!(!gateway.on_volume("report.bin").exists());
    check_is_beginning(&gateway.on_volume(".report.bin.part"), &local)?;

    run_sftp(
        gateway.place(),
        format!("reput {} report.bin\n", local.display()),
    )?
    .success()?;
    files::ensure_same(&gateway.on_volume("report.bin"), &local)?;
    assert!(!gateway.on_volume(".report.bin.part").exists());
    Ok(())
}

#[test]
fn an_atomic_upload_keeps_the_old_file_until_the_new_one_is_complete() -> Result<()> {
    let gateway = Gateway::start(Setup {
        uploads: "Atomic",
        ..Setup::default()
    })?;
    let (old, local) = (gateway.desk()?.join("old"), gateway.desk()?.join("local"));
    fs::write(&old, "last month")?;
    run_sftp(
        gateway.place(),
        format!("put {} report.bin\n", old.display()),
    )?
    .success()?;

    kill_in_the_middle(&gateway, &local, ".report.bin.part")?;

    assert_eq!(fs::read(gateway.on_volume("report.bin"))?, b"last month");
    Ok(())
}

/// How many calls of one user hang.
const HUNG: u32 = 50;

#[test]
fn a_folder_that_hangs_holds_up_only_who_touches_it() -> Result<()> {
    if !may_mount("a folder that hangs holds up only who touches it")? {
        return Ok(());
    }
    let users = vec![User::new("alice"), User::new("bob")];
    let gateway = Gateway::start(Setup {
        users,
        stuck_seconds: 1,
        ..Setup::default()
    })?;
    let (alice, bob) = (gateway.place(), gateway.place().as_user("bob"));
    run_sftp(alice, "mkdir hole\n")?.success()?;
    let local = gateway.desk()?.join("local");
    files::make(&local, 4 * MIB)?;
    let mut before = Raw::open(&bob)?;
    let hole = Mount::hanging(&gateway.on_volume("hole"))?;
    let mut stuck = Raw::open(alice)?;
    for id in 0..HUNG {
        stuck.request(Kind::Stat, id, &string(b"/hole/file")?)?;
    }
    until("calls that hang", || {
        Ok((gateway.metric("secureftp_storage_calls")? >= 1.0).then_some(()))
    })?;

    // A session that was there before, new logins, and the admin port go on.
    before.request(Kind::Stat, 1, &string(b"/")?)?;
    until("an answer to the other session", || {
        Ok(before
            .answers()?
            .iter()
            .any(|answer| answer.kind == 105)
            .then_some(()))
    })?;
    for _ in 0..3 {
        let batch = format!(
            "put {local} file\nget file {local}.back\nls -l\nrm file\n",
            local = local.display()
        );
        run_sftp(&bob, batch)?.success()?;
    }
    assert_eq!(gateway.ask_admin("/livez")?.0, 200);
    assert_eq!(gateway.ask_admin("/readyz")?.0, 200);
    assert!(
        stuck.answers()?.iter().all(|answer| answer.kind == 101),
        "nothing in the hole can have answered"
    );

    drop(hole);
    until("an answer to every call", || {
        Ok((stuck.answers()?.len() == HUNG as usize).then_some(()))
    })?;
    Ok(())
}
