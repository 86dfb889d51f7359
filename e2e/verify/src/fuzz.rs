//! libFuzzer against the FTP control connection (`gateway/ftp/fuzz`): short, and the same on every run.

use crate::command::{Failure, Workshop};

/// About ten seconds. Who searches for longer runs `cargo run --release -- -dict=control.dict` in that folder.
const RUNS: &str = "-runs=500000";

/// The crate is a workspace of its own, so that the steps before have not looked at it.
pub(crate) fn run(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    cargo(workshop, "fuzz-format", &["fmt", "--check"])?;
    let lints = ["clippy", "--locked", "--release", "--", "-D", "warnings"];
    cargo(workshop, "fuzz-clippy", &lints)?;
    // An input that breaks a rule is kept beside the logs.
    let kept = format!("-artifact_prefix={}/", workshop.logs.display());
    let arguments = [
        "run",
        "--locked",
        "--release",
        "--",
        RUNS,
        "-seed=1",
        "-max_len=512",
        "-timeout=10",
        "-dict=control.dict",
        &kept,
    ];
    cargo(workshop, "fuzz", &arguments)?;
    Ok(Vec::new())
}

/// In its folder cargo finds the flags that libFuzzer needs; those of the environment would take their place.
fn cargo(workshop: &Workshop, log: &str, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = workshop.cargo(arguments);
    command
        .current_dir(workshop.root.join("gateway/ftp/fuzz"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    workshop.run(log, &mut command)
}
