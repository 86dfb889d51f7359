//! What is rendered is what is parsed.

use gateway_config::{Configuration, ENDPOINT_FILE, parse, render};
use proptest::prelude::*;

use crate::samples::configuration;

proptest! {
    #[test]
    fn a_configuration_comes_back_as_it_was(configuration in configuration()) {
        let files = render(&configuration).unwrap();

        let Configuration { endpoint, users } = parse(&files).unwrap();

        prop_assert_eq!(users, configuration.users);
        // Only the digests are new.
        prop_assert!(!endpoint.users.is_empty());
        let mut expected = configuration.endpoint;
        expected.users.clone_from(&endpoint.users);
        prop_assert_eq!(endpoint, expected);
    }

    #[test]
    fn the_same_configuration_gives_the_same_bytes(configuration in configuration()) {
        let once = render(&configuration).unwrap();
        let again = render(&parse(&once).unwrap()).unwrap();

        prop_assert_eq!(once, again);
    }

    #[test]
    fn a_change_of_any_byte_of_a_users_file_is_noticed(
        configuration in configuration(),
        position in any::<prop::sample::Index>(),
    ) {
        let mut files = render(&configuration).unwrap();
        let (path, mut bytes) = files.pop_last().unwrap();
        prop_assert_ne!(&path, ENDPOINT_FILE);
        *position.get_mut(&mut bytes) ^= 1;
        files.insert(path, bytes);

        prop_assert!(matches!(parse(&files), Err(gateway_config::Error::Digest(_))));
    }
}
