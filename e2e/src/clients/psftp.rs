//! `PuTTY`'s psftp.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use crate::{
    place::Place,
    program::{Ended, run, run_with},
};

/// Runs the lines of `batch` in psftp; it stops at the first line that fails.
pub fn run_psftp(place: &Place, batch: &str) -> Result<Ended> {
    let key = place.key.with_extension("ppk");
    let mut puttygen = Command::new("puttygen");
    puttygen
        .arg(&place.key)
        .arg("-o")
        .arg(&key)
        .args(["-O", "private"])
        .env("HOME", &place.home);
    run(&mut puttygen)?.success()?;
    let script = place.home.join("psftp-batch");
    fs::write(&script, batch)?;

    let mut command = Command::new("psftp");
    command
        .args([
            "-batch",
            "-noagent",
            "-P",
            &place.port(),
            "-hostkey",
            &fingerprint(place)?,
            "-i",
        ])
        .arg(&key)
        .arg("-b")
        .arg(&script)
        .arg(place.login())
        .env("HOME", &place.home);
    run_with(&mut command, batch.as_bytes())
}

/// The known host key as `SHA256:…`.
pub fn fingerprint(place: &Place) -> Result<String> {
    let mut keygen = Command::new("ssh-keygen");
    let listed = run(keygen.arg("-lf").arg(place.known_hosts()))?
        .success()?
        .said();
    let fingerprint = listed
        .split_whitespace()
        .find(|word| word.starts_with("SHA256:"));
    Ok(fingerprint
        .context("ssh-keygen shows no fingerprint")?
        .to_owned())
}
