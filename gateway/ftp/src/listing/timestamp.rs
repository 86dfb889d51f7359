//! Points in time, as FTP writes them: `YYYYMMDDHHMMSS`, always UTC (RFC 3659 §2.3).

use core::{fmt, str};

/// Seconds since 1970-01-01T00:00:00Z. Displayed as `YYYYMMDDHHMMSS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// A time in the Gregorian calendar, which is used for all years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
}

const DAY: i64 = 86_400;
/// The first and the last second that four digits of a year can say.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;
const DAYS_OF_400_YEARS: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

impl Timestamp {
    /// Reads `YYYYMMDDHHMMSS`, perhaps with `.` and digits, which are passed over. None: it is written otherwise, or
    /// the calendar has no such time. A leap second (60) is the first second of the next minute.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(2, |byte| *byte == b'.');
        let digits = parts.next()?;
        let fraction = parts.next().unwrap_or(b"0");
        if digits.len() != 14 || fraction.is_empty() || !is_digits(digits) || !is_digits(fraction) {
            return None;
        }
        let number = |start: usize, end: usize| {
            let digits = str::from_utf8(digits.get(start..end)?).ok()?;
            digits.parse::<i64>().ok()
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
        let exists = (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        exists.then(|| Self(days(year, month, day) * DAY + hour * 3600 + minute * 60 + second))
    }

    /// The calendar's name for this time; what four digits of a year cannot say becomes the nearest that they can.
    pub(super) fn civil(self) -> Civil {
        let seconds = self.0.clamp(FIRST, LAST);
        let since_march_0 = seconds.div_euclid(DAY) + DAYS_TO_1970;
        // Years are counted from March, so that the leap day is a year's last day.
        let era = since_march_0.div_euclid(DAYS_OF_400_YEARS);
        let day_of_era = since_march_0.rem_euclid(DAYS_OF_400_YEARS);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let (month, carried) = if month_from_march < 10 {
            (month_from_march + 3, 0)
        } else {
            (month_from_march - 9, 1)
        };
        let second = seconds.rem_euclid(DAY);
        Civil {
            year: small(era * 400 + year_of_era + carried),
            month: small(month),
            day: small(day_of_year - (153 * month_from_march + 2) / 5 + 1),
            hour: small(second / 3600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self.civil();
        write!(
            formatter,
            "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}"
        )
    }
}

fn is_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// From 1970-01-01 to this day.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month_from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let year_of_era = year.rem_euclid(400);
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year.div_euclid(400) * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_1970
}

/// A part of a date: never out of range, because the whole is clamped.
fn small<N: TryFrom<i64> + Default>(part: i64) -> N {
    N::try_from(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::{FIRST, LAST, Timestamp};

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(Timestamp(seconds).to_string(), expected);
        assert_eq!(
            Timestamp::parse(expected.as_bytes()),
            Some(Timestamp(seconds))
        );
    }

    #[test]
    fn known_moments_are_written_and_read() {
        check(0, "19700101000000");
        check(-1, "19691231235959");
        check(951_782_399, "20000228235959");
        check(951_782_400, "20000229000000");
        check(1_709_164_800, "20240229000000");
        check(1_709_251_199, "20240229235959");
        check(1_709_251_200, "20240301000000");
        check(2_147_483_648, "20380119031408");
        check(4_107_542_400, "21000301000000");
        check(-2_203_891_200, "19000301000000");
        check(FIRST, "00000101000000");
        check(LAST, "99991231235959");
    }

    #[test]
    fn what_four_digits_cannot_say_becomes_the_nearest() {
        assert_eq!(Timestamp(LAST + 1).to_string(), "99991231235959");
        assert_eq!(Timestamp(i64::MAX).to_string(), "99991231235959");
        assert_eq!(Timestamp(FIRST - 1).to_string(), "00000101000000");
        assert_eq!(Timestamp(i64::MIN).to_string(), "00000101000000");
    }

    #[test]
    fn a_time_that_the_calendar_does_not_have_is_none() {
        for text in [
            "20230229000000",
            "21000229000000",
            "20240431000000",
            "20240001000000",
            "20241301000000",
            "20240100000000",
            "20240132000000",
            "20240101240000",
            "20240101006000",
            "20240101000061",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_time_written_otherwise_is_none() {
        for text in [
            "",
            "2024",
            "2024010100000",
            "202401010000000",
            "20240101000000.",
            "20240101000000.x",
            "20240101000000.1.2",
            "+0240101000000",
            "2024-01-01T00:0",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn fractions_and_leap_seconds_are_read() {
        assert_eq!(Timestamp::parse(b"19700101000000.999"), Some(Timestamp(0)));
        assert_eq!(
            Timestamp::parse(b"20161231235960"),
            Timestamp::parse(b"20170101000000")
        );
    }

    proptest! {
        #[test]
        fn every_second_of_ten_thousand_years_survives(seconds in FIRST..=LAST) {
            check(seconds, &Timestamp(seconds).to_string());
        }

        #[test]
        fn a_later_second_is_written_later(seconds in FIRST..LAST) {
            prop_assert!(Timestamp(seconds).to_string() < Timestamp(seconds + 1).to_string());
        }

        #[test]
        fn no_text_breaks_the_parser(text in prop::collection::vec(any::<u8>(), 0..20), digits in "[0-9.]{12,17}") {
            let _time = Timestamp::parse(&text);
            let _time = Timestamp::parse(digits.as_bytes());
        }
    }

    /// Day by day through two whole cycles of the calendar, counted as people do.
    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        let mut time = Timestamp::parse(b"16000101000000").unwrap();
        while year < 2400 {
            let civil = time.civil();
            assert_eq!((civil.year, civil.month, civil.day), (year, month, day));
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let last = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
            time.0 += super::DAY;
        }
    }
}
