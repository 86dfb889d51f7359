//! Sequential reads of one file, served from larger ones.
//!
//! What was read ahead is dropped when it was served, when the file was written through this gateway, or after a
//! second: another gateway may have written it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Error, Result, lock, pool::Housekeeping};

/// What one call reads.
const CHUNK: usize = 256 * 1024;
/// Calls that read ahead for one file at a time.
const UNDER_WAY_MAX: usize = 4;
/// Chunks that one file keeps.
const CHUNKS_MAX: usize = 2;
/// Files of a volume that keep chunks: a hundred and twenty-eight mebibytes at most, whoever reads.
const FILES_MAX: usize = 256;
/// How long a chunk is kept.
const AGE_MAX: Duration = Duration::from_secs(1);

type Answer = oneshot::Sender<Result<Bytes>>;

/// How a read gets its bytes.
#[derive(Debug)]
pub(super) enum ReadPlan {
    /// They were read ahead.
    Here(Bytes),
    /// A call that is under way brings them.
    UnderWay(oneshot::Receiver<Result<Bytes>>),
    /// By a call of its own.
    Alone,
    /// By a call that reads ahead.
    Ahead {
        /// To be run where it may wait.
        fetch: Fetch,
        /// What was asked for.
        answered: oneshot::Receiver<Result<Bytes>>,
    },
}

/// What is read ahead of one open file.
#[derive(Debug, Default)]
pub(super) struct ReadAhead(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Where a sequential read goes on.
    expected: u64,
    chunks: VecDeque<Chunk>,
    under_way: Vec<UnderWay>,
    fetches: u64,
    listed: Listed,
}

/// Whether [`Chunks`] knows of this file.
#[derive(Debug, Default, PartialEq, Eq)]
enum Listed {
    #[default]
    No,
    Yes,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    bytes: Bytes,
    version: u64,
    since: Instant,
}

#[derive(Debug)]
struct UnderWay {
    number: u64,
    start: u64,
    length: usize,
    version: u64,
    since: Instant,
    waiting: Vec<WaitingRead>,
}

#[derive(Debug)]
struct WaitingRead {
    offset: u64,
    length: usize,
    answer: Answer,
}

impl ReadAhead {
    /// What is here or under way already. `version` is the count of writes that the bytes must know.
    pub(super) fn look(&self, offset: u64, length: usize, version: u64) -> Option<ReadPlan> {
        lock(&self.0).look(offset, length, version)
    }

    /// Notes a read that was served elsewhere.
    pub(super) fn passed(&self, offset: u64, length: usize) {
        lock(&self.0).expected = offset.saturating_add(length as u64);
    }

    /// Plans a read; a plan that begins something has noted it.
    pub(super) fn begin(self: &Arc<Self>, offset: u64, length: usize, version: u64) -> ReadPlan {
        let mut state = lock(&self.0);
        if let Some(plan) = state.look(offset, length, version) {
            return plan;
        }
        let sequential = state.expected == offset;
        state.expected = offset.saturating_add(length as u64);
        // A whole number of reads, or the last of them would find half of its bytes.
        let ahead = CHUNK.checked_div(length).unwrap_or(0) * length;
        if !sequential || ahead <= length || state.under_way.len() >= UNDER_WAY_MAX {
            return ReadPlan::Alone;
        }
        let (answer, answered) = oneshot::channel();
        state.fetches += 1;
        let number = state.fetches;
        state.under_way.push(UnderWay {
            number,
            start: offset,
            length: ahead,
            version,
            since: Instant::now(),
            waiting: vec![WaitingRead {
                offset,
                length,
                answer,
            }],
        });
        drop(state);
        let fetch = Fetch {
            reads: Arc::clone(self),
            number,
            start: offset,
            length: ahead,
        };
        ReadPlan::Ahead { fetch, answered }
    }

    /// Frees what was read ahead.
    fn forget(&self) {
        let mut state = lock(&self.0);
        state.listed = Listed::No;
        let chunks = std::mem::take(&mut state.chunks);
        drop(state);
        drop(chunks);
    }

    /// Frees what is too old; tells whether something is left.
    fn expire(&self) -> Housekeeping {
        let mut state = lock(&self.0);
        state.chunks.retain(|chunk| chunk.since.elapsed() < AGE_MAX);
        if state.chunks.is_empty() {
            state.listed = Listed::No;
            Housekeeping::Done
        } else {
            Housekeeping::More
        }
    }
}

impl State {
    fn look(&mut self, offset: u64, length: usize, version: u64) -> Option<ReadPlan> {
        self.chunks
            .retain(|chunk| chunk.version == version && chunk.since.elapsed() < AGE_MAX);
        let found = self
            .chunks
            .iter()
            .position(|chunk| slice(chunk.start, &chunk.bytes, offset, length).is_some());
        if let Some(index) = found
            && let Some(chunk) = self.chunks.get(index)
            && let Some(bytes) = slice(chunk.start, &chunk.bytes, offset, length)
        {
            let end = offset.saturating_add(length as u64);
            self.expected = end;
            if end == chunk.start.saturating_add(chunk.bytes.len() as u64) {
                self.chunks.remove(index);
            }
            return Some(ReadPlan::Here(bytes));
        }
        let under_way = self.under_way.iter_mut().find(|under_way| {
            under_way.version == version
                && within(under_way.start, under_way.length, offset, length).is_some()
        })?;
        let (answer, answered) = oneshot::channel();
        under_way.waiting.push(WaitingRead {
            offset,
            length,
            answer,
        });
        self.expected = offset.saturating_add(length as u64);
        Some(ReadPlan::UnderWay(answered))
    }
}

