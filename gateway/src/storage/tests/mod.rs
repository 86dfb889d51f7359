//! Storage as the protocols see it.

mod batches;
mod gate;
mod lane;

use std::{
    future::Future,
    path::Path,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use gateway_config::{Durability, Uploads};

use super::{Result, StoragePath, Volume};

/// A volume of this machine.
fn local(folder: &Path, uploads: Uploads) -> Volume {
    Volume::open(&gateway_config::Storage {
        volume: folder.into(),
        uploads,
        durability: Durability::Written,
        stuck_seconds: 10,
        stuck_threads_max: 4,
    })
    .unwrap()
}

fn path(name: &str) -> StoragePath {
    StoragePath::resolve(&StoragePath::root(), name.as_bytes()).unwrap()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The answer of a future that must not wait.
#[track_caller]
fn answer<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let polled = poll(pin!(future));
    assert!(polled.is_ready(), "it waits");
    match polled {
        Poll::Ready(answer) => answer,
        Poll::Pending => Err(super::Error::Stuck),
    }
}
