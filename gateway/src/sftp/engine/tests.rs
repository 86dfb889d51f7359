//! The engine on a storage that hangs where the test wants it.
#![expect(clippy::panic, reason = "a test that cannot go on has failed")]

use std::{collections::HashMap, time::Duration};

use bytes::BytesMut;
use sftp::{Answer, Code, Message, OpenFlags, Packet, Packets, Request};
use tokio::time::timeout;

use super::{Cut, Engine, EngineLimits, ProtocolError};
use crate::{drain::Drain, storage::doors::Doors};

const PATIENCE: Duration = Duration::from_secs(20);
const MIB: usize = 1024 * 1024;

/// An engine and what it has answered.
struct Session {
    engine: Engine,
    packets: Packets,
    answers: HashMap<u32, Answered>,
}

/// What tests ask of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answered {
    Status(Code),
    Handle(Vec<u8>),
    Data(usize),
    Size(Option<u64>),
}

impl Session {
    fn new(doors: &Doors) -> Self {
        let limits = EngineLimits {
            memory: 8 * MIB,
            handles: 16,
        };
        let drain = Drain::default().state();
        let mut session = Self {
            engine: Engine::new(doors.files.clone(), limits, drain),
            packets: Packets::default(),
            answers: HashMap::new(),
        };
        session.send(&Message::Initialize { version: 3 }).unwrap();
        session
    }

    fn send(&mut self, message: &Message<'_>) -> Result<(), ProtocolError> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.engine.receive(&bytes)
    }

    fn ask(&mut self, id: u32, request: Request<'_>) {
        self.send(&Message::Request { id, request }).unwrap();
    }

    /// Takes what there is, as a client with a window of 2 MiB.
    fn take(&mut self) {
        let mut out = BytesMut::new();
        self.engine.take_answers(2 * MIB, Cut::Allowed, &mut out);
        let mut input = &out[..];
        while let Some(packet) = self.packets.next(&mut input).unwrap() {
            let bytes = match &packet {
                Packet::Whole(bytes) => bytes,
                Packet::Gathered(bytes) => bytes.as_slice(),
            };
            let (id, answer) = Answer::decode(bytes).unwrap();
            let answered = match answer {
                Answer::Status { code, .. } => Answered::Status(code),
                Answer::Handle(handle) => Answered::Handle(handle.to_vec()),
                Answer::Data(data) => Answered::Data(data.len()),
                Answer::Attributes(attributes) => Answered::Size(attributes.size),
                // Its version stands in place of an id.
                Answer::Version => continue,
                other => panic!("nobody asked for {other:?}"),
            };
            self.answers.insert(id, answered);
        }
    }

    /// Waits for the answer to this request.
    async fn answer(&mut self, id: u32) -> Answered {
        let progress = self.engine.progress();
        loop {
            self.take();
            if let Some(answer) = self.answers.get(&id) {
                return answer.clone();
            }
            let progressed = timeout(PATIENCE, progress.notified()).await;
            progressed.unwrap_or_else(|_elapsed| panic!("no answer to {id}: {:?}", self.answers));
        }
    }

    async fn open(&mut self, id: u32, path: &[u8]) -> Vec<u8> {
        let open = Request::Open {
            path,
            flags: OpenFlags::READ.with(OpenFlags::WRITE),
            attributes: sftp::Attributes::default(),
        };
        self.ask(id, open);
        match self.answer(id).await {
            Answered::Handle(handle) => handle,
            other => panic!("no handle: {other:?}"),
        }
    }
}

const fn read(handle: &[u8], offset: u64) -> Request<'_> {
    Request::Read {
        handle,
        offset,
        length: 32_768,
    }
}

#[tokio::test]
async fn reads_that_hang_hold_up_no_other_handle() {
    let doors = Doors::new().await;
    doors.fill(vec![1; 4 * MIB]);
    let mut session = Session::new(&doors);
    let hung = session.open(1, b"hung").await;
    let other = session.open(2, b"other").await;
    doors.close("hung");

    for number in 0..64 {
        session.ask(100 + number, read(&hung, u64::from(number) * 32_768));
    }
    session.take();
    doors.until_hanging();
    session.ask(3, read(&other, 0));
    session.ask(4, Request::Stat { path: b"other" });

    assert_eq!(session.answer(3).await, Answered::Data(32_768));
    assert_eq!(session.answer(4).await, Answered::Size(Some(4 << 20)));
    assert!(!session.answers.contains_key(&100));
    doors.open("hung");
    assert_eq!(session.answer(163).await, Answered::Data(32_768));
}

