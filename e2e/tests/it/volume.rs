//! A mounted server is a folder like any other.

use std::{fs, path::Path, process::Command};

use anyhow::Result;
use e2e::{clients::sshfs::Mounted, disk::may_mount, gateway::Gateway, program::run, setup::Setup};

fn git(folder: &Path, home: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args([
            "-c",
            "user.name=story",
            "-c",
            "user.email=story@localhost",
            "-c",
            "safe.directory=*",
        ])
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

#[test]
fn git_clones_onto_an_sshfs_mount() -> Result<()> {
    if !may_mount("git clones onto an sshfs mount")? {
        return Ok(());
    }
    let gateway = Gateway::start(Setup::default())?;
    let home = &gateway.place().home;
    let source = gateway.desk()?.join("source");
    fs::create_dir(&source)?;
    for number in 0..200 {
        fs::write(
            source.join(format!("file-{number}")),
            format!("contents {number}\n").repeat(100),
        )?;
    }
    run(git(&source, home).args(["init", "-q"]))?.success()?;
    run(git(&source, home).args(["add", "."]))?.success()?;
    run(git(&source, home).args(["commit", "-q", "-m", "all"]))?.success()?;
    let mounted = Mounted::at(gateway.place(), &home.join("mounted"))?;

    run(git(mounted.folder(), home)
        .args(["clone", "-q", "--no-hardlinks"])
        .arg(&source)
        .arg("clone"))?
    .success()?;

    let clone = mounted.folder().join("clone");
    run(git(&clone, home).args(["fsck", "--full"]))?.success()?;
    let changes = run(git(&clone, home).args(["status", "--porcelain"]))?.success()?;
    assert_eq!(String::from_utf8_lossy(&changes.stdout), "");
    assert_eq!(
        fs::read(clone.join("file-7"))?,
        fs::read(source.join("file-7"))?
    );
    assert!(gateway.on_volume("clone/.git/HEAD").exists());
    Ok(())
}
