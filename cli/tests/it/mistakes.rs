//! Every folder below `tests/golden/mistakes` is a mistake that people make, and `expected.txt` what they are told.
//!
//! `UPDATE=1 cargo test -p cli` writes the answers anew; read them before they are committed.

use std::{fs, path::Path, sync::Arc};

use cli::manifest::{self, Source};
use proptest::prelude::*;

use crate::check::{secureftp, text};

#[test]
fn every_mistake_is_named_with_its_place_and_its_mend() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/mistakes");
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    cases.sort();
    assert!(!cases.is_empty());

    for case in cases {
        let case = case.into_string().unwrap();
        let output = secureftp(&["local", &format!("mistakes/{case}"), "--check"])
            .output()
            .unwrap();

        let expected = folder.join(&case).join("expected.txt");
        let said = text(&output.stderr);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        assert_eq!(
            said,
            fs::read_to_string(&expected).unwrap_or_default(),
            "{case}"
        );
        let broken = said.contains("nothing was started");
        assert_eq!(output.status.code(), Some(i32::from(broken)), "{case}");
    }
}

const ENDPOINT: &str = include_str!("../golden/good/partners/partners.yaml");
const USERS: &str = include_str!("../golden/good/partners/users.yaml");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_slip_of_the_hand_is_never_answered_with_a_panic_or_a_place_outside(
        at in 0..ENDPOINT.len() + USERS.len(),
        removed in 0..12_usize,
        added in "[a-z0-9:{}\\[\\]&*<!|'\" \n-]{0,6}",
    ) {
        let whole = format!("{ENDPOINT}---\n{USERS}");
        let kept = whole.chars().take(at).chain(added.chars());
        let text: String = kept.chain(whole.chars().skip(at + removed)).collect();
        let lines = text.lines().count() + 1;

        let source = Source { file: Arc::from("f.yaml"), text };
        let reading = manifest::read_sources(&[source], Vec::new());

        for mistake in reading.mistakes {
            prop_assert!((1..=lines).contains(&mistake.place.position.line), "{mistake}");
        }
    }
}
