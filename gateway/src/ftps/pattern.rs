//! Names by pattern, as `NLST *.txt` asks for them.
//!
//! The `mget` of many clients leaves it to the server to find the files. The patterns are those of fnmatch(3), byte by byte.

use std::ops::RangeInclusive;

/// The longest pattern in bytes, which bounds the work for each name.
const LENGTH_MAX: usize = 255;

/// A pattern for names.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `*`: any bytes, or none.
    Any,
    /// `?`: one byte.
    One,
    /// `[a-c]`: a byte of these.
    Of(Vec<RangeInclusive<u8>>),
    /// `[!a-c]`, `[^a-c]`: any other byte.
    Except(Vec<RangeInclusive<u8>>),
    /// This byte; `\` makes one of what would mean something else.
    Byte(u8),
}

impl Part {
    /// Whether this is one byte of a name.
    fn takes(&self, byte: u8) -> bool {
        let among =
            |ranges: &[RangeInclusive<u8>]| ranges.iter().any(|range| range.contains(&byte));
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Of(ranges) => among(ranges),
            Self::Except(ranges) => !among(ranges),
            Self::Byte(own) => *own == byte,
        }
    }
}

impl Pattern {
    /// What stands for names. None: it stands for itself, or is too long.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            let (part, after) = match (byte, after) {
                (b'*', _) => (Part::Any, after),
                (b'?', _) => (Part::One, after),
                (b'[', _) => class(after).unwrap_or((Part::Byte(b'['), after)),
                (b'\\', [escaped, after @ ..]) => (Part::Byte(*escaped), after),
                _ => (Part::Byte(byte), after),
            };
            parts.push(part);
            rest = after;
        }
        let stands_for_itself = parts.iter().all(|part| matches!(part, Part::Byte(_)));
        (!stands_for_itself).then_some(Self(parts))
    }

    /// Whether it stands for this name. Hidden names are told only to who asks for them.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let is_hidden = name.first() == Some(&b'.');
        if is_hidden && self.0.first() != Some(&Part::Byte(b'.')) {
            return false;
        }
        let (mut part, mut byte) = (0, 0);
        // After the last `*`: where the pattern goes on, and the byte up to which the `*` reached.
        let mut last: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(part), name.get(byte)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    part += 1;
                    last = Some((part, byte));
                }
                (Some(one), Some(own)) if one.takes(*own) => {
                    part += 1;
                    byte += 1;
                }
                // Whatever was tried since, the last `*` can only have been longer.
                _ => match last {
                    Some((after, reached)) if reached < name.len() => {
                        part = after;
                        byte = reached + 1;
                        last = Some((after, byte));
                    }
                    _ => return false,
                },
            }
        }
    }
}

/// What follows a `[`: a class, and what comes after it. None: it never ends, so the `[` stands for itself.
fn class(text: &[u8]) -> Option<(Part, &[u8])> {
    let (make, mut rest): (fn(_) -> _, _) = match text {
        [b'!' | b'^', rest @ ..] => (Part::Except, rest),
        _ => (Part::Of, text),
    };
    let mut ranges = Vec::new();
    loop {
        // A `]` that comes first ends nothing, and a `-` that comes last joins nothing.
        let (range, after) = match rest {
            [b']', after @ ..] if !ranges.is_empty() => return Some((make(ranges), after)),
            [first, b'-', last, after @ ..] if *last != b']' => (*first..=*last, after),
            [byte, after @ ..] => (*byte..=*byte, after),
            [] => return None,
        };
        ranges.push(range);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[track_caller]
    fn check(pattern: &str, names: &[&str], others: &[&str]) {
        let pattern = Pattern::parse(pattern.as_bytes()).unwrap();
        for name in names {
            assert!(pattern.matches(name.as_bytes()), "not {name}");
        }
        for name in others {
            assert!(!pattern.matches(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn wildcards_stand_for_bytes() {
        check("*.txt", &["a.txt", "a.b.txt"], &["a.txt.gz", "a_txt"]);
        check("a*b*c", &["abc", "a1b2b3c"], &["abcd", "acb"]);
        check(
            "report-?.csv",
            &["report-1.csv"],
            &["report-.csv", "report-10.csv"],
        );
        check("[a-c]?", &["a1", "c]"], &["d1", "a"]);
        check("[!a-c^]", &["d", "-"], &["a", "^"]);
        check("[]x-]*", &["]", "x1", "-"], &["y"]);
    }

    #[test]
    fn what_means_something_can_be_meant_itself() {
        check(r"\*[*]?", &["**x"], &["x*x", "*xx"]);
        check("[ab*", &["[ab", "[abc"], &["ab"]);
    }

    #[test]
    fn hidden_names_are_asked_for() {
        check("*", &["a"], &[".a", ".", ".."]);
        check("?a", &["aa"], &[".a"]);
        check("[.]*", &[], &[".a"]);
        check(".*", &[".a"], &["a"]);
    }

    #[test]
    fn what_has_no_wildcard_is_no_pattern() {
        for name in ["report.csv", r"a\*", "[ab", ""] {
            assert!(Pattern::parse(name.as_bytes()).is_none(), "{name}");
        }
        assert!(Pattern::parse(&[b'*'; LENGTH_MAX + 1]).is_none());
    }

    /// The meaning of a pattern, said as simply as possible.
    fn means(parts: &[Part], name: &[u8]) -> bool {
        match (parts, name) {
            ([], _) => name.is_empty(),
            ([Part::Any, parts @ ..], _) => {
                means(parts, name)
                    || !name.is_empty() && means(&[&[Part::Any], parts].concat(), &name[1..])
            }
            ([part, parts @ ..], [byte, name @ ..]) => part.takes(*byte) && means(parts, name),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_finds_what_the_simple_one_finds(
            text in "[ab*?]{0,10}",
            name in "[ab]{0,12}",
        ) {
            if let Some(pattern) = Pattern::parse(text.as_bytes()) {
                prop_assert_eq!(pattern.matches(name.as_bytes()), means(&pattern.0, name.as_bytes()));
            }
        }

        #[test]
        fn every_name_can_be_asked_for_by_its_own_bytes(name in vec(any::<u8>(), 0..60), end in vec(1..=255_u8, 0..9)) {
            let mut text: Vec<u8> = name.iter().flat_map(|byte| [b'\\', *byte]).collect();
            text.push(b'*');
            let pattern = Pattern::parse(&text).unwrap();

            let whole = [name.as_slice(), &end].concat();
            prop_assert_eq!(pattern.matches(&whole), !name.is_empty() || whole.first() != Some(&b'.'));
            if let Some((_, cut)) = name.split_last() {
                prop_assert!(!pattern.matches(cut));
            }
        }

        #[test]
        fn any_bytes_are_read(text in vec(any::<u8>(), 0..40), name in vec(any::<u8>(), 0..40)) {
            if let Some(pattern) = Pattern::parse(&text) {
                let _found = pattern.matches(&name);
            }
        }
    }
}
