//! Which thread waits: makes the blocking calls of a [`Storage`] async.
//!
//! A call that cannot wait runs *inline*, at the first poll of its future. Any other runs in the volume's [`Pool`],
//! batched where that saves calls: sequential reads are read ahead (`read_ahead.rs`), contiguous writes become one
//! (`write_queue.rs`). A future that is dropped gives up the answer, never the state: a call that waits is skipped, a
//! queued write that was accepted still happens, and a file nobody holds any more is closed by the pool, since even that
//! may wait.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::{
    Attributes, Before, Error, File, Folder, Metadata, Open, Result, Space, Storage, StoragePath,
    Waiting, lock,
    pool::Pool,
    read_ahead::{Chunks, ReadAhead, ReadPlan},
    write_queue::{Step, WriteQueue},
};

/// Writes are counted in this many places, so that a read-ahead notices that it is out of date.
const PLACES: usize = 64;

/// The lane of one volume.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) pool: Pool,
    pub(super) chunks: Arc<Chunks>,
    versions: Arc<Versions>,
}

impl Lane {
    /// A lane over these threads; `chunks` remembers who has read ahead.
    pub(super) fn new(pool: Pool, chunks: Arc<Chunks>) -> Self {
        Self {
            pool,
            chunks,
            versions: Arc::default(),
        }
    }

    /// The lane as this user sees it.
    pub(super) fn of_user(&self, user: &str, waiting: Waiting) -> UserLane {
        UserLane {
            lane: self.clone(),
            user: user.into(),
            waiting,
        }
    }
}

/// How many writes began or ended, by the file's identity. Files may share a place: that costs a read-ahead, no more.
#[derive(Debug)]
struct Versions([AtomicU64; PLACES]);

impl Default for Versions {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; PLACES])
    }
}

impl Versions {
    fn place(&self, identity: u64) -> Option<&AtomicU64> {
        let place = usize::try_from(identity % PLACES as u64).ok()?;
        self.0.get(place)
    }
}

/// The lane as one user sees it: where that user's calls wait their turn.
#[derive(Clone, Debug)]
pub(super) struct UserLane {
    lane: Lane,
    user: Arc<str>,
    waiting: Waiting,
}

impl UserLane {
    /// Makes a call, inline or in the pool.
    pub(super) async fn call<T: Send + 'static>(
        self,
        call: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self.waiting {
            Waiting::Never => call(),
            Waiting::Sometimes => self.wait_for(call).await,
        }
    }

    async fn wait_for<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.submit(move || {
            // Whoever asked may have gone while the call waited.
            if !answer.is_closed() {
                // An answer that nobody waits for any more is dropped here, where closing a file may wait.
                drop(answer.send(call()));
            }
        });
        answered.await.unwrap_or(Err(Error::Stuck))
    }

    fn submit(&self, call: impl FnOnce() + Send + 'static) {
        self.lane.pool.submit(&self.user, Box::new(call));
    }

    /// Opens a file; tells what was there before.
    pub(super) async fn open(
        self,
        storage: Arc<dyn Storage>,
        path: StoragePath,
        how: Open,
    ) -> Result<(Arc<LaneFile>, Before)> {
        let lane = self.clone();
        self.call(move || {
            let opened = storage.open(path.relative(), how)?;
            Ok((LaneFile::new(lane, opened.file), opened.before))
        })
        .await
    }
}

/// An open file and what waits for it.
#[derive(Debug)]
pub(super) struct LaneFile {
    lane: UserLane,
    /// None only while it is dropped.
    file: Option<Arc<dyn File>>,
    identity: u64,
    reads: Arc<ReadAhead>,
    writes: WriteQueue,
    /// Nothing is ever sent: it is dropped when the file is closed.
    open: watch::Sender<()>,
}

/// Tells when an open file is closed: no call on it is under way any more, and none will be.
#[derive(Clone, Debug)]
pub struct Closing(watch::Receiver<()>);

impl Closing {
    /// Waits for it.
    pub async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

impl LaneFile {
    fn new(lane: UserLane, file: Arc<dyn File>) -> Arc<Self> {
        Arc::new(Self {
            identity: file.identity(),
            lane,
            file: Some(file),
            reads: Arc::default(),
            writes: WriteQueue::default(),
            open: watch::Sender::default(),
        })
    }

    /// See [`super::OpenFile::closing`].
    pub(super) fn closing(&self) -> Closing {
        Closing(self.open.subscribe())
    }

    fn with<T>(&self, call: impl FnOnce(&dyn File) -> Result<T>) -> Result<T> {
        self.file.as_deref().map_or(Err(Error::Stuck), call)
    }

    /// See [`super::OpenFile::read_at`].
    pub(super) async fn read_at(self: Arc<Self>, offset: u64, length: usize) -> Result<Bytes> {
        if self.lane.waiting == Waiting::Never {
            return self.with(|file| file.read_at(offset, length));
        }
        let here = self.reads.look(offset, length, self.version());
        if here.is_none()
            && let Some(answer) = self.read_now(offset, length)
        {
            self.reads.passed(offset, length);
            return answer;
        }
        let plan = here.unwrap_or_else(|| self.reads.begin(offset, length, self.version()));
        match plan {
            ReadPlan::Here(bytes) => Ok(bytes),
            ReadPlan::UnderWay(answered) => answered.await.unwrap_or(Err(Error::Stuck)),
            ReadPlan::Alone => {
                let file = Arc::clone(&self);
                self.lane
                    .wait_for(move || file.with(|file| file.read_at(offset, length)))
                    .await
            }
            ReadPlan::Ahead { fetch, answered } => {
                let file = Arc::clone(&self);
                self.lane.submit(move || {
                    fetch.run(&|offset, length| file.with(|file| file.read_at(offset, length)));
                    file.lane.lane.chunks.add(&file.reads);
                });
                answered.await.unwrap_or(Err(Error::Stuck))
            }
        }
    }

