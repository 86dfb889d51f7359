//! Writes of one file that wait: in call order, contiguous ones as one.
//!
//! The first write that fails is answered, and remembered too ([`Lost`]): whoever closes the file afterwards must not
//! believe that it is whole.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Error, File, Result, WriteError, lock};

/// The bytes that one write takes from the queue; more only if a single step brings more.
const BATCH_BYTES: usize = 1024 * 1024;
/// The pieces that one write takes from the queue; the kernel admits 1024 (`IOV_MAX`).
const BATCH_PIECES: usize = 512;
/// Steps that wait; more are refused.
const STEPS_MAX: usize = 4096;

/// Something to be done with a file after all that was asked before.
pub(super) enum Step {
    /// Bytes to be written.
    Write {
        /// Where.
        offset: u64,
        /// What.
        bytes: Bytes,
        /// Whom to tell.
        answer: oneshot::Sender<Result<()>>,
    },
    /// Anything else; answers by itself.
    Call(FileCall),
}

/// A call on an open file that answers by itself.
pub(super) type FileCall = Box<dyn FnOnce(&dyn File) + Send>;

/// The steps that wait for one file.
#[derive(Default)]
pub(super) struct WriteQueue {
    queue: Mutex<Queue>,
    lost: Lost,
}

/// Why a write was lost, if one was: then the file is not what its writer meant it to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost(Arc<OnceLock<Error>>);

impl Lost {
    /// Notes a write that failed.
    pub(super) fn note(&self, error: &Error) {
        // The first one tells why.
        let _known_already = self.0.set(error.clone()).is_err();
    }

    /// The error of the first write that failed.
    pub(super) fn check(&self) -> Result<()> {
        self.0.get().cloned().map_or(Ok(()), Err)
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Step>,
    turn: Turn,
}

/// Whether the pool has, or runs, a turn of this queue. There is never more than one: that keeps the order.
#[derive(Default, PartialEq, Eq)]
enum Turn {
    #[default]
    None,
    Submitted,
}

impl WriteQueue {
    /// What was lost so far.
    pub(super) const fn lost(&self) -> &Lost {
        &self.lost
    }

    /// Adds a step; tells whether a turn must be submitted for it.
    #[must_use]
    pub(super) fn push(&self, step: Step) -> bool {
        let mut queue = lock(&self.queue);
        if queue.waiting.len() >= STEPS_MAX {
            drop(queue);
            self.drop_step(step);
            return false;
        }
        queue.waiting.push_back(step);
        mem::replace(&mut queue.turn, Turn::Submitted) == Turn::None
    }

    /// Does the next step, with all writes that continue it. `written` is called before anybody is told.
    pub(super) fn take_turn(&self, file: &dyn File, written: &dyn Fn()) {
        let next = lock(&self.queue).waiting.pop_front();
        match next {
            None => {}
            Some(Step::Call(call)) => {
                call(file);
                written();
            }
            Some(Step::Write {
                offset,
                bytes,
                answer,
            }) => {
                let mut batch = Batch::new(offset, bytes, answer);
                batch.take_contiguous(&mut lock(&self.queue).waiting);
                let outcome = file.write_at(offset, &batch.pieces);
                if let Err(failed) = &outcome {
                    self.lost.note(&failed.error);
                }
                written();
                batch.answer(outcome);
            }
        }
    }

    /// Ends a turn; tells whether another one must be submitted.
    #[must_use]
    pub(super) fn more(&self) -> bool {
        let mut queue = lock(&self.queue);
        if queue.waiting.is_empty() {
            queue.turn = Turn::None;
        }
        queue.turn == Turn::Submitted
    }

    /// Drops all that waits, since no turn will come; whoever waits is told that storage is stuck.
    pub(super) fn give_up(&self) {
        let given_up = mem::take(&mut *lock(&self.queue));
        for step in given_up.waiting {
            self.drop_step(step);
        }
    }

    fn drop_step(&self, step: Step) {
        if matches!(step, Step::Write { .. }) {
            self.lost.note(&Error::Stuck);
        }
        drop(step);
    }
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue")
            .field("waiting", &lock(&self.queue).waiting.len())
            .field("lost", &self.lost)
            .finish()
    }
}

/// Contiguous writes.
struct Batch {
    end: u64,
    length: usize,
    pieces: Vec<Bytes>,
    answers: Vec<oneshot::Sender<Result<()>>>,
}

impl Batch {
    fn new(offset: u64, bytes: Bytes, answer: oneshot::Sender<Result<()>>) -> Self {
        Self {
            end: offset.saturating_add(bytes.len() as u64),
            length: bytes.len(),
            pieces: vec![bytes],
            answers: vec![answer],
        }
    }

    fn take_contiguous(&mut self, waiting: &mut VecDeque<Step>) {
        while let Some(Step::Write { offset, bytes, .. }) = waiting.front()
            && *offset == self.end
            && self.length + bytes.len() <= BATCH_BYTES
            && self.pieces.len() < BATCH_PIECES
            && let Some(Step::Write { bytes, answer, .. }) = waiting.pop_front()
        {
            self.end = self.end.saturating_add(bytes.len() as u64);
            self.length += bytes.len();
            self.pieces.push(bytes);
            self.answers.push(answer);
        }
    }

    /// Pieces that were written whole before an error were written.
    fn answer(self, outcome: std::result::Result<(), WriteError>) {
        let (mut written, error) = match outcome {
            // Every piece is within what was written, so nobody is told the error.
            Ok(()) => (usize::MAX, Error::Stuck),
            Err(WriteError { written, error }) => (written, error),
        };
        for (piece, answer) in self.pieces.iter().zip(self.answers) {
            let outcome = if piece.len() <= written {
                written -= piece.len();
                Ok(())
            } else {
                written = 0;
                Err(error.clone())
            };
            // Nobody listens any more: the write has happened all the same.
            drop(answer.send(outcome));
        }
    }
}
