//! What a client may use, and what happens to one that wants more.

use bytes::BytesMut;
use gateway::sftp::{Cut, EngineLimits, ProtocolError};
use sftp::{Answer, Code, Message, OpenFlags, Request};

use super::client::{Home, LIMITS, progressed};

fn encoded(messages: &[Message<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes);
    }
    bytes
}

#[tokio::test]
async fn an_over_long_packet_ends_the_conversation() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;

    client.send_bytes(b"\0\x10\0\0garbage").await;

    assert_eq!(client.receive().await, None);
    assert_eq!(
        client.ended().await,
        Err(ProtocolError::PacketTooLong { length: 1 << 20 })
    );
}

#[tokio::test]
async fn a_packet_without_an_id_ends_the_conversation() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;

    client.send_bytes(b"\0\0\0\x02\x07\0").await;

    assert_eq!(client.ended().await, Err(ProtocolError::Unanswerable));
}

#[tokio::test]
async fn init_comes_first_and_once() {
    let home = Home::in_memory().await;
    let init = encoded(&[Message::Initialize { version: 3 }]);
    let request = encoded(&[Message::Request {
        id: 1,
        request: Request::Limits,
    }]);

    for bytes in [request, [init.clone(), init].concat()] {
        let mut client = home.stranger(LIMITS);
        client.send_bytes(&bytes).await;
        assert_eq!(client.ended().await, Err(ProtocolError::Greeting));
    }
}

#[tokio::test]
async fn handles_are_limited_and_come_back() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    let folder = Request::OpenFolder { path: b"/" };
    let mut handles = Vec::new();
    for _ in 0..LIMITS.handles {
        handles.push(client.handle(folder.clone()).await);
    }

    let (code, words) = client.status(folder.clone()).await;
    client
        .done(Request::Close {
            handle: &handles[0],
        })
        .await;

    assert_eq!(code, Code::Failure);
    assert!(words.contains("too many open"), "{words}");
    client.handle(folder).await;
}

#[tokio::test]
async fn a_prefetch_of_32768_reads_is_served_without_breaking_the_limit() {
    for home in [Home::in_memory().await, Home::on_disk().await] {
        prefetch(&home).await;
    }
}

async fn prefetch(home: &Home) {
    let content = vec![7; 300 * 1024 * 1024 / 32];
    std::fs::write(home.folder.path().join("file"), &content).unwrap();
    let mut engine = home.engine(EngineLimits {
        memory: 1024 * 1024,
        handles: 4,
    });
    let open = Request::Open {
        path: b"file",
        flags: OpenFlags::READ,
        attributes: sftp::Attributes::default(),
    };
    engine
        .receive(&encoded(&[
            Message::Initialize { version: 3 },
            Message::Request {
                id: 0,
                request: open,
            },
        ]))
        .unwrap();
    let mut answers = BytesMut::new();
    while !engine.is_idle() {
        engine.take_answers(usize::MAX, Cut::Allowed, &mut answers);
        if !engine.is_idle() {
            progressed(&engine).await;
        }
    }

    for number in 0..32_768_u32 {
        let request = Request::Read {
            handle: &[0; 8],
            offset: u64::from(number) * 32_768,
            length: 32_768,
        };
        engine
            .receive(&encoded(&[Message::Request {
                id: number,
                request,
            }]))
            .unwrap();
    }

    let mut received = 0;
    while !engine.is_idle() {
        answers.clear();
        engine.take_answers(100_000, Cut::Allowed, &mut answers);
        assert!(answers.len() <= 100_000);
        received += answers.len();
        if answers.is_empty() {
            progressed(&engine).await;
        }
    }
    assert!(received > content.len(), "{received}");
    engine.end().await;
}

#[tokio::test]
async fn a_client_that_never_reads_costs_its_queue_and_is_told_the_limit() {
    let home = Home::in_memory().await;
    let limits = EngineLimits {
        memory: 256 * 1024,
        handles: 4,
    };
    let mut engine = home.engine(limits);
    engine
        .receive(&encoded(&[Message::Initialize { version: 3 }]))
        .unwrap();
    let stat = encoded(&[Message::Request {
        id: 1,
        request: Request::Stat { path: b"/" },
    }]);

    let error = (0..100_000)
        .find_map(|_| engine.receive(&stat).err())
        .expect("the limit");

    assert_eq!(
        error,
        ProtocolError::Memory {
            limit: limits.memory
        }
    );
    assert!(error.to_string().contains("262144 bytes"), "{error}");
}

#[tokio::test]
async fn answers_are_cut_only_where_that_is_allowed() {
    let home = Home::in_memory().await;
    let mut engine = home.engine(LIMITS);
    let limits = |id| Message::Request {
        id,
        request: Request::Limits,
    };
    engine
        .receive(&encoded(&[
            Message::Initialize { version: 3 },
            limits(1),
            limits(2),
        ]))
        .unwrap();
    let mut whole = BytesMut::new();
    engine.take_answers(usize::MAX, Cut::Never, &mut whole);
    engine.receive(&encoded(&[limits(1), limits(2)])).unwrap();
    let mut out = BytesMut::new();

    engine.take_answers(40, Cut::Never, &mut out);
    assert!(out.is_empty());
    engine.take_answers(50, Cut::Never, &mut out);
    assert_eq!(out.len(), 41);
    engine.take_answers(7, Cut::Allowed, &mut out);
    assert_eq!(out.len(), 48);
    engine.take_answers(100, Cut::Allowed, &mut out);
    assert_eq!(out, whole[whole.len() - 82..]);
    assert!(engine.is_idle());
}

#[tokio::test]
async fn a_drain_waits_for_open_transfers_only() {
    let home = Home::in_memory().await;
    std::fs::write(home.folder.path().join("file"), "content").unwrap();
    let mut client = home.client().await;
    let handle = client.open(b"file", OpenFlags::READ).await;
    let read = |offset| Request::Read {
        handle: &handle,
        offset,
        length: 100,
    };

    assert_eq!(home.drain.state().transfers(), 0);
    assert_eq!(client.ask(read(0)).await, Answer::Data(b"content"));
    assert_eq!(home.drain.state().transfers(), 1);
    assert_eq!(client.status(read(7)).await.0, Code::Eof);
    assert_eq!(home.drain.state().transfers(), 0);

    let flags = OpenFlags::WRITE.with(OpenFlags::CREATE);
    let upload = client.open(b"new", flags).await;
    client
        .done(Request::Write {
            handle: &upload,
            offset: 0,
            data: b"x",
        })
        .await;
    assert_eq!(home.drain.state().transfers(), 1);
    client.done(Request::Close { handle: &upload }).await;
    assert_eq!(home.drain.state().transfers(), 0);
}
