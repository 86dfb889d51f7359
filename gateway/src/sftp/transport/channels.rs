//! The channels of one client, and their turn to speak.
//!
//! Each channel that serves SFTP has a *pump*, a future that takes the engine's answers and sends them. All pumps of a
//! client are polled by the task that also runs russh's loop, from within the socket's read (see [`super::socket`]):
//! one client is one task, answers to requests that arrived together leave together, and no lock is ever contended.

use std::{
    collections::HashMap,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::stream::{FuturesUnordered, Stream};
use russh::{ChannelId, ChannelWriteHalf, server::Msg};

use super::channel::Channel;

/// Channels of one client that may be open at a time.
pub(super) const CHANNELS_MAX: usize = 10;

/// Whether more may be read from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// It may.
    Open,
    /// Storage has more to write than it should; the task is woken when that has changed.
    Paused,
}

/// A future that sends a channel's answers until the channel has ended.
pub(super) type Pump = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All channels of a client.
#[derive(Default)]
pub(super) struct Channels {
    open: Mutex<HashMap<ChannelId, Open>>,
    pumps: Mutex<FuturesUnordered<Pump>>,
}

/// A channel that is open.
enum Open {
    /// It has not asked for anything yet.
    Silent(ChannelWriteHalf<Msg>),
    /// It speaks SFTP.
    Sftp(Arc<Channel>),
}

impl Channels {
    /// Takes a new channel in; `false` when there are too many.
    #[must_use]
    pub(super) fn open(&self, half: ChannelWriteHalf<Msg>) -> bool {
        let mut open = lock(&self.open);
        if open.len() >= CHANNELS_MAX {
            return false;
        }
        open.insert(half.id(), Open::Silent(half));
        true
    }

    /// The way to send on a channel that has not asked for anything yet; it is not in here any more.
    pub(super) fn take_silent(&self, id: ChannelId) -> Option<ChannelWriteHalf<Msg>> {
        let mut open = lock(&self.open);
        match open.remove(&id) {
            Some(Open::Silent(half)) => Some(half),
            Some(other @ Open::Sftp(_)) => {
                open.insert(id, other);
                None
            }
            None => None,
        }
    }

    /// From now on this channel speaks SFTP.
    pub(super) fn start(&self, id: ChannelId, channel: Arc<Channel>, pump: Pump) {
        lock(&self.open).insert(id, Open::Sftp(channel));
        lock(&self.pumps).push(pump);
    }

    /// How many channels speak SFTP.
    pub(super) fn serving(&self) -> usize {
        lock(&self.open)
            .values()
            .filter(|open| matches!(open, Open::Sftp(_)))
            .count()
    }

    /// The SFTP of this channel.
    pub(super) fn sftp(&self, id: ChannelId) -> Option<Arc<Channel>> {
        match lock(&self.open).get(&id) {
            Some(Open::Sftp(channel)) => Some(Arc::clone(channel)),
            Some(Open::Silent(_)) | None => None,
        }
    }

    /// Forgets a channel that has been closed. Its pump ends by itself.
    pub(super) fn close(&self, id: ChannelId) {
        let closed = lock(&self.open).remove(&id);
        if let Some(Open::Sftp(channel)) = closed {
            channel.stop();
        }
    }

    /// Gives every pump that has something to do its turn, and says whether more may be read.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Intake {
        let mut pumps = lock(&self.pumps);
        while let Poll::Ready(Some(())) = Pin::new(&mut *pumps).poll_next(cx) {}
        drop(pumps);
        let paused = lock(&self.open).values().any(|open| match open {
            Open::Silent(_) => false,
            Open::Sftp(channel) => channel.wants_pause(),
        });
        if paused { Intake::Paused } else { Intake::Open }
    }

    /// No channel has a transfer that runs, or a request without its answer.
    pub(super) fn are_at_rest(&self) -> bool {
        lock(&self.open).values().all(|open| match open {
            Open::Silent(_) => true,
            Open::Sftp(channel) => channel.is_at_rest(),
        })
    }

    /// Ends every channel and waits until their running writes are done. To be called when russh's loop is gone.
    pub(super) async fn finish(&self) {
        let closed = std::mem::take(&mut *lock(&self.open));
        for open in closed.into_values() {
            if let Open::Sftp(channel) = open {
                channel.stop();
            }
        }
        poll_fn(|cx| {
            let mut pumps = lock(&self.pumps);
            loop {
                match Pin::new(&mut *pumps).poll_next(cx) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("open", &lock(&self.open).len())
            .finish_non_exhaustive()
    }
}

/// A panic while the lock was held ended that client; what is inside is still whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
