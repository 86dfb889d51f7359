//! Checks passwords beside the async threads, a few at a time.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use aws_lc_rs::error::Unspecified;
use tokio::sync::Semaphore;

use super::{Password, hash::PasswordHash, remembered::Remembered};

/// Checks that may wait for each one that runs. With argon2id's usual cost the last of them waits three seconds.
const WAITING_PER_CORE: usize = 128;

/// Checks passwords for all users of an endpoint, across reloads.
#[derive(Debug)]
pub struct Verifier {
    running: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
    remembered: Remembered,
    /// How many checks were paid for; what tests can see of the cost.
    checks: Arc<AtomicU64>,
}

/// What a password is checked against.
#[derive(Debug)]
pub(super) enum Check {
    /// The user's own hash.
    Real(Arc<PasswordHash>),
    /// Somebody's hash: it costs the same, and the password is wrong whatever comes out.
    Decoy(Arc<PasswordHash>),
}

/// Too many checks wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

impl Verifier {
    /// As many checks at a time as there are cores. Fails when the system gives no randomness.
    pub fn new() -> Result<Self, Unspecified> {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self::with_room(cores, cores * WAITING_PER_CORE)
    }

    pub(super) fn with_room(running_max: usize, waiting_max: usize) -> Result<Self, Unspecified> {
        Ok(Self {
            running: Arc::new(Semaphore::new(running_max)),
            waiting: Arc::default(),
            waiting_max,
            remembered: Remembered::new()?,
            checks: Arc::default(),
        })
    }

    /// Whether this is the user's password. `begin` is called when that begins to cost something.
    pub(super) async fn verify(
        &self,
        user: &str,
        check: Check,
        password: Password,
        begin: impl FnOnce(),
    ) -> Result<bool, Busy> {
        let (hash, tag) = match check {
            Check::Real(hash) => {
                let tag = self.remembered.tag(user, &hash, &password);
                (hash, Some(tag))
            }
            Check::Decoy(hash) => (hash, None),
        };
        if tag.is_some_and(|tag| self.remembered.knows(tag)) {
            return Ok(true);
        }
        let matches = self.pay(hash, password, begin).await?;
        let Some(tag) = tag.filter(|_| matches) else {
            return Ok(false);
        };
        self.remembered.remember(tag);
        Ok(true)
    }

    /// The expensive part. A client that leaves meanwhile does not make room for another check before this one ends.
    async fn pay(
        &self,
        hash: Arc<PasswordHash>,
        password: Password,
        begin: impl FnOnce(),
    ) -> Result<bool, Busy> {
        let waiting = Waiting::enter(&self.waiting, self.waiting_max)?;
        let Ok(permit) = Arc::clone(&self.running).acquire_owned().await else {
            return Err(Busy);
        };
        drop(waiting);
        self.checks.fetch_add(1, Ordering::Relaxed);
        begin();
        let check = tokio::task::spawn_blocking(move || {
            let matches = hash.matches(password.bytes());
            drop(permit);
            matches
        });
        // A check that panicked, or that the end of the runtime cut short, has not succeeded.
        Ok(check.await.unwrap_or(false))
    }

    #[cfg(test)]
    pub(super) fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }
}

/// A place in the queue.
struct Waiting {
    count: Arc<AtomicUsize>,
}

impl Waiting {
    fn enter(count: &Arc<AtomicUsize>, max: usize) -> Result<Self, Busy> {
        let place = Self {
            count: Arc::clone(count),
        };
        // The guard exists already: it takes back what is counted here, too when that was one too many.
        if count.fetch_add(1, Ordering::Relaxed) < max {
            Ok(place)
        } else {
            Err(Busy)
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
