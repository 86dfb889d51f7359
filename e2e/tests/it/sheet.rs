//! The connection sheet: what it says works when pasted.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use e2e::{
    clients::psftp::fingerprint,
    gateway::{Gateway, binary},
    loopback,
    program::{Program, run_with},
    setup::Setup,
    wait::until,
};

#[test]
fn the_fingerprint_on_the_sheet_is_the_one_that_clients_see() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;

    let seen = fingerprint(gateway.place())?;

    assert!(gateway.said()?.contains(&seen), "{seen}");
    Ok(())
}

/// The password that the example's Secrets say.
const EXAMPLE_PASSWORD: &str = "demonstration";

#[test]
fn every_command_of_the_example_works_when_pasted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/partners");
    let mut command = Command::new(binary()?);
    command
        .current_dir(folder.path())
        .arg("local")
        .arg(&examples)
        .args([
            "--state",
            "state with a space",
            "--bind",
            &loopback::unused()?.ip().to_string(),
        ]);
    let mut gateway = Program::start(&mut command, b"")?;
    let sheet = until("the sheet", || {
        ensure!(gateway.is_running()?, "{}", gateway.said()?);
        Ok(Some(gateway.said()?).filter(|said| said.contains("\nStop ")))
    })?;
    let askpass = folder.path().join("askpass");
    fs::write(&askpass, format!("#!/bin/sh\necho {EXAMPLE_PASSWORD}\n"))?;
    fs::set_permissions(&askpass, fs::Permissions::from_mode(0o755))?;

    let commands: Vec<&str> = sheet
        .lines()
        .map(str::trim)
        .filter(|line| {
            line.starts_with("sftp ") || line.starts_with("rclone ") || line.starts_with("curl ")
        })
        .collect();

    assert!(commands.len() >= 3, "one a way in:\n{sheet}");
    for command in commands {
        // As typed into a shell; the terminal's part, the password, is answered by a program.
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("SSH_ASKPASS", &askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env_remove("SSH_AUTH_SOCK");
        run_with(&mut shell, b"ls\nbye\n")?
            .success()
            .with_context(|| sheet.clone())?;
    }
    Ok(())
}
