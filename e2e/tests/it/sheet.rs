//! The connection sheet: what it says works when pasted.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result};
use e2e::{
    clients::psftp::fingerprint,
    gateway::{Gateway, binary},
    loopback,
    program::{Program, run, run_with},
    setup::Setup,
    wait::until,
};
use tempfile::TempDir;

#[test]
fn the_fingerprint_on_the_sheet_is_the_one_that_clients_see() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;

    let seen = fingerprint(gateway.place())?;

    assert!(gateway.said()?.contains(&seen), "{seen}");
    Ok(())
}

/// The password that the example's Secrets say.
const EXAMPLE_PASSWORD: &str = "demonstration";

/// The example, served at an address that nobody else uses, below a path that shells do not like.
struct Example {
    folder: TempDir,
    _gateway: Program,
    sheet: String,
}

impl Example {
    fn start() -> Result<Self> {
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
            gateway.ensure_running()?;
            Ok(Some(gateway.said()?).filter(|said| said.contains("\nStop ")))
        })?;
        Ok(Self {
            folder,
            _gateway: gateway,
            sheet,
        })
    }

    /// The lines that begin with one of these words.
    fn lines(&self, words: &[&str]) -> Vec<&str> {
        let lines = self.sheet.lines().map(str::trim);
        lines
            .filter(|line| words.iter().any(|word| line.starts_with(word)))
            .collect()
    }

    /// As typed into a shell in the folder where the gateway was started, by somebody without a terminal.
    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("setsid");
        shell
            .args(["--wait", "sh", "-c", command])
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path());
        shell
    }
}

#[test]
fn every_command_for_sftp_works_when_pasted() -> Result<()> {
    let example = Example::start()?;
    let askpass = example.folder.path().join("askpass");
    fs::write(&askpass, format!("#!/bin/sh\necho {EXAMPLE_PASSWORD}\n"))?;
    fs::set_permissions(&askpass, fs::Permissions::from_mode(0o755))?;

    let commands = example.lines(&["sftp ", "rclone "]);

    assert!(commands.len() >= 3, "one a way in:\n{}", example.sheet);
    for command in commands {
        // The terminal's part, the password, is answered by a program.
        let mut shell = example.shell(command);
        shell
            .env("SSH_ASKPASS", &askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env_remove("SSH_AUTH_SOCK");
        run_with(&mut shell, b"ls\nbye\n")?
            .success()
            .with_context(|| example.sheet.clone())?;
    }
    Ok(())
}

#[test]
fn every_command_for_ftps_works_when_pasted() -> Result<()> {
    let example = Example::start()?;

    let commands = example.lines(&["curl "]);

    assert_eq!(
        commands.len(),
        4,
        "a user and a listener:\n{}",
        example.sheet
    );
    for command in commands {
        // Without a terminal, curl reads the password from its input.
        run_with(
            &mut example.shell(command),
            format!("{EXAMPLE_PASSWORD}\n").as_bytes(),
        )?
        .success()
        .with_context(|| example.sheet.clone())?;
    }
    Ok(())
}

#[test]
fn the_certificates_on_the_sheet_are_those_that_clients_see() -> Result<()> {
    let example = Example::start()?;

    let shown = example.lines(&["certificate "]);
    let commands = example.lines(&["compare "]);

    assert_eq!(shown.len(), 2, "{}", example.sheet);
    for (shown, command) in shown.into_iter().zip(commands) {
        let (_, command) = command.split_once(' ').context("a command")?;
        let (_, fingerprint) = shown.split_once("SHA-256 ").context("a fingerprint")?;
        let seen = run(&mut example.shell(command))?.success()?.said();
        assert!(seen.contains(fingerprint), "{seen}{}", example.sheet);
    }
    Ok(())
}
