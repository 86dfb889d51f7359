//! The lane under load, with a storage that hangs where the test wants it.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gateway_config::{Permission, Uploads};

use super::{answer, local, path, poll};
use crate::storage::{
    Create, Error, Files, Links, Load, Metadata, Open, OpenFile, Result, StoragePath, Truncate,
    Volume, Write,
    fake::{Fake, PATIENCE},
    pool::PoolLimits,
};

pub(super) const KIB: usize = 1024;

/// Two threads a user, eight in all; nothing becomes stuck while a test runs.
pub(super) const PATIENT: PoolLimits = PoolLimits {
    threads: 8,
    running_per_user: 2,
    waiting_per_user: 100,
    stuck_after: Duration::from_hours(1),
    stuck_max: 4,
};
/// The same, but a call is stuck at once.
pub(super) const IMPATIENT: PoolLimits = PoolLimits {
    stuck_after: Duration::from_millis(200),
    ..PATIENT
};

#[tokio::test]
async fn a_hung_user_stops_alone() {
    let (fake, volume) = volume(PATIENT);
    let (hung, other) = (files(&volume, "hung").await, files(&volume, "other").await);
    fake.close("door");

    let calls: Vec<_> = (0..50).map(|_| begin(stat(&hung, "door"))).collect();
    until(&volume, |load| load.running + load.waiting == 50).await;
    for _ in 0..50 {
        stat(&other, "elsewhere").await.unwrap();
    }

    let expected = Load {
        running: 2,
        waiting: 48,
        stuck: 0,
    };
    until(&volume, |load| load == expected).await;
    fake.open_door("door");
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn users_take_turns_and_each_is_served_in_order() {
    let one_thread = PoolLimits {
        threads: 1,
        running_per_user: 1,
        ..PATIENT
    };
    let (fake, volume) = volume(one_thread);
    let (a, b) = (files(&volume, "a").await, files(&volume, "b").await);
    fake.close("first");
    let first = begin(stat(&a, "first"));
    fake.until(|state| state.hanging == 1);

    let mut calls = Vec::new();
    for (user, path) in [(&a, "a1"), (&a, "a2"), (&a, "a3"), (&b, "b1"), (&b, "b2")] {
        let mut call = Box::pin(stat(user, path));
        assert!(poll(call.as_mut()).is_pending());
        calls.push(call);
    }
    fake.open_door("first");
    for call in calls {
        call.await.unwrap();
    }
    first.await.unwrap();

    let order: Vec<_> = fake
        .calls()
        .into_iter()
        .filter(|call| call.starts_with("metadata"))
        .collect();
    let expected = ["first", "b1", "a1", "b2", "a2", "a3"].map(|path| format!("metadata {path}"));
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_stuck_thread_is_replaced_and_counted_until_its_call_returns() {
    let few = PoolLimits {
        threads: 1,
        running_per_user: 1,
        ..IMPATIENT
    };
    let (fake, volume) = volume(few);
    let (hung, other) = (files(&volume, "hung").await, files(&volume, "other").await);
    fake.close("door");

    let call = begin(stat(&hung, "door"));
    until(&volume, |load| load.stuck == 1).await;
    stat(&other, "elsewhere").await.unwrap();
    fake.open_door("door");

    call.await.unwrap();
    until(&volume, |load| load == Load::default()).await;
    stat(&hung, "door").await.unwrap();
}

#[tokio::test]
async fn a_user_whose_share_is_stuck_is_told_so_after_a_while() {
    let (fake, volume) = volume(IMPATIENT);
    let (hung, other) = (files(&volume, "hung").await, files(&volume, "other").await);
    fake.close("door");
    let calls: Vec<_> = (0..2).map(|_| begin(stat(&hung, "door"))).collect();
    until(&volume, |load| load.stuck == 2).await;

    let refused = stat(&hung, "elsewhere").await;

    assert!(matches!(refused, Err(Error::Stuck)));
    stat(&other, "elsewhere").await.unwrap();
    fake.open_door("door");
    for call in calls {
        call.await.unwrap();
    }
    stat(&hung, "elsewhere").await.unwrap();
}

#[tokio::test]
async fn beyond_the_last_replacement_all_is_refused_at_once() {
    let (fake, volume) = volume(PoolLimits {
        stuck_max: 1,
        ..IMPATIENT
    });
    let (hung, other) = (files(&volume, "hung").await, files(&volume, "other").await);
    fake.close("door");
    let calls: Vec<_> = (0..2).map(|_| begin(stat(&hung, "door"))).collect();
    until(&volume, |load| load.stuck == 2).await;

    let mut refused = pin!(stat(&other, "elsewhere"));

    assert!(matches!(
        poll(refused.as_mut()),
        Poll::Ready(Err(Error::Stuck))
    ));
    fake.open_door("door");
    for call in calls {
        call.await.unwrap();
    }
    until(&volume, |load| load.stuck == 0).await;
    stat(&other, "elsewhere").await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (fake, volume) = volume(PoolLimits {
        waiting_per_user: 3,
        ..PATIENT
    });
    let user = files(&volume, "user").await;
    fake.close("door");
    let hung: Vec<_> = (0..2).map(|_| begin(stat(&user, "door"))).collect();
    fake.until(|state| state.hanging == 2);
    let waiting: Vec<_> = (0..3).map(|_| begin(stat(&user, "door"))).collect();
    until(&volume, |load| load.waiting == 3).await;

    let refused = stat(&user, "door").await;

    assert!(matches!(refused, Err(Error::Stuck)));
    fake.open_door("door");
    for call in hung.into_iter().chain(waiting) {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn a_login_waits_no_longer_than_its_deadline() {
    let fake = Fake::default();
    let volume = Volume::new(Arc::new(fake.clone()), PATIENT, Duration::from_millis(20));
    fake.close("user");

    let login = volume.files("user", "/user", &BTreeSet::new()).await;

    assert!(matches!(login, Err(Error::Stuck)));
    fake.open_door("user");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_skipped() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    fake.close("door");
    let hung: Vec<_> = (0..2).map(|_| begin(stat(&user, "door"))).collect();
    fake.until(|state| state.hanging == 2);

    {
        let mut dropped = pin!(stat(&user, "dropped"));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    fake.open_door("door");
    for call in hung {
        call.await.unwrap();
    }
    stat(&user, "last").await.unwrap();

    assert!(!fake.calls().contains(&"metadata dropped".into()));
}

#[tokio::test]
async fn a_file_that_was_opened_for_nobody_is_closed() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    fake.close("a");

    {
        let mut dropped = pin!(open(&user, "a"));
        assert!(poll(dropped.as_mut()).is_pending());
        fake.until(|state| state.hanging == 1);
    }
    fake.open_door("a");

    fake.until(|state| state.calls.contains(&"close a".into()) && state.open == 0);
}

#[tokio::test]
async fn closing_a_file_never_waits_for_the_storage() {
    let (fake, volume) = volume(PATIENT);
    let user = files(&volume, "user").await;
    let file = open(&user, "a").await.unwrap();
    fake.close("a");

    drop(file);

    fake.until(|state| state.hanging == 1);
    fake.open_door("a");
    fake.until(|state| state.open == 0);
}

#[tokio::test]
async fn in_memory_every_call_is_ready_at_once() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let volume = local(folder.path(), Uploads::Direct);
    let user = files(&volume, "user").await;

    let file = ready(open(&user, "a"));
    ready(file.write_at(0, piece(b'x', 256 * KIB)));
    let bytes = ready(file.read_at(0, 256 * KIB));
    let listing = ready(user.list(&StoragePath::root()));
    let names = ready(listing.next(10)).len();
    ready(file.finish());

    assert_eq!((bytes.len(), names), (256 * KIB, 3));
    assert_eq!(volume.load(), Load::default());
}

#[tokio::test]
async fn on_a_disk_the_whole_way_works_too() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let volume = local(folder.path(), Uploads::Atomic);
    let user = files(&volume, "user").await;
    let content: Bytes = (0..1_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();

    let file = open(&user, "a").await.unwrap();
    let chunks = content.chunks(32 * KIB).zip(0..);
    let writes = chunks.map(|(chunk, number)| {
        let bytes = content.slice_ref(chunk);
        file.write_at(number * 32 * 1024, bytes)
    });
    for outcome in futures_util::future::join_all(writes).await {
        outcome.unwrap();
    }
    file.finish().await.unwrap();
    let file = user.open(&path("a"), Open::READ).await.unwrap();
    let reads = (0..40).map(|number| file.read_at(number * 32 * 1024, 32 * KIB));
    let mut read = Vec::new();
    for bytes in futures_util::future::join_all(reads).await {
        read.extend_from_slice(&bytes.unwrap());
    }

    assert_eq!(read, content);
}

pub(super) fn volume(limits: PoolLimits) -> (Fake, Volume) {
    let fake = Fake::default();
    let volume = Volume::new(Arc::new(fake.clone()), limits, PATIENCE);
    (fake, volume)
}

pub(super) async fn files(volume: &Volume, user: &str) -> Files {
    use Permission::{List, Overwrite, Read, Write};
    let permissions = BTreeSet::from([List, Read, Write, Overwrite]);
    volume.files(user, "/", &permissions).await.unwrap()
}

fn stat(files: &Files, name: &str) -> impl Future<Output = Result<Metadata>> + use<> {
    files.metadata(&path(name), Links::Keep)
}

pub(super) fn open(files: &Files, name: &str) -> impl Future<Output = Result<OpenFile>> + use<> {
    let how = Open {
        read: true,
        write: Some(Write {
            create: Create::IfMissing,
            truncate: Truncate::AtOpen,
            append: false,
        }),
        mode: None,
    };
    files.open(&path(name), how)
}

pub(super) fn piece(byte: u8, length: usize) -> Bytes {
    vec![byte; length].into()
}

/// Begins the work of a future that must wait.
pub(super) fn begin<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(future.as_mut()).is_pending());
    future
}

/// The answer of a future that must not wait.
#[track_caller]
fn ready<T>(future: impl Future<Output = Result<T>>) -> T {
    answer(future).unwrap()
}

async fn until(volume: &Volume, condition: impl Fn(Load) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition(volume.load()) {
        assert!(
            Instant::now() < deadline,
            "still waiting with {:?}",
            volume.load()
        );
        tokio::task::yield_now().await;
    }
}
