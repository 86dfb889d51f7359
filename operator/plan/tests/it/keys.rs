//! Lines of `authorized_keys`, whatever they are.

use plan::parse_authorized_key;
use proptest::prelude::*;

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in "\\PC*") {
        let _key_or_mistake = parse_authorized_key(&line);
    }

    #[test]
    fn no_damage_of_a_good_line_makes_the_parser_panic(
        position in 0..GOOD.len(),
        replacement in any::<char>(),
    ) {
        let mut characters: Vec<char> = GOOD.chars().collect();
        characters[position] = replacement;

        let _key_or_mistake = parse_authorized_key(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn a_key_that_is_cut_off_is_refused(end in 12..GOOD.len() - 10) {
        prop_assert!(parse_authorized_key(GOOD.get(..end).unwrap()).is_err());
    }

    #[test]
    fn a_mistake_never_repeats_what_may_be_a_secret(
        before in "(ssh-ed25519 |from=|-----BEGIN )?",
        secret in "[A-Z0-9]{12,40}",
        after in "( ssh-rsa)?",
    ) {
        let mistake = parse_authorized_key(&format!("{before}{secret}{after}")).unwrap_err();

        prop_assert!(!mistake.to_string().contains(&secret), "{mistake}");
    }

    #[test]
    fn a_comment_is_kept_as_it_is(comment in "[!-~]{1,20}( [!-~]{1,20}){0,3}") {
        let key = parse_authorized_key(&format!("{GOOD} {comment}")).unwrap().unwrap();

        prop_assert_eq!(key.comment, format!("supplier {comment}"));
    }
}

const GOOD: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f supplier";
