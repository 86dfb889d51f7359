//! SFTP requests → storage, over any pair of byte streams.
//!
//! ```text
//! receive → ask → requests ─┬→ answers ───────────────────────────────────────────────→ take_answers
//!                           ├→ paths ────────────┐
//!                           └→ handles → handle ─┴→ turns → running (storage) → finish → answers
//! ```
//!
//! `action` is what may be asked of a handle, `write_answers` keeps the answers to WRITEs in order, `transfer` tells drain,
//! log and metrics, `attributes` and `status` put storage's words into SFTP's. `stream` is the engine without SSH.
//!
//! An engine never blocks and, before [`Engine::end`], never awaits: a lock may guard it. In the transport russh's task
//! brings the bytes and the channel's pump takes the answers. A call of storage is asked once; if it is ready, the
//! answer is there at once, otherwise a task of its own carries it on and [`Engine::progress`] tells of its end.
//!
//! # Order
//!
//! Answers may leave in another order than their requests came. What clients can tell apart happens in order:
//!
//! * The requests of one handle start in the order of their arrival. READs run side by side, so do WRITEs (storage
//!   orders those that touch each other), and a READ beside a WRITE that does not touch it. FSTAT sees every WRITE before
//!   it; CLOSE, FSETSTAT, `fsync` and READDIR are alone on their handle.
//!   Answers to WRITEs leave in the order of their requests, because paramiko loses the others.
//! * Requests on paths start in the order of their arrival; those that only look run side by side, one that changes
//!   something is alone. They wait for every WRITE, FSETSTAT, `fsync` and CLOSE that came before them, so that STAT
//!   after WRITE sees its bytes; for a READ or READDIR only where one of those waits behind it.
//! * Requests on a handle never wait for those of another handle nor for requests on paths: a file that is open does
//!   not care for names, and what truncates it by its name meanwhile is answered before a careful client reads on.
//!
//! # Memory
//!
//! READs and READDIRs start only when there is room for their answers in the client's window; until then they cost next to
//! nothing, because a client that waits for them must not be paused: its window adjustments come through the same
//! socket. Everything that waits, runs, or has not been taken counts against [`EngineLimits::memory`], and whoever
//! exceeds it is disconnected. WRITEs end without the client's help, so for them alone the socket may be paused:
//! [`Engine::wants_pause`].

mod ask;
mod requests;

mod handle;
mod handles;
mod paths;

mod action;
mod turns;

mod running;

mod finish;
mod transfer;
mod write_answers;

mod answers;
mod attributes;
mod status;

mod limits;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use sftp::{Packet, Packets};
use tokio::{sync::Notify, time::timeout};

use self::{
    answers::Answers,
    handle::{Handle, Room},
    handles::{Handles, Key},
    paths::Paths,
    running::Running,
};
pub use self::{
    answers::Cut,
    limits::{EngineLimits, ProtocolError},
    stream::serve_streams,
};
use crate::{drain::DrainState, metrics::Metrics, storage::Files};

/// How long the end of a conversation waits for the writes that run.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// One SFTP conversation. Never blocks, and awaits at its end only. Needs a tokio runtime.
#[derive(Debug)]
pub struct Engine {
    files: Files,
    limits: EngineLimits,
    drain: DrainState,
    packets: Packets,
    greeted: bool,
    /// How many requests have arrived.
    arrivals: u64,
    handles: Handles,
    /// Handles whose requests wait for room, each once.
    round: VecDeque<Key>,
    /// OPENs and OPENDIRs that are not answered.
    opening: usize,
    paths: Paths,
    /// Arrivals of the requests on handles that may still change what paths show.
    changes: BTreeSet<u64>,
    running: Running,
    answers: Answers,
    /// Memory of requests that wait, in bytes.
    waiting: usize,
    metrics: Option<Metrics>,
}

impl Engine {
    /// A conversation about `files`.
    pub fn new(files: Files, limits: EngineLimits, drain: DrainState) -> Self {
        Self {
            files,
            limits,
            drain,
            packets: Packets::default(),
            greeted: false,
            arrivals: 0,
            handles: Handles::default(),
            round: VecDeque::new(),
            opening: 0,
            paths: Paths::default(),
            changes: BTreeSet::new(),
            running: Running::default(),
            answers: Answers::default(),
            waiting: 0,
            metrics: None,
        }
    }

