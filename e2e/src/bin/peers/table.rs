//! The table, in Markdown, as `docs/performance.md` keeps it.

use std::fmt::{self, Write};

use crate::{
    contest::{Plan, Results},
    contestant::{CIPHER, Contestant, IDLE},
};

/// Median, least and most of some figures.
pub(crate) struct Spread {
    pub(crate) median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Of these figures, in any order.
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        } else {
            at(middle)
        };
        Self {
            median,
            least: at(0),
            most: at(sorted.len().wrapping_sub(1)),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            median,
            least,
            most,
        } = self;
        write!(f, "{median:.2} ({least:.2}–{most:.2})")
    }
}

/// The whole table: medians, with the least and the most in brackets, and ratios of medians and of minima.
pub(crate) fn render(
    plan: Plan,
    who: &[Contestant; 2],
    results: &[Results; 2],
    idle: [f64; 2],
) -> String {
    let [theirs, ours] = who;
    let [their, our] = results;
    let mut table = format!(
        "{} and {}, {} rounds in turns, {} GiB each way, {CIPHER}, files in memory.\n\
         CPU time of the server from {}. Medians, least and most in brackets.\n\n\
         | | {} | {} | ratio of medians | ratio of minima |\n|---|---|---|---|---|\n",
        theirs.version().unwrap_or_default(),
        ours.version().unwrap_or_default(),
        plan.rounds,
        plan.gib,
        ours.account.method(),
        theirs.name,
        ours.name,
    );
    for (what, their, our) in [
        ("download, CPU-s/GiB", &their.download, &our.download),
        ("upload, CPU-s/GiB", &their.upload, &our.upload),
        ("login and list, CPU-ms", &their.login, &our.login),
        ("list, CPU-µs/entry", &their.entry, &our.entry),
    ] {
        let (their, our) = (Spread::of(their), Spread::of(our));
        let (medians, minima) = (our.median / their.median, our.least / their.least);
        // Writing to a String cannot fail.
        writeln!(
            table,
            "| {what} | {their} | {our} | {medians:.2} | {minima:.2} |"
        )
        .ok();
    }
    let [their, our] = idle;
    let ratio = our / their;
    writeln!(
        table,
        "| idle session of {IDLE}, KiB PSS | {their:.0} | {our:.0} | {ratio:.3} | |"
    )
    .ok();
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]).to_string(), "2.00 (1.00–3.00)");
        assert_eq!(
            Spread::of(&[4.0, 1.0, 2.0, 3.0]).to_string(),
            "2.50 (1.00–4.00)"
        );
    }
}
