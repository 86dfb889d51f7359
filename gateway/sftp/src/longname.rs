//! The line of `ls -l` that READDIR gives for people to read (section 6.7 asks for this format).

use alloc::{format, string::String, vec::Vec};

use crate::Attributes;

/// Half a year in seconds: `ls` shows the time of day of what is younger, and the year of what is older.
const HALF_YEAR: i64 = 182 * DAY;
const DAY: i64 = 86_400;

/// The line for one entry. Times are UTC; `now` is in seconds since 1970.
pub fn longname(name: &[u8], attributes: &Attributes, links: u64, now: i64) -> Vec<u8> {
    let (owner, group) = attributes.owner.unwrap_or_default();
    let (_accessed, modified) = attributes.times.unwrap_or_default();
    let mut line = format!(
        "{} {links:>4} {owner:<8} {group:<8} {:>12} {} ",
        permissions(attributes.mode.unwrap_or_default()),
        attributes.size.unwrap_or_default(),
        date(i64::from(modified), now),
    )
    .into_bytes();
    line.extend_from_slice(name);
    line
}

/// `drwxr-xr-x`.
fn permissions(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o100_000 => '-',
        0o060_000 => 'b',
        0o020_000 => 'c',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '?',
    };
    let mut text = String::with_capacity(10);
    text.push(kind);
    for (shift, special, letters) in [
        (6, 0o4000, ('s', 'S')),
        (3, 0o2000, ('s', 'S')),
        (0, 0o1000, ('t', 'T')),
    ] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letters.0,
            (true, false) => letters.1,
        });
    }
    text
}

/// `Nov  6 21:55`, or `Nov  6  2019` when that says more.
fn date(time: i64, now: i64) -> String {
    let (year, month, day) = civil(time.div_euclid(DAY));
    let month = match month {
        1 => "Jan",
        2 => "Feb",
        3 => "Mar",
        4 => "Apr",
        5 => "May",
        6 => "Jun",
        7 => "Jul",
        8 => "Aug",
        9 => "Sep",
        10 => "Oct",
        11 => "Nov",
        _ => "Dec",
    };
    let recent = time <= now && now - time < HALF_YEAR;
    if recent {
        let minutes = time.rem_euclid(DAY) / 60;
        format!("{month} {day:>2} {:02}:{:02}", minutes / 60, minutes % 60)
    } else {
        format!("{month} {day:>2}  {year}")
    }
}

/// Year, month and day of a day counted from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that
/// the leap day is a year's last day.
const fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let since_march_0 = days + 719_468;
    let era = since_march_0.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = since_march_0.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, carried) = if month_from_march < 10 {
        (month_from_march + 3, 0)
    } else {
        (month_from_march - 9, 1)
    };
    (era * 400 + year_of_era + carried, month, day)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::{civil, longname};
    use crate::Attributes;

    fn check(mode: u32, modified: u32, expected: &str) {
        let attributes = Attributes {
            size: Some(5),
            owner: Some((1000, 100)),
            mode: Some(mode),
            times: Some((0, modified)),
        };

        let line = longname(b"a file", &attributes, 1, 1_795_471_200);

        assert_eq!(String::from_utf8_lossy(&line), expected);
    }

    #[test]
    fn a_line_looks_like_ls() {
        check(
            0o100_644,
            1_795_470_900,
            "-rw-r--r--    1 1000     100                 5 Nov 23 21:55 a file",
        );
        check(
            0o041_777,
            951_782_400,
            "drwxrwxrwt    1 1000     100                 5 Feb 29  2000 a file",
        );
        check(
            0o124_000,
            u32::MAX,
            "l--S------    1 1000     100                 5 Feb  7  2106 a file",
        );
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(19_783), (2024, 3, 1));
    }
}
