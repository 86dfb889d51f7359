//! Figures that stories measure. They are told, never asserted: `cargo verify` prints them below the stories.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
};

use anyhow::Result;

/// Tells one figure with its unit.
pub fn tell(name: &str, value: &str) -> Result<()> {
    let line = format!("{name}: {value}\n");
    match env::var_os("SECUREFTP_FIGURES") {
        // One write of a short line: stories that end together do not mix.
        Some(file) => OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)?
            .write_all(line.as_bytes())?,
        None => io::stderr().write_all(line.as_bytes())?,
    }
    Ok(())
}
