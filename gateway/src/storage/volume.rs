//! One volume: its storage, its lane and the way to a user's files.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gateway_config::Permission;

use super::{
    Error, Files, Result, Storage, StoragePath,
    lane::Lane,
    local::LocalStorage,
    pool::{Pool, PoolLimits},
    read_ahead::Chunks,
};

/// Threads of one volume that may wait for it at a time. They start when they are needed.
const THREADS: usize = 32;
/// Calls of one user that may wait for a thread; further ones are answered with [`Error::Stuck`].
const WAITING_PER_USER: usize = 4096;

/// One volume with its lane; lives as long as the endpoint serves it. Clones share it.
#[derive(Clone, Debug)]
pub struct Volume {
    storage: Arc<dyn Storage>,
    lane: Lane,
    /// How long a login waits for the user's root.
    deadline: Duration,
}

impl Volume {
    /// From the configuration; `Err` when the folder cannot be opened.
    pub fn open(storage: &gateway_config::Storage) -> Result<Self> {
        let limits = PoolLimits {
            threads: THREADS,
            running_per_user: THREADS / 4,
            waiting_per_user: WAITING_PER_USER,
            stuck_after: Duration::from_secs(storage.stuck_seconds),
            stuck_max: usize::try_from(storage.stuck_threads_max).unwrap_or(usize::MAX),
        };
        let local = Arc::new(LocalStorage::open(storage)?);
        Ok(Self::new(local, limits, limits.stuck_after))
    }

    /// Any storage as a volume; a login waits for it no longer than `deadline`.
    pub(super) fn new(storage: Arc<dyn Storage>, limits: PoolLimits, deadline: Duration) -> Self {
        let chunks = Arc::<Chunks>::default();
        let expiring = Arc::clone(&chunks);
        let pool = Pool::new(limits, move || expiring.expire());
        Self {
            storage,
            lane: Lane::new(pool, chunks),
            deadline,
        }
    }

    /// The files of one user: opens the user's root, makes it (0750) at the first login. Waits for
    /// `storage.stuckSeconds` at most and answers [`Error::Stuck`] then.
    pub async fn files(
        &self,
        user: &str,
        root: &str,
        permissions: &BTreeSet<Permission>,
    ) -> Result<Files> {
        let root = StoragePath::resolve(&StoragePath::root(), root.as_bytes())
            .map_err(|_invalid| Error::InvalidName)?;
        let lane = self.lane.of_user(user, self.storage.waiting());
        let volume = Arc::clone(&self.storage);
        let opening = lane.clone().call(move || volume.inside(root.relative()));
        let storage = tokio::time::timeout(self.deadline, opening)
            .await
            .unwrap_or(Err(Error::Stuck))?;
        Ok(Files::new(storage, lane, permissions))
    }

    /// Whether anything is kept that was read ahead.
    #[cfg(test)]
    pub(super) fn reads_ahead(&self) -> bool {
        self.lane.chunks.expire() == super::pool::Housekeeping::More
    }

    /// For metrics: calls under way, calls that wait for a thread, and stuck calls.
    pub fn load(&self) -> Load {
        self.lane.pool.load()
    }
}

/// What is under way on a volume, in calls. Calls made inline are never seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Under way, stuck ones included.
    pub running: usize,
    /// Waiting for a thread.
    pub waiting: usize,
    /// Running for longer than `storage.stuckSeconds`.
    pub stuck: usize,
}
