//! The channels of one client.
//!
//! Each channel that serves SFTP has a *pump*, a task that takes the engine's answers and hands them to russh. It waits
//! for whatever it needs (answers, the client's window, room in russh's queue, the socket) without anybody else waiting
//! for it: russh's loop never does, so it always reads, and what it reads is what pumps may wait for.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use russh::{ChannelId, ChannelWriteHalf, server::Msg};
use tokio::task::JoinSet;

use super::{channel::Channel, lock};

/// Channels of one client that may be open at a time.
pub(super) const CHANNELS_MAX: usize = 10;

/// All channels of a client.
#[derive(Default)]
pub(super) struct Channels {
    open: Mutex<HashMap<ChannelId, Open>>,
    pumps: Mutex<JoinSet<()>>,
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

    /// From now on this channel speaks SFTP, and its pump runs.
    pub(super) fn start(
        &self,
        id: ChannelId,
        channel: Arc<Channel>,
        pump: impl Future<Output = ()> + Send + 'static,
    ) {
        lock(&self.open).insert(id, Open::Sftp(channel));
        let mut pumps = lock(&self.pumps);
        // A client may open and close channels for ever.
        while pumps.try_join_next().is_some() {}
        pumps.spawn(pump);
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

    /// Forgets a channel that has been closed, and tells its pump to end.
    pub(super) fn close(&self, id: ChannelId) {
        let closed = lock(&self.open).remove(&id);
        if let Some(Open::Sftp(channel)) = closed {
            channel.stop();
        }
    }

    /// Ready when more may be read from the client; otherwise `cx` is woken when that may have changed.
    pub(super) fn poll_intake(&self, cx: &Context<'_>) -> Poll<()> {
        let paused = lock(&self.open).values().any(|open| match open {
            Open::Silent(_) => false,
            Open::Sftp(channel) => channel.poll_intake(cx).is_pending(),
        });
        if paused {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// The socket takes more: pumps that waited for that go on.
    pub(super) fn wake(&self) {
        for open in lock(&self.open).values() {
            if let Open::Sftp(channel) = open {
                channel.wake();
            }
        }
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
        let mut pumps = std::mem::take(&mut *lock(&self.pumps));
        while pumps.join_next().await.is_some() {}
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("open", &lock(&self.open).len())
            .finish_non_exhaustive()
    }
}
