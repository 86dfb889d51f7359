use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use proptest::prelude::*;

use super::{Entry, Facts, Kind, Timestamp};
use crate::ListFormat;

const FACTS: ListFormat = ListFormat::Facts(Facts::ALL);

/// 2026-11-23 21:55:00.
const NOW: Timestamp = Timestamp(1_795_470_900);

fn entry() -> Entry {
    Entry {
        name: b"report.csv".to_vec(),
        kind: Kind::File,
        size: 5,
        mode: 0o640,
        modified: NOW,
        owner: (1000, 100),
        links: 1,
        unique: 0x1f3,
    }
}

fn line(entry: &Entry, format: ListFormat) -> String {
    let mut line = Vec::new();
    entry.write(format, NOW, &mut line);
    line.escape_ascii().to_string()
}

#[track_caller]
fn check(entry: &Entry, format: ListFormat, expected: &str) {
    assert_eq!(line(entry, format), expected);
}

#[test]
fn list_looks_like_ls() {
    check(
        &entry(),
        ListFormat::Long,
        r"-rw-r-----    1 1000     100                 5 Nov 23 21:55 report.csv\r\n",
    );
    check(
        &Entry {
            name: b"in box".to_vec(),
            kind: Kind::Folder,
            size: 4096,
            mode: 0o42755,
            links: 12,
            ..entry()
        },
        ListFormat::Long,
        r"drwxr-xr-x   12 1000     100              4096 Nov 23 21:55 in box\r\n",
    );
}

#[test]
fn list_shows_what_is_neither_file_nor_folder() {
    let link = Entry {
        kind: Kind::Link,
        mode: 0o777,
        ..entry()
    };
    let other = Entry {
        kind: Kind::Other,
        mode: 0,
        ..entry()
    };

    assert!(line(&link, ListFormat::Long).starts_with("lrwxrwxrwx "));
    assert!(line(&other, ListFormat::Long).starts_with("c--------- "));
}

#[test]
fn list_shows_the_year_of_what_is_older_than_half_a_year_or_in_the_future() {
    let date = |modified| {
        let entry = Entry {
            modified: Timestamp(modified),
            ..entry()
        };
        line(&entry, ListFormat::Long)
            .get(47..59)
            .map(ToString::to_string)
            .unwrap()
    };
    let half_a_year = 182 * 86_400;

    assert_eq!(date(NOW.0 - half_a_year + 1), "May 25 21:55");
    assert_eq!(date(NOW.0 - half_a_year), "May 25  2026");
    assert_eq!(date(NOW.0 + 1), "Nov 23  2026");
    assert_eq!(date(0), "Jan  1  1970");
    assert_eq!(date(-1), "Dec 31  1969");
    assert_eq!(date(i64::MIN), "Jan  1  0000");
    assert_eq!(date(i64::MAX), "Dec 31  9999");
}

#[test]
fn nlst_is_the_name_alone() {
    check(&entry(), ListFormat::Names, r"report.csv\r\n");
}

#[test]
fn mlsd_shows_all_facts_without_a_choice() {
    check(
        &entry(),
        FACTS,
        r"type=file;size=5;modify=20261123215500;unix.mode=0640;unique=1f3; report.csv\r\n",
    );
    check(
        &Entry {
            kind: Kind::Folder,
            ..entry()
        },
        FACTS,
        r"type=dir;modify=20261123215500;unix.mode=0640;unique=1f3; report.csv\r\n",
    );
}

#[test]
fn only_permission_bits_are_shown() {
    let entry = Entry {
        mode: 0o106_640,
        ..entry()
    };

    assert!(line(&entry, FACTS).contains("unix.mode=0640;"));
    assert!(line(&entry, ListFormat::Long).starts_with("-rw-r----- "));
}

#[test]
fn mlsd_shows_the_chosen_facts_in_its_own_order() {
    let formats = [
        ("size;type;", r"type=file;size=5; report.csv\r\n"),
        ("Type;Perm;create;", r"type=file; report.csv\r\n"),
        ("", r" report.csv\r\n"),
    ];

    for (names, expected) in formats {
        let facts = Facts::choose(names.as_bytes());
        check(&entry(), ListFormat::Facts(facts), expected);
    }
}

#[test]
fn feat_names_all_facts_and_stars_the_chosen() {
    assert_eq!(
        Facts::default().feature(),
        "type*;size*;modify*;unix.mode*;unique*;"
    );
    assert_eq!(
        Facts::choose(b"size").feature(),
        "type;size*;modify;unix.mode;unique;"
    );
}

#[test]
fn the_answer_to_a_choice_repeats_what_was_understood() {
    assert_eq!(
        Facts::choose(b"UNIQUE;size;perm").to_string(),
        "size;unique;"
    );
    assert_eq!(Facts::choose(b"perm;").to_string(), "");
}

#[test]
fn a_name_is_the_bytes_that_it_is() {
    let entry = Entry {
        name: b" caf\xe9\xff \t".to_vec(),
        ..entry()
    };

    check(&entry, ListFormat::Names, r" caf\xe9\xff \t\r\n");
}

#[test]
fn a_name_that_would_forge_a_line_is_left_out() {
    for name in [
        b"a\r\n-rw-r--r-- 1 0 0 0 Jan 1 1970 b".as_slice(),
        b"a\nb",
        b"a\rb",
        b"a\0b",
        b"",
    ] {
        for format in [ListFormat::Long, ListFormat::Names, FACTS] {
            let entry = Entry {
                name: name.to_vec(),
                ..entry()
            };
            check(&entry, format, "");
        }
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    (
        prop::collection::vec(
            prop_oneof![9 => any::<u8>(), 1 => Just(b'\r'), 1 => Just(b'\n')],
            0..20,
        ),
        prop::sample::select([Kind::File, Kind::Folder, Kind::Link, Kind::Other].as_slice()),
        any::<(u64, u32, i64, (u32, u32), u64, u64)>(),
    )
        .prop_map(
            |(name, kind, (size, mode, modified, owner, links, unique))| Entry {
                name,
                kind,
                size,
                mode,
                modified: Timestamp(modified),
                owner,
                links,
                unique,
            },
        )
}

proptest! {
    #[test]
    fn an_entry_is_one_line_that_ends_with_its_name_or_none(
        entry in any_entry(),
        now: i64,
        chosen in 0..3_usize,
    ) {
        let format = [ListFormat::Long, ListFormat::Names, FACTS][chosen];
        let mut line = b"before\r\n".to_vec();

        entry.write(format, Timestamp(now), &mut line);

        let line = line.strip_prefix(b"before\r\n").unwrap();
        if !line.is_empty() {
            let end = [entry.name.as_slice(), b"\r\n"].concat();
            prop_assert!(line.ends_with(&end));
            let ends = line.iter().filter(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
            prop_assert_eq!(ends, 2);
        }
    }

    /// As clients read it: nine columns between spaces.
    #[test]
    fn a_line_of_list_has_eight_columns_before_the_name(entry in any_entry()) {
        let entry = Entry { name: b"name".to_vec(), ..entry };
        let line = line(&entry, ListFormat::Long);

        let columns: Vec<&str> = line.split_ascii_whitespace().collect();

        prop_assert_eq!(columns.len(), 9);
        prop_assert_eq!(columns[0].len(), 10);
        prop_assert_eq!(columns[4].parse(), Ok(entry.size));
    }
}
