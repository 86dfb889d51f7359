//! Names are bytes: listed, renamed and deleted as they are.

use std::{collections::BTreeSet, ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use anyhow::Result;
use e2e::{
    clients::{
        lftp::run_lftp, openssh::run_sftp, paramiko::run_paramiko, psftp::run_psftp,
        rclone::run_rclone, sshfs::Mounted,
    },
    disk::may_mount,
    gateway::Gateway,
    place::Place,
    setup::Setup,
};

/// How many entries a client lists.
const MANY: usize = 10_000;

/// `list(place)` says the names in the folder `many`, in any order, a line each.
fn check_listing(list: impl Fn(&Place) -> Result<String>) -> Result<()> {
    // The policy that every client here can speak.
    let gateway = Gateway::start(Setup::for_old_clients())?;
    run_sftp(gateway.place(), "mkdir many\n")?.success()?;
    let names: BTreeSet<String> = (0..MANY)
        .map(|number| format!("entry-{number:05}"))
        .collect();
    for name in &names {
        fs::write(gateway.on_volume("many").join(name), b"")?;
    }

    let listed = list(gateway.place())?;

    let listed: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.trim().rsplit([' ', '/']).next())
        .filter(|name| name.starts_with("entry-"))
        .map(str::to_owned)
        .collect();
    assert_eq!(listed.len(), MANY);
    assert_eq!(listed, names);
    Ok(())
}

#[test]
fn sftp_lists_10_000_entries() -> Result<()> {
    check_listing(|place| Ok(run_sftp(place, "ls -1 many\n")?.success()?.said()))
}

#[test]
fn lftp_lists_10_000_entries() -> Result<()> {
    check_listing(|place| Ok(run_lftp(place, "cls -1 many")?.success()?.said()))
}

#[test]
fn rclone_lists_10_000_entries() -> Result<()> {
    check_listing(|place| Ok(run_rclone(place, &["lsf", ":sftp:many"])?.success()?.said()))
}

#[test]
fn psftp_lists_10_000_entries() -> Result<()> {
    check_listing(|place| Ok(run_psftp(place, "ls many\n")?.success()?.said()))
}

#[test]
fn paramiko_lists_10_000_entries() -> Result<()> {
    check_listing(|place| {
        Ok(
            run_paramiko(place, "print('\\n'.join(sftp.listdir('many')))", &[])?
                .success()?
                .said(),
        )
    })
}

#[test]
fn sshfs_lists_10_000_entries() -> Result<()> {
    if !may_mount("sshfs lists 10,000 entries")? {
        return Ok(());
    }
    check_listing(|place| {
        let mounted = Mounted::at(place, &place.home.join("mounted"))?;
        let mut listed = String::new();
        for entry in fs::read_dir(mounted.folder().join("many"))? {
            listed.push_str(&entry?.file_name().to_string_lossy());
            listed.push('\n');
        }
        Ok(listed)
    })
}

#[test]
fn a_name_that_is_no_utf_8_survives_every_operation() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");
    fs::write(&local, "contents")?;
    let odd = b"na\xefve \xff\xfe";
    let mut batch = format!("put {} plain\nrename plain \"", local.display()).into_bytes();
    batch.extend(odd);
    batch.extend(b"\"\nls -1\n");

    let ended = run_sftp(gateway.place(), batch)?.success()?;

    assert_eq!(
        fs::read(gateway.on_volume(OsStr::from_bytes(odd)))?,
        b"contents"
    );
    // OpenSSH's sftp shows bytes outside of printable ASCII as octal.
    assert!(
        ended.said().contains(r"na\357ve \377\376"),
        "{}",
        ended.said()
    );

    let mut batch = b"get \"".to_vec();
    batch.extend(odd);
    batch.extend(format!("\" {}\nrm \"", gateway.desk()?.join("back").display()).into_bytes());
    batch.extend(odd);
    batch.extend(b"\"\n");
    run_sftp(gateway.place(), batch)?.success()?;

    assert_eq!(fs::read(gateway.desk()?.join("back"))?, b"contents");
    assert!(!gateway.on_volume(OsStr::from_bytes(odd)).exists());
    Ok(())
}

#[test]
fn renamed_and_deleted_is_what_lies_on_the_volume() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");
    fs::write(&local, "contents")?;

    let batch = format!(
        "mkdir folder\nput {local} one\nrename one folder/two\nput {local} three\nrm three\nmkdir empty\nrmdir empty\n",
        local = local.display()
    );
    run_sftp(gateway.place(), batch)?.success()?;

    assert_eq!(fs::read(gateway.on_volume("folder/two"))?, b"contents");
    for gone in ["one", "three", "empty"] {
        assert!(!gateway.on_volume(gone).exists(), "{gone}");
    }
    Ok(())
}

#[test]
fn lftp_renames_and_deletes() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");
    fs::write(&local, "contents")?;

    let local = local.display();
    run_lftp(
        gateway.place(),
        &format!("put {local} -o one\nmv one two\nput {local} -o three\nrm three"),
    )?
    .success()?;

    assert_eq!(fs::read(gateway.on_volume("two"))?, b"contents");
    assert!(!gateway.on_volume("one").exists() && !gateway.on_volume("three").exists());
    Ok(())
}