/// A call that reads ahead. Dropped without having run, it answers that storage is stuck.
#[derive(Debug)]
pub(super) struct Fetch {
    reads: Arc<ReadAhead>,
    number: u64,
    start: u64,
    length: usize,
}

impl Fetch {
    /// Reads, answers all that wait for these bytes, and keeps the rest.
    pub(super) fn run(self, read: &dyn Fn(u64, usize) -> Result<Bytes>) {
        let outcome = read(self.start, self.length);
        let mut state = lock(&self.reads.0);
        let Some(fetched) = state.end(self.number) else {
            return;
        };
        if let Ok(bytes) = &outcome {
            state.keep(&fetched, bytes);
        }
        drop(state);
        for waiting in fetched.waiting {
            let answer = match &outcome {
                Ok(bytes) => Ok(part(bytes, fetched.start, waiting.offset, waiting.length)),
                // A bad block that nobody asked for must not fail those before it.
                Err(_) => read(waiting.offset, waiting.length),
            };
            drop(waiting.answer.send(answer));
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        let given_up = lock(&self.reads.0).end(self.number);
        for waiting in given_up.into_iter().flat_map(|fetch| fetch.waiting) {
            drop(waiting.answer.send(Err(Error::Stuck)));
        }
    }
}

impl State {
    fn end(&mut self, number: u64) -> Option<UnderWay> {
        let index = self
            .under_way
            .iter()
            .position(|under_way| under_way.number == number)?;
        Some(self.under_way.swap_remove(index))
    }

    fn keep(&mut self, fetched: &UnderWay, bytes: &Bytes) {
        let end = fetched.start.saturating_add(bytes.len() as u64);
        let served = fetched
            .waiting
            .iter()
            .map(|waiting| waiting.offset.saturating_add(waiting.length as u64))
            .max()
            .unwrap_or(fetched.start);
        let rest = part(bytes, fetched.start, served, bytes.len());
        if served >= end || rest.is_empty() {
            return;
        }
        if self.chunks.len() >= CHUNKS_MAX {
            self.chunks.pop_front();
        }
        self.chunks.push_back(Chunk {
            start: served,
            bytes: rest,
            version: fetched.version,
            since: fetched.since,
        });
    }
}

/// Where a read begins in a range, if the range holds all of it.
fn within(start: u64, held: usize, offset: u64, length: usize) -> Option<usize> {
    let skip = usize::try_from(offset.checked_sub(start)?).ok()?;
    (skip.checked_add(length)? <= held).then_some(skip)
}

fn slice(start: u64, bytes: &Bytes, offset: u64, length: usize) -> Option<Bytes> {
    let skip = within(start, bytes.len(), offset, length)?;
    Some(bytes.slice(skip..skip + length))
}

/// What a range holds of a read; it ends where the file ends.
fn part(bytes: &Bytes, start: u64, offset: u64, length: usize) -> Bytes {
    let skip = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
    let skip = skip.min(bytes.len());
    let end = skip.saturating_add(length).min(bytes.len());
    bytes.slice(skip..end)
}

/// The files of a volume that hold something they have read ahead.
#[derive(Debug, Default)]
pub(super) struct Chunks(Mutex<VecDeque<Weak<ReadAhead>>>);

impl Chunks {
    /// Notes a file that may hold something. Of too many, the one that was noted first keeps nothing.
    pub(super) fn add(&self, reads: &Arc<ReadAhead>) {
        let mut state = lock(&reads.0);
        if state.chunks.is_empty() || state.listed == Listed::Yes {
            return;
        }
        state.listed = Listed::Yes;
        drop(state);
        let mut files = lock(&self.0);
        files.push_back(Arc::downgrade(reads));
        let excess = files.len() > FILES_MAX;
        let oldest = if excess { files.pop_front() } else { None };
        drop(files);
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            oldest.forget();
        }
    }

    /// Frees what is too old; tells whether something is left.
    pub(super) fn expire(&self) -> Housekeeping {
        let mut files = lock(&self.0);
        files.retain(|reads| {
            let reads = reads.upgrade();
            reads.is_some_and(|reads| reads.expire() == Housekeeping::More)
        });
        if files.is_empty() {
            Housekeeping::Done
        } else {
            Housekeeping::More
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::{CHUNK, Chunks, FILES_MAX, ReadAhead, ReadPlan, lock};

    #[test]
    fn what_many_files_read_ahead_is_bounded() {
        let chunks = Chunks::default();
        let files: Vec<Arc<ReadAhead>> = (0..2 * FILES_MAX).map(|_| Arc::default()).collect();

        for reads in &files {
            let fetch = match reads.begin(0, CHUNK / 2, 0) {
                ReadPlan::Ahead { fetch, .. } => Some(fetch),
                _ => None,
            };
            fetch
                .unwrap()
                .run(&|_, length| Ok(Bytes::from(vec![0; length])));
            chunks.add(reads);
        }

        let held = |reads: &&Arc<ReadAhead>| !lock(&reads.0).chunks.is_empty();
        assert_eq!(files.iter().filter(held).count(), FILES_MAX);
        assert!(files.last().iter().any(held), "the newest are kept");
    }
}
