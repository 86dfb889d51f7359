//! What holds whatever a client sends.

use bytes::BytesMut;
use gateway::sftp::{Cut, ProtocolError};
use proptest::prelude::*;
use sftp::{Attributes, Message, OpenFlags, Request};
use tokio::runtime::Builder;

use super::client::{Home, LIMITS, progressed};

/// A request as data: which one, on what, with which numbers.
#[derive(Clone, Debug)]
struct Wish {
    kind: u8,
    name: Vec<u8>,
    handle: [u8; 8],
    offset: u64,
    length: u32,
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let name = prop::sample::select(vec![&b"a"[..], b"b", b"a/c", b"..", b"", b"\xff", b"a\0"]);
    let handle = (0_u8..3, 0_u8..2).prop_map(|(slot, used)| [0, 0, 0, slot, 0, 0, 0, used]);
    (any::<u8>(), name, handle, 0_u64..5000, 0_u32..5000).prop_map(
        |(kind, name, handle, offset, length)| Wish {
            kind,
            name: name.to_vec(),
            handle,
            offset,
            length,
        },
    )
}

impl Wish {
    fn request(&self) -> Request<'_> {
        let (path, handle, offset, length) =
            (&*self.name, &self.handle[..], self.offset, self.length);
        let attributes = Attributes {
            size: Some(offset),
            ..Attributes::default()
        };
        match self.kind % 16 {
            0 => Request::Close { handle },
            1 => Request::HandleStat { handle },
            2 => Request::HandleSetStat { handle, attributes },
            3 => Request::OpenFolder { path },
            4 => Request::ReadFolder { handle },
            5 => Request::Remove { path },
            6 => Request::MakeFolder {
                path,
                attributes: Attributes::default(),
            },
            7 => Request::Rename {
                source: path,
                target: b"b",
            },
            8 => Request::Stat { path },
            9 | 10 => Request::Write {
                handle,
                offset,
                data: &self.handle,
            },
            11 | 12 => Request::Read {
                handle,
                offset,
                length,
            },
            flags => Request::Open {
                path,
                flags: OpenFlags(u32::from(flags) * 7),
                attributes: Attributes::default(),
            },
        }
    }
}

/// Everything that is answered to `bytes` when they arrive in pieces of these sizes. Times would differ.
fn answers(bytes: &[u8], sizes: &[usize]) -> Result<Vec<u8>, ProtocolError> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let home = Home::in_memory().await;
        let mut engine = home.engine(LIMITS);
        let mut out = BytesMut::new();
        let mut rest = bytes;
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            engine.receive(piece)?;
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        while !engine.is_idle() {
            let before = out.len();
            engine.take_answers(64, Cut::Allowed, &mut out);
            if out.len() == before {
                progressed(&engine).await;
            }
        }
        engine.end().await;
        Ok(out.to_vec())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_has_one_answer_however_its_bytes_arrive(
        wishes in prop::collection::vec(any_wish(), 1..40),
        sizes in prop::collection::vec(1_usize..50, 1..10),
    ) {
        let mut bytes = Vec::new();
        Message::Initialize { version: 3 }.encode(&mut bytes);
        for (wish, id) in wishes.iter().zip(100..) {
            Message::Request { id, request: wish.request() }.encode(&mut bytes);
        }

        let whole = ids(&answers(&bytes, &[usize::MAX]).unwrap());
        let pieces = ids(&answers(&bytes, &sizes).unwrap());

        let expected: Vec<u32> = (100..).take(wishes.len()).collect();
        prop_assert_eq!(&whole, &expected);
        prop_assert_eq!(&pieces, &expected);
    }

    #[test]
    fn no_bytes_make_it_panic(
        packets in prop::collection::vec((0_u8..=22, prop::collection::vec(any::<u8>(), 0..60)), 0..20),
    ) {
        let mut bytes = Vec::new();
        Message::Initialize { version: 3 }.encode(&mut bytes);
        for (number, body) in &packets {
            let length = u32::try_from(body.len() + 1).unwrap();
            bytes.extend(length.to_be_bytes());
            bytes.push(*number);
            bytes.extend(body);
        }

        let _outcome = answers(&bytes, &[7]);
    }
}

/// The ids of a stream of answers, sorted, without that of the VERSION packet.
fn ids(mut bytes: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (packet, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        let (number, fields) = packet.split_first().unwrap();
        if *number != 2 {
            ids.push(u32::from_be_bytes(*fields.first_chunk().unwrap()));
        }
        bytes = rest;
    }
    ids.sort_unstable();
    ids
}
