//! Files with known contents.

use std::{fs::File, io::Write, path::Path, process::Command};

use anyhow::Result;

use crate::program::run;

/// One mebibyte.
pub const MIB: u64 = 1 << 20;

/// How many bytes bear one number.
const PAGE: usize = 4096;

/// Makes a file of `bytes` bytes in which every page bears its number: what is swapped, lost or doubled is seen.
pub fn make(path: &Path, bytes: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let mut block: Vec<u8> = (0..1 << 20)
        .map(|place: u32| place.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let mut number = 0_u64;
    let mut rest = bytes;
    while rest > 0 {
        for page in block.chunks_exact_mut(PAGE) {
            if let Some(start) = page.first_chunk_mut() {
                *start = number.to_be_bytes();
            }
            number += 1;
        }
        let length = rest.min(u64::try_from(block.len())?);
        let (whole, _) = block.split_at(usize::try_from(length)?);
        file.write_all(whole)?;
        rest -= length;
    }
    Ok(())
}

/// Fails unless both files hold the same bytes, and says where they differ.
pub fn ensure_same(left: &Path, right: &Path) -> Result<()> {
    run(Command::new("cmp").arg("--").args([left, right]))?.success()?;
    Ok(())
}
