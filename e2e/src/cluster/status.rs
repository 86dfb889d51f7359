//! What `cargo cluster status` tells.

use std::fmt::Write;

use anyhow::Result;

use super::{folder::Folder, parts};

/// The nodes, and under them a line a part with its processes.
pub(super) fn tell(folder: &Folder, nodes: &str) -> Result<String> {
    let mut processes = parts::find(folder)?;
    processes.sort_by(|one, other| (&one.part, one.id).cmp(&(&other.part, other.id)));
    let mut told = format!("{nodes}\n{:<22}PROCESSES\n", "PART");
    for of_part in processes.chunk_by(|one, other| one.part == other.part) {
        if let Some(first) = of_part.first() {
            let ids: Vec<String> = of_part.iter().map(|one| one.id.to_string()).collect();
            writeln!(told, "{:<22}{}", first.part, ids.join(" "))?;
        }
    }
    Ok(told)
}
