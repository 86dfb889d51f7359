//! Lines of `authorized_keys`, whatever they are.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plan::{KeyMistake, parse_authorized_key};
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

#[test]
fn a_second_line_is_not_lost_as_a_comment() {
    for ending in ["\n", "\r\n"] {
        let two = format!("{GOOD}{ending}{GOOD}{ending}");

        assert_eq!(parse_authorized_key(&two), Err(KeyMistake::SeveralLines));
    }
}

#[test]
fn an_rsa_key_is_of_a_size_that_the_gateway_verifies() {
    let usual = &[1, 0, 1];

    for bytes in [256, 384, 512, 1024] {
        assert_eq!(rsa_key(usual, &modulus(bytes)), Ok(()), "{bytes} bytes");
    }
    for bytes in [128, 255, 1025, 2048] {
        let refused = rsa_key(usual, &modulus(bytes));
        assert_eq!(refused, Err(KeyMistake::RsaBits(bytes * 8)));
    }
    assert_eq!(
        rsa_key(&[4, 0, 0, 0, 1], &modulus(256)),
        Err(KeyMistake::Damaged)
    );
}

#[test]
fn an_rsa_key_that_no_client_writes_so_is_damaged() {
    let usual: &[u8] = &[1, 0, 1];
    let long = [&[0], modulus(256).as_slice()].concat();
    let negative = modulus(256).split_off(1);

    for (exponent, modulus) in [
        (usual, &long),
        (usual, &negative),
        (&[0, 1, 0, 1], &modulus(256)),
        (&[0], &modulus(256)),
        (&[], &modulus(256)),
    ] {
        assert_eq!(rsa_key(exponent, modulus), Err(KeyMistake::Damaged));
    }
}

/// A number of as many bytes, its highest bit set: in SSH's wire format a zero goes first.
fn modulus(bytes: usize) -> Vec<u8> {
    [vec![0], vec![0xff; bytes]].concat()
}

fn rsa_key(exponent: &[u8], modulus: &[u8]) -> Result<(), KeyMistake> {
    let fields = [b"ssh-rsa", exponent, modulus].map(|field| {
        let length = u32::try_from(field.len()).unwrap().to_be_bytes();
        [&length, field].concat()
    });
    let line = format!("ssh-rsa {}", STANDARD.encode(fields.concat()));
    parse_authorized_key(&line).map(|_| ())
}

const GOOD: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f supplier";
