//! Pipelined requests have the outcome that they would have one after the other.

use std::collections::HashMap;

use sftp::{Answer, Attributes, Code, OpenFlags, Request};

use super::client::Home;

const EDIT: OpenFlags = OpenFlags::READ
    .with(OpenFlags::WRITE)
    .with(OpenFlags::CREATE);

#[tokio::test]
async fn what_was_asked_before_is_seen_afterwards() {
    for home in [Home::in_memory().await, Home::on_disk().await] {
        let mut client = home.client().await;
        let handle = &client.open(b"file", EDIT).await;
        let shorter = Attributes {
            size: Some(3),
            ..Attributes::default()
        };
        let read_at = |offset| Request::Read {
            handle,
            offset,
            length: 10,
        };

        for round in 0..50_u8 {
            let data = &vec![round; 40_000];
            let mut answers = HashMap::new();
            let first = client
                .send(Request::Write {
                    handle,
                    offset: 0,
                    data,
                })
                .await;
            let read = client.send(read_at(39_999)).await;
            let stat = client.send(Request::HandleStat { handle }).await;
            let path = client.send(Request::Stat { path: b"file" }).await;
            for _ in 0..4 {
                let (id, answer) = client.receive().await.unwrap();
                answers.insert(id, answer);
            }
            let cut_to_size = Request::HandleSetStat {
                handle,
                attributes: shorter,
            };
            let cut = client.send(cut_to_size).await;
            let cut_path = client.send(Request::LinkStat { path: b"file" }).await;
            let end = client.send(read_at(3)).await;
            for _ in 0..3 {
                let (id, answer) = client.receive().await.unwrap();
                answers.insert(id, answer);
            }

            let size = |id| match &answers[&id] {
                Answer::Attributes(attributes) => attributes.size,
                other => panic!("{other:?}"),
            };
            let code = |id| match &answers[&id] {
                Answer::Status { code, .. } => *code,
                other => panic!("{other:?}"),
            };
            assert_eq!(code(first), Code::Ok);
            assert_eq!(answers[&read], Answer::Data(&[round]));
            assert_eq!((size(stat), size(path)), (Some(40_000), Some(40_000)));
            assert_eq!(code(cut), Code::Ok);
            assert_eq!(size(cut_path), Some(3));
            assert_eq!(code(end), Code::Eof);
        }
    }
}

#[tokio::test]
async fn close_waits_for_the_requests_of_its_handle() {
    for home in [Home::in_memory().await, Home::on_disk().await] {
        let mut client = home.client().await;
        let handle = &client.open(b"file", EDIT).await;
        let data = &vec![1; 32_768];

        let mut ids = Vec::new();
        for number in 0..200_u64 {
            let offset = number * 32_768;
            ids.push(
                client
                    .send(Request::Write {
                        handle,
                        offset,
                        data,
                    })
                    .await,
            );
        }
        let close = client.send(Request::Close { handle }).await;
        let renamed = client
            .send(Request::Rename {
                source: b"file",
                target: b"final",
            })
            .await;
        let late = client.send(Request::HandleStat { handle }).await;

        let mut answered = HashMap::new();
        for _ in 0..203 {
            let (id, answer) = client.receive().await.unwrap();
            let Answer::Status { code, .. } = answer else {
                panic!("{answer:?}")
            };
            answered.insert(id, code);
            if id == close {
                assert!(ids.iter().all(|id| answered.contains_key(id)));
            }
        }
        assert_eq!(answered.remove(&late), Some(Code::Failure));
        assert!(answered.values().all(|code| *code == Code::Ok));
        assert!(answered.contains_key(&renamed));
        let size = std::fs::metadata(home.folder.path().join("final"))
            .unwrap()
            .len();
        assert_eq!(size, 200 * 32_768);
    }
}

#[tokio::test]
async fn paths_change_in_the_order_of_the_requests() {
    for home in [Home::in_memory().await, Home::on_disk().await] {
        let mut client = home.client().await;
        let attributes = Attributes::default();

        for _ in 0..50 {
            client
                .send(Request::MakeFolder {
                    path: b"a",
                    attributes,
                })
                .await;
            client
                .send(Request::MakeFolder {
                    path: b"a/b",
                    attributes,
                })
                .await;
            client
                .send(Request::Rename {
                    source: b"a",
                    target: b"c",
                })
                .await;
            client.send(Request::RemoveFolder { path: b"c/b" }).await;
            client.send(Request::RemoveFolder { path: b"c" }).await;
        }

        for _ in 0..250 {
            let (_id, answer) = client.receive().await.unwrap();
            assert!(
                matches!(answer, Answer::Status { code: Code::Ok, .. }),
                "{answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn reads_of_many_handles_all_come_back() {
    for home in [Home::in_memory().await, Home::on_disk().await] {
        let mut client = home.client().await;
        let mut handles = Vec::new();
        for number in 0..8_u8 {
            let name = format!("file-{number}");
            std::fs::write(home.folder.path().join(&name), vec![number; 500_000]).unwrap();
            handles.push(client.open(name.as_bytes(), OpenFlags::READ).await);
        }

        let mut expected = HashMap::new();
        for piece in 0..20_u64 {
            for (number, handle) in (0_u8..).zip(&handles) {
                let read = Request::Read {
                    handle,
                    offset: piece * 25_000,
                    length: 25_000,
                };
                expected.insert(client.send(read).await, number);
            }
        }

        for _ in 0..160 {
            let (id, answer) = client.receive().await.unwrap();
            let Answer::Data(data) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(data, vec![expected.remove(&id).unwrap(); 25_000]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_one_handle_are_answered_in_their_order() {
    let home = Home::on_disk().await;
    let mut client = home.client().await;
    let handle = &client.open(b"file", EDIT).await;

    for _round in 0..50 {
        let mut asked = Vec::new();
        for offset in 0..50 {
            let write = Request::Write {
                handle,
                offset,
                data: b"x",
            };
            asked.push(client.send(write).await);
        }
        let mut answered = Vec::new();
        for _ in &asked {
            answered.push(client.receive().await.unwrap().0);
        }

        assert_eq!(answered, asked);
    }
}
