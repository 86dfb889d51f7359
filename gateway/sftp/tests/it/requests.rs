use proptest::prelude::*;
use sftp::{Attributes, InvalidMessage, Message, OpenFlags, PACKET_MAX, Packet, Packets, Request};

/// Owned fields that any request can be made of.
#[derive(Clone, Debug)]
struct Fields {
    one: Vec<u8>,
    other: Vec<u8>,
    attributes: Attributes,
    offset: u64,
    number: u32,
}

fn any_fields() -> impl Strategy<Value = Fields> {
    let name = || prop::collection::vec(any::<u8>(), 0..30);
    (name(), name(), any_attributes(), any::<u64>(), any::<u32>()).prop_map(
        |(one, other, attributes, offset, number)| Fields {
            one,
            other,
            attributes,
            offset,
            number,
        },
    )
}

pub(crate) fn any_attributes() -> impl Strategy<Value = Attributes> {
    (
        any::<Option<u64>>(),
        any::<Option<(u32, u32)>>(),
        any::<Option<u32>>(),
        any::<Option<(u32, u32)>>(),
    )
        .prop_map(|(size, owner, mode, times)| Attributes {
            size,
            owner,
            mode,
            times,
        })
}

/// Every request there is.
fn every_request(fields: &Fields) -> Vec<Request<'_>> {
    let Fields {
        one,
        other,
        attributes,
        offset,
        number,
    } = fields;
    let (path, handle, source, attributes) = (&**one, &**one, &**one, *attributes);
    let (target, data, offset, length) = (&**other, &**other, *offset, *number);
    vec![
        Request::Open {
            path,
            flags: OpenFlags(length),
            attributes,
        },
        Request::Close { handle },
        Request::Read {
            handle,
            offset,
            length,
        },
        Request::Write {
            handle,
            offset,
            data,
        },
        Request::LinkStat { path },
        Request::HandleStat { handle },
        Request::SetStat { path, attributes },
        Request::HandleSetStat { handle, attributes },
        Request::OpenFolder { path },
        Request::ReadFolder { handle },
        Request::Remove { path },
        Request::MakeFolder { path, attributes },
        Request::RemoveFolder { path },
        Request::RealPath { path },
        Request::Stat { path },
        Request::Rename { source, target },
        Request::ReadLink { path },
        Request::Symlink {
            text: source,
            link: target,
        },
        Request::PosixRename { source, target },
        Request::HardLink { source, target },
        Request::Space { path },
        Request::HandleSpace { handle },
        Request::Sync { handle },
        Request::LinkSetStat { path, attributes },
        Request::Limits,
        Request::ExpandPath { path },
        Request::UnknownExtension {
            name: b"nobody@example.com",
        },
    ]
}

fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

fn body(bytes: &[u8]) -> Vec<u8> {
    match Packets::default().next(&mut { bytes }) {
        Ok(Some(Packet::Whole(body))) => body.to_vec(),
        other => panic!("no whole packet: {other:?}"),
    }
}

#[test]
fn a_request_is_what_the_draft_draws() {
    let read = Message::Request {
        id: 7,
        request: Request::Read {
            handle: b"h",
            offset: 256,
            length: 5,
        },
    };
    let symlink_as_openssh_sends_it = Message::Request {
        id: 1,
        request: Request::Symlink {
            text: b"to",
            link: b"l",
        },
    };

    assert_eq!(
        encoded(&read),
        b"\0\0\0\x16\x05\0\0\0\x07\0\0\0\x01h\0\0\0\0\0\0\x01\0\0\0\0\x05"
    );
    assert_eq!(
        encoded(&symlink_as_openssh_sends_it),
        b"\0\0\0\x10\x14\0\0\0\x01\0\0\0\x02to\0\0\0\x01l"
    );
    assert_eq!(
        encoded(&Message::Initialize { version: 3 }),
        b"\0\0\0\x05\x01\0\0\0\x03"
    );
}

#[test]
fn a_broken_request_keeps_its_id() {
    let no_path = b"\x07\0\0\0\x09\0\0\0\x05ab";
    let no_id = b"\x07\0\0";
    let no_such_type = b"\x63\0\0\0\x09";

    assert_eq!(
        Message::decode(no_path),
        Err(InvalidMessage::Malformed { id: 9 })
    );
    assert_eq!(Message::decode(no_id), Err(InvalidMessage::Unanswerable));
    assert_eq!(Message::decode(b""), Err(InvalidMessage::Unanswerable));
    assert_eq!(
        Message::decode(no_such_type),
        Err(InvalidMessage::UnknownType { id: 9, number: 99 })
    );
}

#[test]
fn extended_attributes_are_read_over() {
    let setstat =
        b"\x09\0\0\0\x01\0\0\0\x01a\x80\0\0\x04\0\0\x01\xa4\0\0\0\x01\0\0\0\x01k\0\0\0\x01v";

    let message = Message::decode(setstat).unwrap();

    let attributes = Attributes {
        mode: Some(0o644),
        ..Attributes::default()
    };
    assert_eq!(
        message,
        Message::Request {
            id: 1,
            request: Request::SetStat {
                path: b"a",
                attributes
            }
        }
    );
}

#[test]
fn the_longest_write_of_openssh_fits_a_packet() {
    let data = vec![0; 262_144];
    let write = Message::Request {
        id: 1,
        request: Request::Write {
            handle: &[0; 8],
            offset: 0,
            data: &data,
        },
    };

    assert!(encoded(&write).len() <= PACKET_MAX as usize);
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(fields in any_fields(), id in any::<u32>()) {
        for request in every_request(&fields) {
            let message = Message::Request { id, request };
            let packet = body(&encoded(&message));
            prop_assert_eq!(Message::decode(&packet), Ok(message));
        }
    }

    #[test]
    fn a_truncated_request_is_malformed_and_never_panics(fields in any_fields(), cut in 5_usize..60) {
        for request in every_request(&fields) {
            let message = Message::Request { id: 3, request };
            let whole = body(&encoded(&message));
            if let Some(part) = whole.get(..cut).filter(|part| part.len() < whole.len()) {
                prop_assert_ne!(Message::decode(part), Ok(message));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), number in 0_u8..=201) {
        let _outcome = Message::decode(&bytes);
        let typed: Vec<u8> = [number].into_iter().chain(bytes).collect();
        let _outcome = Message::decode(&typed);
    }
}
