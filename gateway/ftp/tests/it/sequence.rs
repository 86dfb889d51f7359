//! Where this server answers otherwise than RFC 959 §5.4 lists: the table in the transcripts' README is what a reader
//! trusts.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, mem,
};

use crate::{script::unescape, transcripts};

/// RFC 959 §5.4: verbs, and what they are answered at last.
const SEQUENCES: &[(&str, &str)] = &[
    ("USER", "230 530 500 501 421 331 332"),
    ("PASS", "230 202 530 500 501 503 421 332"),
    ("ACCT", "230 202 530 500 501 503 421"),
    ("CWD", "250 500 501 502 421 530 550"),
    ("CDUP", "200 500 501 502 421 530 550"),
    ("SMNT", "202 250 500 501 502 421 530 550"),
    ("REIN", "220 421 500 502"),
    ("QUIT", "221 500"),
    ("PORT", "200 500 501 421 530"),
    ("PASV", "227 500 501 502 421 530"),
    ("MODE TYPE STRU", "200 500 501 504 421 530"),
    ("ALLO", "200 202 500 501 504 421 530"),
    ("REST", "500 501 502 421 530 350"),
    ("STOR STOU", "532 450 452 553 500 501 421 530"),
    ("RETR", "450 550 500 501 421 530"),
    ("LIST NLST", "450 500 501 502 421 530"),
    ("APPE", "532 450 550 452 553 500 501 502 421 530"),
    ("RNFR", "450 550 500 501 502 421 530 350"),
    ("RNTO", "250 532 553 500 501 502 503 421 530"),
    ("DELE", "250 450 550 500 501 502 421 530"),
    ("RMD", "250 500 501 502 421 530 550"),
    ("MKD", "257 500 501 502 421 530 550"),
    ("PWD", "257 500 501 502 421 550"),
    ("ABOR", "225 226 500 501 502 421"),
    ("SYST", "215 500 501 502 421"),
    ("STAT", "211 212 213 450 500 501 502 421 530"),
    ("HELP", "211 214 500 501 502 421"),
    ("SITE", "200 202 500 501 530"),
    ("NOOP", "200 500 421"),
];

/// The same once they have been answered 150.
const AFTER_150: &[(&str, &str)] = &[
    ("STOR STOU APPE", "226 250 425 426 451 551 552"),
    ("RETR LIST NLST", "226 250 425 426 451"),
];

/// What the README calls these verbs.
const GROUPS: &[(&str, &str)] = &[
    ("transfers", "RETR STOR STOU APPE LIST NLST"),
    ("commands on files", "CWD RNFR RNTO DELE RMD MKD STAT"),
];

/// A verb, and a reply that RFC 959 does not have for it.
type Deviation = (String, String);

#[test]
fn the_readme_tells_where_replies_are_not_those_of_rfc_959() {
    let shown: BTreeSet<Deviation> = transcripts::transcripts()
        .into_iter()
        .flat_map(|file| deviations(&fs::read_to_string(file).unwrap()))
        .collect();
    let rows: Vec<BTreeSet<Deviation>> = include_str!("../transcripts/README.md")
        .lines()
        .skip_while(|line| !line.starts_with("| reply |"))
        .skip(2)
        .map_while(|line| line.strip_prefix("| ")?.split_once(" | "))
        .map(|(codes, rest)| row(codes, rest.split(" | ").next().unwrap()))
        .collect();
    let told: BTreeSet<_> = rows.iter().flatten().cloned().collect();

    let untold: Vec<_> = shown.difference(&told).collect();
    assert!(untold.is_empty(), "the README has no {untold:?}");
    for row in rows {
        assert!(!row.is_disjoint(&shown), "no transcript shows {row:?}");
    }
}

/// Each of these codes to each of these verbs.
fn row(codes: &str, verbs: &str) -> BTreeSet<Deviation> {
    let groups = GROUPS.iter().filter(|(name, _)| verbs.contains(name));
    let members = groups.flat_map(|(_, members)| members.split(' '));
    let named = verbs.split('`').skip(1).step_by(2);
    named
        .chain(members)
        .flat_map(|verb| {
            let codes = codes.split(", ");
            codes.map(move |code| (verb.to_owned(), code.to_owned()))
        })
        .collect()
}

/// What one transcript shows. Replies come in the order of the commands; `NOOP` and `STAT` alone are answered beside a
/// transfer.
fn deviations(transcript: &str) -> Vec<Deviation> {
    let mut unanswered = VecDeque::new();
    let mut sequences = SEQUENCES;
    let mut found = vec![];
    for line in transcript.lines() {
        if line == "= begun with a running upload" {
            unanswered.push_back("STOR".to_owned());
            sequences = AFTER_150;
        }
        if let Some(said) = line.strip_prefix("C:") {
            unanswered.push_back(verb(said));
        }
        let Some(code) = code(line) else {
            continue;
        };
        let (verb, allowed) = match code {
            "150" => {
                sequences = AFTER_150;
                continue;
            }
            "200" | "211" if sequences == AFTER_150 => (unanswered.pop_back(), SEQUENCES),
            _ => (
                unanswered.pop_front(),
                mem::replace(&mut sequences, SEQUENCES),
            ),
        };
        if code == "234" {
            // What came in clear is thrown away.
            unanswered.clear();
        }
        // Greetings and goodbyes are asked for by nobody.
        found.extend(
            verb.filter(|verb| deviates(verb, code, allowed))
                .map(|verb| (verb, code.to_owned())),
        );
    }
    found
}

/// Whether RFC 959 has this verb, but not with this reply.
fn deviates(verb: &str, code: &str, sequences: &[(&str, &str)]) -> bool {
    let sequence = sequences
        .iter()
        .find(|(verbs, _)| verbs.split(' ').any(|other| other == verb));
    sequence.is_some_and(|(_, codes)| !codes.contains(code))
}

/// The code of a reply, on its last line.
fn code(line: &str) -> Option<&str> {
    let (code, text) = line.strip_prefix("S: ")?.split_at_checked(3)?;
    let is_last = text.starts_with(' ') && code.bytes().all(|byte| byte.is_ascii_digit());
    is_last.then_some(code)
}

/// Without Telnet's commands.
fn verb(said: &str) -> String {
    let letters: Vec<u8> = unescape(said.trim_start())
        .into_iter()
        .filter(u8::is_ascii)
        .collect();
    let line = String::from_utf8(letters).unwrap();
    line.split(' ').next().unwrap().to_ascii_uppercase()
}