#[tokio::test]
async fn what_could_tell_waits_for_the_write() {
    let doors = Doors::new().await;
    let mut session = Session::new(&doors);
    let handle = &session.open(1, b"file").await;
    doors.close("file");

    session.ask(
        2,
        Request::Write {
            handle,
            offset: 0,
            data: &[1; 100],
        },
    );
    session.ask(3, read(handle, 50));
    session.ask(4, Request::HandleStat { handle });
    session.ask(5, Request::Stat { path: b"elsewhere" });
    session.ask(6, Request::Close { handle });
    doors.until_hanging();
    session.take();

    assert!((2..=6).all(|id| !session.answers.contains_key(&id)));
    doors.open("file");
    assert_eq!(session.answer(6).await, Answered::Status(Code::Ok));
    assert_eq!(session.answer(5).await, Answered::Size(Some(100)));
    assert_eq!(session.answers[&2], Answered::Status(Code::Ok));
    assert_eq!(session.answers[&3], Answered::Data(50));
    assert_eq!(session.answers[&4], Answered::Size(Some(100)));
}

#[tokio::test]
async fn writes_that_pile_up_ask_for_a_pause_that_ends() {
    let doors = Doors::new().await;
    let mut session = Session::new(&doors);
    let handle = &session.open(1, b"file").await;
    let data = &vec![1; 256 * 1024];
    doors.close("file");

    let mut count = 0;
    while !session.engine.wants_pause() {
        let offset = u64::from(count) * data.len() as u64;
        session.ask(
            100 + count,
            Request::Write {
                handle,
                offset,
                data,
            },
        );
        count += 1;
    }
    doors.open("file");

    assert_eq!(count, 8, "2 MiB are under way");
    session.answer(99 + count).await;
    session.answer(100).await;
    assert!(!session.engine.wants_pause());
}

#[tokio::test]
async fn a_write_behind_a_sync_that_hangs_asks_for_a_pause_too() {
    let doors = Doors::new().await;
    let mut session = Session::new(&doors);
    let handle = &session.open(1, b"file").await;
    doors.close("file");

    session.ask(2, Request::Sync { handle });
    let data = &vec![1; 256 * 1024];
    for number in 0..8 {
        session.ask(
            100 + number,
            Request::Write {
                handle,
                offset: 0,
                data,
            },
        );
    }

    assert!(session.engine.wants_pause());
    doors.open("file");
    session.answer(107).await;
}

#[tokio::test]
async fn nobody_is_paused_for_what_needs_the_client_and_the_limit_is_named() {
    let doors = Doors::new().await;
    doors.fill(vec![1; MIB]);
    let mut session = Session::new(&doors);
    let handle = &session.open(1, b"file").await;
    let data = &vec![1; 256 * 1024];

    // Its answer waits for room, and the writes behind it for its answer.
    session.ask(2, read(handle, 0));
    let refused = (3..100).find_map(|id| {
        let request = Request::Write {
            handle,
            offset: 0,
            data,
        };
        assert!(!session.engine.wants_pause());
        session.send(&Message::Request { id, request }).err()
    });

    assert_eq!(refused, Some(ProtocolError::Memory { limit: 8 * MIB }));
}

#[tokio::test]
async fn the_end_waits_for_the_write_that_runs() {
    let doors = Doors::new().await;
    let mut session = Session::new(&doors);
    let handle = &session.open(1, b"file").await;
    doors.close("file");
    session.ask(
        2,
        Request::Write {
            handle,
            offset: 0,
            data: b"last words",
        },
    );
    doors.until_hanging();

    let end = tokio::spawn(session.engine.end());
    tokio::task::yield_now().await;
    assert!(!end.is_finished());
    doors.open("file");

    timeout(PATIENCE, end).await.unwrap().unwrap();
    assert!(doors.calls().contains(&"write 0+10 file".to_owned()));
}

#[tokio::test]
async fn the_end_waits_for_no_storage_that_hangs() {
    let doors = Doors::new().await;
    let mut session = Session::new(&doors);
    let handle = &session.open(1, b"file").await;
    doors.close("file");
    session.ask(
        2,
        Request::Write {
            handle,
            offset: 0,
            data: b"last words",
        },
    );
    session.ask(3, Request::Close { handle });
    doors.until_hanging();

    tokio::time::pause();
    let ended = timeout(2 * super::END_PATIENCE, session.engine.end()).await;

    doors.open("file");
    assert!(ended.is_ok(), "it waits for ever");
}
