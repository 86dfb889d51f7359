//! Stories that cannot be told everywhere.

use std::env;

use anyhow::{Result, bail};

use crate::figures;

/// Says that `story` is skipped, and `why`, for example "needs root". Where everything must be told (`CI=true`) it is
/// an error.
pub fn skip(story: &str, why: &str) -> Result<()> {
    if env::var_os("CI").is_some_and(|value| value == "true") {
        bail!("{story} {why}, and may not be skipped here");
    }
    figures::tell("skipped", &format!("{story} {why}"))
}
