//! Every file in `tests/transcripts` is one conversation; its README says how to read them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ftp::Command;

use crate::script;

#[test]
fn every_transcript_is_reproduced() {
    let files = transcripts();
    assert!(files.len() >= 80, "only {} transcripts", files.len());

    for file in files {
        check(&file);
    }
}

/// Replays what goes into a transcript and compares the whole conversation.
fn check(file: &Path) {
    let expected = fs::read_to_string(file).unwrap();
    let actual = script::replay(&expected, file);
    if std::env::var_os("UPDATE").is_some() {
        // Other tests may be reading it.
        let anew = file.with_extension("anew");
        fs::write(&anew, &actual).unwrap();
        return fs::rename(anew, file).unwrap();
    }
    assert!(
        actual == expected,
        "{} differs; UPDATE=1 rewrites it. It should be:\n{actual}",
        file.display()
    );
}

/// A reader must find the rule: an RFC without its section is a book without a page.
#[test]
fn every_transcript_says_its_rule_and_where_it_is_from() {
    let lost: Vec<_> = transcripts()
        .into_iter()
        .filter(|file| !names_its_source(&heading(file)))
        .collect();

    assert!(
        lost.is_empty(),
        "no section, and not `our own rule`: {lost:#?}"
    );
}

/// `RFC 959 §5.4`, `RFC 959, appendix II`, and `RFC 854, "HEADING"` where headings have no numbers.
fn names_its_source(heading: &str) -> bool {
    let mut sources = heading
        .split("RFC ")
        .skip(1)
        .filter(|source| source.starts_with(|letter: char| letter.is_ascii_digit()))
        .map(|source| source.trim_start_matches(|letter: char| letter.is_ascii_digit()))
        .peekable();
    let has_place = |source: &str| {
        let places = [" §", ", appendix ", ", \""];
        places.iter().any(|place| source.starts_with(place))
    };
    match sources.peek() {
        None => heading.contains("our own rule"),
        Some(_) => sources.all(has_place),
    }
}

/// The lines that a transcript begins with, as one.
fn heading(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .map_while(|line| line.strip_prefix("# "))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_command_is_in_a_transcript() {
    let said: BTreeSet<String> = lines_of_all()
        .filter_map(|line| line.strip_prefix("C: ").map(str::to_owned))
        .filter_map(|line| line.split(' ').next().map(str::to_ascii_uppercase))
        .collect();

    let silent: Vec<_> = Command::verbs()
        .filter(|verb| !said.contains(*verb))
        .collect();
    assert!(silent.is_empty(), "no transcript has {silent:?}");
}

/// The table in `reply.rs` is what a reader trusts.
#[test]
fn the_documented_codes_are_those_that_are_sent() {
    let table: BTreeSet<u16> = include_str!("../../src/reply.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split(" |").next())
        .flat_map(|codes| codes.split(", "))
        .filter_map(|code| code.parse().ok())
        .collect();
    let sent: BTreeSet<u16> = lines_of_all()
        .filter_map(|line| line.strip_prefix("S: ")?.get(..3)?.parse().ok())
        .collect();

    assert_eq!(table, sent);
}

fn lines_of_all() -> impl Iterator<Item = String> {
    transcripts().into_iter().flat_map(|file| {
        let text = fs::read_to_string(file).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    })
}

pub(crate) fn transcripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = children(&root)
        .filter(|path| path.is_dir())
        .flat_map(|topic| children(&topic))
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

fn children(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
}
