use proptest::prelude::*;
use sftp::{Answer, Code, Name, data_header};

use crate::requests::any_attributes;

fn encoded(id: u32, answer: &Answer<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    answer.encode(id, &mut bytes);
    bytes
}

#[test]
fn the_header_of_data_is_that_of_the_packet() {
    let packet = encoded(77, &Answer::Data(b"content"));

    assert_eq!(packet, [&data_header(77, 7)[..], b"content"].concat());
}

#[test]
fn a_status_has_its_message_and_language() {
    let status = Answer::Status {
        code: Code::NoSuchFile,
        message: "gone".into(),
    };

    assert_eq!(
        encoded(2, &status),
        b"\0\0\0\x17\x65\0\0\0\x02\0\0\0\x02\0\0\0\x04gone\0\0\0\x02en"
    );
}

#[test]
fn the_version_is_3_and_names_its_extensions() {
    let packet = encoded(0, &Answer::Version);

    assert_eq!(packet.get(4..9), Some(&b"\x02\0\0\0\x03"[..]));
    assert!(
        packet
            .windows(24)
            .any(|window| window == b"posix-rename@openssh.com")
    );
}

fn any_answer() -> impl Strategy<Value = Answer<'static>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..30);
    let name = (bytes(), bytes(), any_attributes()).prop_map(|(name, line, attributes)| Name {
        name: name.into(),
        line: line.into(),
        attributes,
    });
    prop_oneof![
        any_attributes().prop_map(Answer::Attributes),
        prop::collection::vec(name, 0..5).prop_map(Answer::Names),
        bytes().prop_map(|data| Answer::Extended(data.into())),
        "[a-z ]{0,20}".prop_map(|message| Answer::Status {
            code: Code::Failure,
            message: message.into()
        }),
        Just(Answer::Handle(b"\0\x01handle")),
        Just(Answer::Data(b"\xff\x00data")),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(id in any::<u32>(), answer in any_answer()) {
        let packet = encoded(id, &answer);

        prop_assert_eq!(Answer::decode(&packet[4..]), Ok((id, answer)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), number in 100_u8..=201) {
        let typed: Vec<u8> = [number].into_iter().chain(bytes).collect();
        let _outcome = Answer::decode(&typed);
    }
}
