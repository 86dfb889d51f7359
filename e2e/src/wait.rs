//! Waiting for a condition, never for a time.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Long enough for anything that ends at all, on a busy machine of two cores.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until `condition` answers a value, for at most [`PATIENCE`]. `what` completes "waited in vain for …".
pub fn until<T>(what: &str, condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_within(PATIENCE, what, condition)
}

/// As [`until`], for at most `patience`.
pub fn until_within<T>(
    patience: Duration,
    what: &str,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited in vain for {what}, {} s", patience.as_secs());
        }
        thread::sleep(GLANCE);
    }
}
