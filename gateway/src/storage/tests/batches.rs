//! Reads that are read ahead and writes that become one, over a storage that hangs where the test wants it.

use std::{pin::pin, time::Instant};

use crate::storage::{Attributes, Error, fake::PATIENCE};

use super::{
    lane::{IMPATIENT, KIB, PATIENT, begin, files, open, piece, volume},
    poll,
};

#[tokio::test]
async fn contiguous_writes_that_wait_become_one() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();
    fake.close("a");

    let mut writes = Vec::new();
    for number in 0..9 {
        writes.push(begin(file.write_at(number * 32 * 1024, piece(1, 32 * KIB))));
        if number == 0 {
            fake.until(|state| state.hanging == 1);
        }
    }
    writes.push(begin(file.write_at(0, piece(2, 10))));
    writes.push(begin(file.write_at(10, piece(2, 10))));
    fake.open_door("a");
    for write in writes {
        write.await.unwrap();
    }
    file.finish().await.unwrap();

    fake.until(|state| state.open == 0);
    let expected = [
        "write 0+32768 a",
        "write 32768+262144 a",
        "write 0+20 a",
        "finish a",
        "close a",
    ];
    assert_eq!(fake.calls()[2..], expected);
}

#[tokio::test]
async fn writes_take_effect_in_call_order_and_before_what_follows() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();
    fake.close("a");

    let steps = [
        begin(file.write_at(0, piece(b'1', 4))),
        begin(file.write_at(2, piece(b'2', 4))),
        begin(file.write_at(1, piece(b'3', 2))),
    ];
    let size = begin(file.set_attributes(Attributes {
        size: Some(5),
        ..Default::default()
    }));
    let finish = begin(file.finish());
    fake.open_door("a");
    for step in steps {
        step.await.unwrap();
    }
    size.await.unwrap();
    finish.await.unwrap();

    fake.until(|state| state.content == b"13322");
}

#[tokio::test]
async fn a_write_is_answered_after_it_was_made_and_truthfully() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();
    fake.close("a");
    fake.change(|state| state.failures.extend([Error::NoSpace, Error::NoSpace]));

    let mut first = Box::pin(file.write_at(100, piece(1, 10)));
    assert!(poll(first.as_mut()).is_pending());
    fake.until(|state| state.hanging == 1);
    assert!(poll(first.as_mut()).is_pending());
    let rest: Vec<_> = (0..4)
        .map(|number| begin(file.write_at(number * 10, piece(1, 10))))
        .collect();
    fake.open_door("a");

    assert!(matches!(first.await, Err(Error::NoSpace)));
    let mut outcomes = Vec::new();
    for write in rest {
        outcomes.push(write.await.is_ok());
    }
    assert_eq!(outcomes, [true, true, false, false]);
}

#[tokio::test]
async fn a_file_that_lost_a_write_is_never_finished() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();

    fake.change(|state| state.failures.push_back(Error::NoSpace));
    assert!(file.write_at(0, piece(1, 10)).await.is_err());
    file.write_at(10, piece(1, 10)).await.unwrap();

    assert!(matches!(file.finish().await, Err(Error::NoSpace)));
    fake.until(|state| state.open == 0);
    assert!(!fake.calls().contains(&"finish a".to_owned()));
}

#[tokio::test]
async fn a_dropped_write_still_happens() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();
    fake.close("a");

    {
        let mut dropped = pin!(file.write_at(0, piece(b'x', 3)));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    fake.open_door("a");
    file.finish().await.unwrap();

    fake.until(|state| state.content == b"xxx");
}

#[tokio::test]
async fn sequential_reads_come_from_one_call() {
    let (fake, volume) = volume(PATIENT);
    let content: Vec<u8> = (0..600 * KIB).map(|i| i.to_le_bytes()[1]).collect();
    fake.change(|state| state.content.clone_from(&content));
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();

    let mut read = Vec::new();
    loop {
        let bytes = file.read_at(read.len() as u64, 32 * KIB).await.unwrap();
        if bytes.is_empty() {
            break;
        }
        read.extend_from_slice(&bytes);
    }

    assert_eq!(read, content);
    let reads = fake
        .calls()
        .iter()
        .filter(|call| call.starts_with("read"))
        .count();
    // Three that bring bytes, two that look whether the file has grown.
    assert!(reads <= 5, "{:?}", fake.calls());
}