    fn read_now(&self, offset: u64, length: usize) -> Option<Result<Bytes>> {
        self.file.as_deref()?.read_now(offset, length)
    }

    /// See [`super::OpenFile::write_at`].
    pub(super) async fn write_at(self: Arc<Self>, offset: u64, bytes: Bytes) -> Result<()> {
        if self.lane.waiting == Waiting::Never {
            return self.write_together(offset, vec![bytes]).await;
        }
        let (answer, answered) = oneshot::channel();
        self.enqueue(Step::Write {
            offset,
            bytes,
            answer,
        });
        answered.await.unwrap_or(Err(Error::Stuck))
    }

    /// See [`super::OpenFile::write_together`].
    pub(super) async fn write_together(
        self: Arc<Self>,
        offset: u64,
        pieces: Vec<Bytes>,
    ) -> Result<()> {
        let write = move |file: &dyn File| {
            let written = file.write_at(offset, &pieces);
            written.map_err(|failed| failed.error)
        };
        let written = Arc::clone(&self).in_order(write).await;
        written.inspect_err(|error| self.writes.lost().note(error))
    }

    /// Makes a call after all writes that were made before it.
    async fn in_order<T: Send + 'static>(
        self: Arc<Self>,
        call: impl FnOnce(&dyn File) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.lane.waiting == Waiting::Never {
            return self.with(call);
        }
        let (answer, answered) = oneshot::channel();
        self.enqueue(Step::Call(Box::new(move |file: &dyn File| {
            if !answer.is_closed() {
                drop(answer.send(call(file)));
            }
        })));
        answered.await.unwrap_or(Err(Error::Stuck))
    }

    fn enqueue(self: &Arc<Self>, step: Step) {
        self.touch();
        if self.writes.push(step) {
            self.submit_turn();
        }
    }

    /// Has the pool do the next step of the queue, and the following ones in turns of their own.
    fn submit_turn(self: &Arc<Self>) {
        let turn = Turn(Some(Arc::clone(self)));
        self.lane.submit(move || turn.take());
    }

    /// Describes the file.
    pub(super) async fn metadata(self: Arc<Self>) -> Result<Metadata> {
        self.in_order(<dyn File>::metadata).await
    }

    /// Changes size, mode and times.
    pub(super) async fn set_attributes(self: Arc<Self>, attributes: Attributes) -> Result<()> {
        self.in_order(move |file| file.set_attributes(attributes))
            .await
    }

    /// The space of the file system that holds the file.
    pub(super) async fn space(self: Arc<Self>) -> Result<Space> {
        self.in_order(<dyn File>::space).await
    }

    /// Returns when all is on the disk.
    pub(super) async fn sync(self: Arc<Self>) -> Result<()> {
        self.in_order(<dyn File>::sync).await
    }

    /// Returns when all is written and visible. A file that lost a write stays unfinished, and the answer says why:
    /// clients close after an error too, and half a file must not take the place of a whole one.
    pub(super) async fn finish(self: Arc<Self>) -> Result<()> {
        let lost = self.writes.lost().clone();
        self.in_order(move |file| lost.check().and_then(|()| file.finish()))
            .await
    }

    fn version(&self) -> u64 {
        let place = self.lane.lane.versions.place(self.identity);
        place.map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// What was read ahead of this file, by any handle, is out of date.
    fn touch(&self) {
        if let Some(count) = self.lane.lane.versions.place(self.identity) {
            count.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Drop for LaneFile {
    fn drop(&mut self) {
        let file = self.file.take();
        if self.lane.waiting == Waiting::Sometimes {
            // Closing a file on a network volume waits for its writes.
            let (pool, open) = (&self.lane.lane.pool, self.open.clone());
            let close = move || {
                drop(file);
                drop(open);
            };
            pool.dispose(&self.lane.user, Box::new(close));
        }
    }
}

/// One turn of a file's write queue. Given up by the pool, it answers all that waits in the queue.
struct Turn(Option<Arc<LaneFile>>);

impl Turn {
    fn take(mut self) {
        // Held by this turn until it is over: if the call panics, what waits behind it is answered.
        if let Some(file) = &self.0
            && let Some(disk) = file.file.as_deref()
        {
            // A second time: what was read ahead while the write was under way may be older.
            file.writes.take_turn(disk, &|| file.touch());
        }
        if let Some(file) = self.0.take()
            && file.writes.more()
        {
            file.submit_turn();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            file.writes.give_up();
        }
    }
}

/// A folder being read, page by page.
#[derive(Clone, Debug)]
pub(super) struct LaneFolder {
    lane: UserLane,
    folder: Arc<std::sync::Mutex<Box<dyn Folder>>>,
}

impl LaneFolder {
    /// Opens a folder.
    pub(super) async fn open(
        lane: UserLane,
        storage: Arc<dyn Storage>,
        path: StoragePath,
    ) -> Result<Self> {
        let of_folder = lane.clone();
        lane.call(move || {
            Ok(Self {
                lane: of_folder,
                folder: Arc::new(std::sync::Mutex::new(storage.list(path.relative())?)),
            })
        })
        .await
    }

    /// The next entries.
    pub(super) async fn next(self, count: usize) -> Result<Vec<super::Entry>> {
        let folder = self.folder;
        self.lane.call(move || lock(&folder).next(count)).await
    }
}
