//! Calls of storage: answered at once where they do not wait, otherwise carried on by a task.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::{sync::Notify, task::AbortHandle};
use tracing::Instrument as _;

use super::{action::Target, handles::Key, paths::Opening, transfer::Transfer};
use crate::storage::{Entry, Metadata, Result, Space};

/// A call that gives nothing but its success.
pub(super) fn done(call: impl Future<Output = Result<()>> + Send + 'static) -> Call {
    Box::pin(async move { Outcome::Done(call.await) })
}

/// A call of storage that has not ended. Boxed, so that it can move to a task after it was asked once.
pub(super) type Call = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What storage answered.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Done, without anything to tell.
    Done(Result<()>),
    /// OPEN and OPENDIR.
    Opened(Result<Target>),
    /// READ.
    Data(Result<Bytes>),
    /// STAT and its kin.
    Metadata(Result<Metadata>),
    /// READDIR.
    Entries(Result<Vec<Entry>>),
    /// READLINK.
    Link(Result<Vec<u8>>),
    /// statvfs.
    Space(Result<Space>),
    /// The task died.
    Lost,
}

/// Whose call it is.
#[derive(Debug)]
pub(super) struct Work {
    /// The request's id.
    pub(super) id: u32,
    /// What waits for it.
    pub(super) place: Place,
    /// Memory that it holds, in bytes.
    pub(super) cost: usize,
}

impl Work {
    /// Memory that it holds if it is a WRITE, in bytes.
    const fn write_cost(&self) -> usize {
        match self.place {
            Place::Handle {
                effect: sftp::Effect::Write(_),
                ..
            } => self.cost,
            _ => 0,
        }
    }
}

/// What waits for a call.
#[derive(Debug)]
pub(super) enum Place {
    /// Requests on paths. `opens` is there for OPEN and OPENDIR.
    Path {
        access: Access,
        opens: Option<Opening>,
    },
    /// Requests on this handle. `written` bytes are written by it.
    Handle {
        key: Key,
        effect: sftp::Effect,
        arrival: u64,
        written: usize,
    },
    /// Nothing on the handle, which is gone, but requests on paths.
    Close { arrival: u64, transfer: Transfer },
}

/// What a request on a path does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Looks at it.
    Look,
    /// Changes what others may see.
    Change,
}

/// The calls that tasks carry on.
#[derive(Debug, Default)]
pub(super) struct Running {
    tasks: HashMap<u64, (Work, AbortHandle)>,
    next: u64,
    cost: usize,
    write_cost: usize,
    finished: Arc<Finished>,
}

/// Where tasks leave what they got.
#[derive(Debug, Default)]
struct Finished {
    outcomes: Mutex<Vec<(u64, Outcome)>>,
    progress: Arc<Notify>,
    /// Who does not read from the client until a call has ended.
    reader: AtomicWaker,
}

impl Finished {
    fn outcomes(&self) -> MutexGuard<'_, Vec<(u64, Outcome)>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, number: u64, outcome: Outcome) {
        self.outcomes().push((number, outcome));
        self.progress.notify_one();
        self.reader.wake();
    }
}

/// Leaves [`Outcome::Lost`] if its task dies without an outcome, so that nobody waits for ever.
struct Promise {
    number: u64,
    finished: Option<Arc<Finished>>,
}

impl Promise {
    fn keep(mut self, outcome: Outcome) {
        if let Some(finished) = self.finished.take() {
            finished.push(self.number, outcome);
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(finished) = self.finished.take() {
            finished.push(self.number, Outcome::Lost);
        }
    }
}

impl Running {
    /// Asks once whether the call has ended. The answers of a fast disk cost no task.
    pub(super) fn try_now(call: &mut Call) -> Option<Outcome> {
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Carries the call on in a task of its own.
    pub(super) fn spawn(&mut self, work: Work, call: Call) -> u64 {
        let number = self.next;
        self.next += 1;
        let promise = Promise {
            number,
            finished: Some(Arc::clone(&self.finished)),
        };
        let task = async move { promise.keep(call.await) }.in_current_span();
        let abort = tokio::spawn(task).abort_handle();
        self.cost += work.cost;
        self.write_cost += work.write_cost();
        self.tasks.insert(number, (work, abort));
        number
    }

    /// The calls that have ended since the last time.
    pub(super) fn harvest(&mut self) -> Vec<(u64, Work, Outcome)> {
        let outcomes = std::mem::take(&mut *self.finished.outcomes());
        let work = outcomes.into_iter().filter_map(|(number, outcome)| {
            let (work, _abort) = self.tasks.remove(&number)?;
            self.cost -= work.cost;
            self.write_cost -= work.write_cost();
            Some((number, work, outcome))
        });
        work.collect()
    }

    /// Memory that the calls hold, in bytes.
    pub(super) const fn cost(&self) -> usize {
        self.cost
    }

    /// Memory that the WRITEs among them hold, in bytes.
    pub(super) const fn write_cost(&self) -> usize {
        self.write_cost
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Notified whenever a call has ended.
    pub(super) fn progress(&self) -> Arc<Notify> {
        Arc::clone(&self.finished.progress)
    }

    /// Wakes this waker at the end of the next call.
    pub(super) fn register(&self, reader: &Waker) {
        self.finished.reader.register(reader);
    }

    /// The transfers whose CLOSE has not ended; their calls go on without anybody who waits for them.
    pub(super) fn into_transfers(self) -> impl Iterator<Item = Transfer> {
        let works = self.tasks.into_values();
        works.filter_map(|(work, _abort)| match work.place {
            Place::Close { transfer, .. } => Some(transfer),
            Place::Path { .. } | Place::Handle { .. } => None,
        })
    }

    /// Breaks off the calls that only look: nobody waits for them any more.
    pub(super) fn abort_looks(&mut self) {
        self.tasks.retain(|_number, (work, abort)| {
            let looks = match work.place {
                Place::Path { access, .. } => access == Access::Look,
                Place::Handle { effect, .. } => {
                    matches!(effect, sftp::Effect::Read(_) | sftp::Effect::Look)
                }
                Place::Close { .. } => false,
            };
            if looks {
                abort.abort();
                self.cost -= work.cost;
            }
            !looks
        });
    }
}
