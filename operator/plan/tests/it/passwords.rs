//! Values of password Secrets, whatever they are.

use plan::{PasswordHashes, PasswordMistake, PasswordValue, Plaintext, password_value};
use proptest::prelude::*;

use crate::manifests::Manifests;

proptest! {
    #[test]
    fn no_value_makes_the_parser_panic(value in any::<Vec<u8>>()) {
        let _password_or_mistake = password_value(&value);
    }

    #[test]
    fn nothing_that_starts_like_a_hash_makes_the_parser_panic(
        value in "\\$(argon2id|argon2i|2a|2b|2y|5|6|y)\\$[,./0-9A-Za-z$=]{0,80}",
    ) {
        let read = password_value(value.as_bytes());

        prop_assert!(!matches!(read, Ok(PasswordValue::Plaintext(_))));
    }
}

#[test]
fn one_line_ending_is_no_part_of_a_password() {
    for (value, password) in [
        ("secret", "secret"),
        ("secret\n", "secret"),
        ("secret\r\n", "secret"),
        ("secret\n\n", "secret\n"),
        (" secret ", " secret "),
        ("$ecret", "$ecret"),
        ("$ecret$", "$ecret$"),
    ] {
        assert_eq!(
            plaintext(value).as_bytes(),
            password.as_bytes(),
            "{value:?}"
        );
    }
}

#[test]
fn an_empty_password_is_refused() {
    for value in ["", "\n", "\r\n"] {
        assert_eq!(
            password_value(value.as_bytes()),
            Err(PasswordMistake::Empty),
            "{value:?}"
        );
    }
}

#[test]
fn a_password_is_never_shown() {
    let shown = format!("{:?}", password_value(b"demonstration"));

    assert!(!shown.contains("demonstration"), "{shown}");
}

#[test]
fn a_password_without_its_hash_opens_nothing() {
    let manifests = Manifests::parse(include_str!("../golden/shortest/manifests.yaml"));

    let compiled = plan::compile(
        manifests.sources(),
        &PasswordHashes::new(),
        &manifests.placement(),
    );

    let reasons: Vec<_> = compiled
        .problems
        .iter()
        .map(|problem| problem.mistake.reason())
        .collect();
    assert_eq!(reasons, ["PasswordNotHashed"]);
    assert!(compiled.configuration.users.is_empty());
}

fn plaintext(value: &str) -> Plaintext {
    match password_value(value.as_bytes()) {
        Ok(PasswordValue::Plaintext(plaintext)) => plaintext,
        other => panic!("{other:?}"),
    }
}
