//! The page of all conditions for people, made of what the golden cases say (`UPDATE=1` rewrites it).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize as _;
use serde_json::Value;

use crate::pages;

/// The conditions in the order in which they are explained, and what each is about.
const ENDPOINT: [(&str, &str); 7] = [
    ("Accepted", "Whether what is written can be served."),
    (
        "ResolvedRefs",
        "Whether everything that is named is there: Secrets, the claim, the issuer.",
    ),
    (
        "CertificateReady",
        "Whether every FTPS listener has a certificate that clients take.",
    ),
    (
        "Programmed",
        "Whether the objects of the cluster are as wanted, clients have an address, and gateways serve what is written.",
    ),
    (
        "Progressing",
        "Whether gateways are being started, replaced or stopped, or load what is new.",
    ),
    (
        "Ready",
        "Sums up. While one of `Accepted`, `ResolvedRefs`, `CertificateReady` and `Programmed` is false it has that reason.",
    ),
    (
        "Stalled, Reconciling",
        "For tools that know kstatus, such as Flux; there only while they are true. `Stalled`: somebody has to mend \
         something. `Reconciling`: it becomes ready by itself. They have the reason of the condition that they come from.",
    ),
];

const USER: [(&str, &str); 1] = [(
    "Ready",
    "Whether the user may log in; an entry for each endpoint that selects the user, and the sum of them.",
)];

/// Status and reason of a condition, and what it said in some case.
type Rows = BTreeMap<(String, String), String>;

#[test]
fn the_page_is_current() {
    pages::check("conditions.md", &page(&told()));
}

#[test]
fn every_mistake_is_told_in_the_status_of_some_case() {
    let told = told();
    let told: BTreeSet<&str> = told
        .values()
        .flat_map(BTreeMap::keys)
        .map(|(_, reason)| reason.as_str())
        .collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/problem.rs");
    let source = fs::read_to_string(source).unwrap();
    let (_, reasons) = source.split_once("fn reason(").unwrap();
    let (reasons, _) = reasons.split_once("\n    }\n").unwrap();
    let reasons: BTreeSet<&str> = reasons.split('"').skip(1).step_by(2).collect();
    assert!(reasons.len() > 20, "{reasons:?}");
    let untold: Vec<_> = reasons.difference(&told).collect();
    assert!(untold.is_empty(), "no case has {untold:?}");
}

/// What the golden cases say, by object and condition: for each reason the words of the first case that has it.
fn told() -> BTreeMap<(&'static str, String), Rows> {
    let mut told = BTreeMap::new();
    for path in status_files() {
        let text = fs::read_to_string(path).unwrap();
        for document in serde_norway::Deserializer::from_str(&text) {
            let status = Value::deserialize(document).unwrap();
            gather("SecureFtpEndpoint", &status["endpoint"], &mut told);
            for user in status["users"].as_object().unwrap().values() {
                gather("SecureFtpUser", user, &mut told);
            }
        }
    }
    told
}

fn gather(object: &'static str, status: &Value, told: &mut BTreeMap<(&'static str, String), Rows>) {
    for condition in status["conditions"].as_array().unwrap() {
        let word = |field: &str| condition[field].as_str().unwrap().to_owned();
        let rows = told.entry((object, word("type"))).or_default();
        let row = rows.entry((word("status"), word("reason")));
        row.or_insert_with(|| word("message"));
    }
}

fn status_files() -> Vec<PathBuf> {
    let clusters = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clusters");
    let folders = fs::read_dir(clusters).unwrap();
    let files = folders.map(|folder| folder.unwrap().path().join("status.yaml"));
    let mut files: Vec<_> = files.filter(|file| file.exists()).collect();
    files.sort();
    files
}

fn page(told: &BTreeMap<(&'static str, String), Rows>) -> String {
    let mut page = "\
# Conditions

What `kubectl describe` shows of an endpoint and of a user, reason by reason. Every change of a condition is an event, too,
with the same reason and words. Nothing here is edited by hand: the words are those of the golden cases in
`operator/plan/tests/clusters`, and `UPDATE=1 cargo test -p plan` writes this page.
"
    .to_owned();
    for (object, kinds) in [
        ("SecureFtpEndpoint", &ENDPOINT[..]),
        ("SecureFtpUser", &USER),
    ] {
        write!(page, "\n## {object}\n").unwrap();
        for (kind, about) in kinds {
            write!(page, "\n### {kind}\n\n{about}\n").unwrap();
            let rows = told.get(&(object, (*kind).to_owned()));
            let own = rows.into_iter().flatten();
            let mut own = own.filter(|(_, words)| !is_of_another(words)).peekable();
            if own.peek().is_some() {
                page.push_str("\n| status | reason | for example |\n|---|---|---|\n");
            }
            for ((status, reason), words) in own {
                let words = words.replace('|', "\\|");
                writeln!(page, "| {status} | `{reason}` | {words} |").unwrap();
            }
        }
    }
    page
}

/// `Ready` says of which other condition it speaks.
fn is_of_another(words: &str) -> bool {
    ENDPOINT
        .iter()
        .any(|(kind, _)| words.starts_with(&format!("{kind}: ")))
}