    /// Transfers are counted in `metrics`.
    #[must_use]
    pub fn counted_in(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Takes what the client sent, all of it, whatever its boundaries. Requests run as far as they can without waiting;
    /// one that must wait goes on in a task of its own.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<(), ProtocolError> {
        self.harvest();
        loop {
            match self.packets.next(&mut bytes) {
                Ok(Some(Packet::Whole(packet))) => self.accept(packet, Bytes::copy_from_slice)?,
                Ok(Some(Packet::Gathered(packet))) => {
                    let packet = Bytes::from(packet);
                    self.accept(&packet, |data| packet.slice_ref(data))?;
                }
                Ok(None) => break,
                Err(sftp::TooLong { length }) => {
                    return Err(ProtocolError::PacketTooLong { length });
                }
            }
            self.check_memory()?;
        }
        self.advance_paths();
        self.check_memory()
    }

    /// Moves at most `room` bytes of answers to the end of `out`; `room` is what the client's window admits. READs are
    /// executed only as far as there is room for their answers: a client that never reads costs nothing but its queue.
    ///
    /// With [`Cut::Never`] a packet that is longer than `room` waits for more.
    pub fn take_answers(&mut self, room: usize, cut: Cut, out: &mut BytesMut) {
        self.harvest();
        let mut left = room;
        loop {
            left -= self.answers.take(left, cut, out);
            if left == 0 || self.answers.length() > 0 {
                return;
            }
            let room = match cut {
                Cut::Never => Room::Whole(left),
                Cut::Allowed => Room::Bytes(left),
            };
            self.advance_round(room);
            self.advance_paths();
            if self.answers.length() == 0 {
                return;
            }
        }
    }

    /// Notified whenever a slow request has ended, that is, when `take_answers` may have more. Awaited outside any lock,
    /// by one task.
    pub fn progress(&self) -> Arc<Notify> {
        self.running.progress()
    }

    /// More WRITEs are under way than storage keeps up with: nothing should be read from the client until a call has
    /// ended and this is false. Always ends without the client's help.
    pub fn wants_pause(&self) -> bool {
        let enough = self.limits.writes();
        if self.running.write_cost() + self.waiting < enough {
            return false;
        }
        let certain: usize = self.handles.iter().map(Handle::writable_bytes).sum();
        self.running.write_cost() + certain >= enough
    }

    /// Ready unless [`Engine::wants_pause`], and then `cx` is woken at the end of the next call, whoever else listens to
    /// [`Engine::progress`]. To be asked by one task, before it reads from the client.
    pub fn poll_intake(&mut self, cx: &Context<'_>) -> Poll<()> {
        if !self.wants_pause() {
            return Poll::Ready(());
        }
        // Registered first: a call that ends between the two lines would otherwise wake nobody.
        self.running.register(cx.waker());
        self.harvest();
        if self.wants_pause() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// No request is waiting, running or unanswered.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running.is_empty() && self.answers.length() == 0
    }

    /// A file is open that was read or written and is not known to be finished: a drain waits for it.
    pub fn has_transfers(&self) -> bool {
        self.handles.iter().any(|handle| handle.transfer.runs())
    }

    /// Waits for the running writes, ten seconds at most, and drops everything; files that were not closed are broken
    /// off. A write that takes longer goes on without the conversation, so that storage that hangs holds no session.
    pub async fn end(mut self) {
        self.running.abort_looks();
        if timeout(END_PATIENCE, self.settle()).await.is_err() {
            tracing::warn!("storage hangs: the session ends without it");
        }
        for transfer in self.running.into_transfers() {
            transfer.break_off();
        }
        for handle in self.handles.into_handles() {
            handle.transfer.break_off();
        }
    }

    /// Waits for all calls that run.
    async fn settle(&mut self) {
        let progress = self.running.progress();
        loop {
            for (_number, work, outcome) in self.running.harvest() {
                self.finish(work, outcome);
            }
            if self.running.is_empty() {
                return;
            }
            progress.notified().await;
        }
    }

    fn check_memory(&self) -> Result<(), ProtocolError> {
        let limit = self.limits.memory;
        if self.memory() <= limit {
            Ok(())
        } else {
            Err(ProtocolError::Memory { limit })
        }
    }

    fn memory(&self) -> usize {
        self.packets.reserved() + self.waiting + self.running.cost() + self.answers.length()
    }
}
