//! The program that is measured beside the peers.

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Builds the program as `cargo verify` does for the stories; nothing happens when it is built of the code as it is.
/// Whoever names a program in `$SECUREFTP` measures that one.
pub(crate) fn make_ready() -> Result<()> {
    let mut out = io::stderr();
    if let Some(named) = env::var_os("SECUREFTP") {
        writeln!(out, "measuring $SECUREFTP, {}", named.display())?;
        return Ok(());
    }
    writeln!(out, "building what is measured: cargo build --release")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["build", "--locked", "--release"])
        .args(["--package", "cli", "--package", "gateway"]);
    let status = build.status().context("failed to run cargo")?;
    ensure!(status.success(), "cargo build ended with {status}");
    writeln!(
        out,
        "measuring {}",
        e2e::gateway::binary()?.canonicalize()?.display()
    )?;
    Ok(())
}