#[tokio::test]
async fn reads_that_are_asked_for_at_once_share_a_call() {
    let (fake, volume) = volume(PATIENT);
    fake.change(|state| state.content = vec![7; 300 * KIB]);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();
    fake.close("a");

    let reads: Vec<_> = (0..8)
        .map(|number| begin(file.read_at(number * 32 * 1024, 32 * KIB)))
        .collect();
    fake.open_door("a");
    for read in reads {
        assert_eq!(read.await.unwrap().len(), 32 * KIB);
    }

    assert_eq!(fake.calls()[2..], ["read 0+262144 a"]);
}

#[tokio::test]
async fn scattered_reads_bring_no_more_than_was_asked() {
    let (fake, volume) = volume(PATIENT);
    fake.change(|state| state.content = vec![7; 300 * KIB]);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();

    for offset in [100_000, 5000, 200_000] {
        assert_eq!(file.read_at(offset, 10).await.unwrap().len(), 10);
    }

    assert_eq!(
        fake.calls()[2..],
        ["read 100000+10 a", "read 5000+10 a", "read 200000+10 a"]
    );
}

#[tokio::test]
async fn nothing_stale_is_read_after_a_write() {
    let (fake, volume) = volume(PATIENT);
    fake.change(|state| state.content = vec![b'o'; 300 * KIB]);
    let user = files(&volume, "user").await;
    let (file, second) = (
        open(&user, "a").await.unwrap(),
        open(&user, "a").await.unwrap(),
    );
    file.read_at(0, 10).await.unwrap();

    file.write_at(10, piece(b'n', 5)).await.unwrap();
    let after_own = file.read_at(10, 10).await.unwrap();
    second.write_at(20, piece(b'm', 5)).await.unwrap();
    let after_anothers = file.read_at(20, 10).await.unwrap();

    assert_eq!(after_own, "nnnnnooooo");
    assert_eq!(after_anothers, "mmmmmooooo");
}

#[tokio::test]
async fn a_read_that_overtakes_a_write_is_not_kept() {
    let (fake, volume) = volume(PATIENT);
    fake.change(|state| state.content = vec![b'o'; 300 * KIB]);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();
    fake.close("a");
    let read = begin(file.read_at(0, 10));
    fake.until(|state| state.hanging == 1);
    let write = begin(file.write_at(10, piece(b'n', 5)));
    fake.until(|state| state.hanging == 2);
    fake.open_door("a");
    read.await.unwrap();
    write.await.unwrap();

    let after = file.read_at(10, 10).await.unwrap();

    assert_eq!(after, "nnnnnooooo");
}

#[tokio::test]
async fn a_read_after_a_write_does_not_join_one_from_before() {
    let (fake, volume) = volume(PATIENT);
    fake.change(|state| state.content = vec![b'o'; 300 * KIB]);
    let user = files(&volume, "user").await;
    let (reader, writer) = (
        open(&user, "a").await.unwrap(),
        open(&user, "b").await.unwrap(),
    );
    fake.close("a");
    let before = begin(reader.read_at(0, 10));
    fake.until(|state| state.hanging == 1);

    writer.write_at(10, piece(b'n', 5)).await.unwrap();
    let after = begin(reader.read_at(10, 10));
    fake.open_door("a");
    before.await.unwrap();
    after.await.unwrap();

    let calls = fake.calls();
    let reads = calls.iter().filter(|call| call.starts_with("read"));
    assert_eq!(reads.count(), 2, "{calls:?}");
}

#[tokio::test]
async fn what_was_read_ahead_is_freed_when_nobody_comes_for_it() {
    let (fake, volume) = volume(IMPATIENT);
    fake.change(|state| state.content = vec![7; 300 * KIB]);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();

    file.read_at(0, 10).await.unwrap();

    let deadline = Instant::now() + PATIENCE;
    while volume.reads_ahead() {
        assert!(Instant::now() < deadline, "still kept");
        tokio::task::yield_now().await;
    }
}
