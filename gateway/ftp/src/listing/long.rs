//! What stands before the name in a line of `LIST`, as `ls -l` writes it in the C locale.
//!
//! No RFC says what a line looks like, so clients parse what `ls` has always written: ten letters, links, owner, group,
//! size, date. Owner and group are numbers, because this server knows no other names for them.

use alloc::{format, string::String, vec::Vec};

use super::{Entry, Kind, Timestamp};

/// Half a year in seconds: `ls` shows the time of day of what is younger, and the year of what is older.
const HALF_YEAR: i64 = 182 * 86_400;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Appends all columns but the name, with the space before it.
pub(super) fn write(entry: &Entry, now: Timestamp, line: &mut Vec<u8>) {
    let (owner, group) = entry.owner;
    let columns = format!(
        "{}{} {:>4} {owner:<8} {group:<8} {:>12} {} ",
        letter(entry.kind),
        permissions(entry.mode),
        entry.links,
        entry.size,
        date(entry.modified, now),
    );
    line.extend_from_slice(columns.as_bytes());
}

/// Clients know `-`, `d` and `l`. What is neither of them is shown as a device: there is nothing to fetch.
const fn letter(kind: Kind) -> char {
    match kind {
        Kind::File => '-',
        Kind::Folder => 'd',
        Kind::Link => 'l',
        Kind::Other => 'c',
    }
}

/// `rwxr-x---`.
fn permissions(mode: u32) -> String {
    (0..9)
        .zip("rwxrwxrwx".chars())
        .map(|(place, letter)| {
            if mode & (0o400 >> place) == 0 {
                '-'
            } else {
                letter
            }
        })
        .collect()
}

/// `Nov  6 21:55`, or `Nov  6  2019` when that says more.
fn date(time: Timestamp, now: Timestamp) -> String {
    let civil = time.civil();
    let month = usize::from(civil.month)
        .checked_sub(1)
        .and_then(|month| MONTHS.get(month))
        .copied()
        .unwrap_or("Jan");
    let day = civil.day;
    if time <= now && now.0.saturating_sub(time.0) < HALF_YEAR {
        format!("{month} {day:>2} {:02}:{:02}", civil.hour, civil.minute)
    } else {
        format!("{month} {day:>2}  {:04}", civil.year)
    }
}
