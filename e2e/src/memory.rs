//! The memory of a process, as the kernel counts it.

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result};

/// Memory of one process, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What is in memory now.
    pub resident: u64,
    /// The most that ever was.
    pub peak: u64,
    /// What is in memory now, with shared pages divided among those who share them.
    pub proportional: u64,
}

impl Memory {
    /// The memory of the process now.
    pub fn of(pid: u32) -> Result<Self> {
        let process = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(process.join("status"))?;
        let rollup = fs::read_to_string(process.join("smaps_rollup"))?;
        Ok(Self {
            resident: kib(&status, "VmRSS:")?,
            peak: kib(&status, "VmHWM:")?,
            proportional: kib(&rollup, "Pss:")?,
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resident,
            peak,
            proportional,
        } = self;
        let mib = |kib: &u64| kib.div_ceil(1024);
        write!(
            f,
            "{} MiB RSS, {} MiB PSS, peak {} MiB",
            mib(resident),
            mib(proportional),
            mib(peak)
        )
    }
}

fn kib(table: &str, name: &str) -> Result<u64> {
    let value = table
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    Ok(value
        .with_context(|| format!("no {name} in {table}"))?
        .parse()?)
}
