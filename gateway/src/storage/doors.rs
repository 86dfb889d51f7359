//! Files whose calls hang where a test closed a door, for tests of the protocols.

use std::{sync::Arc, time::Duration};

use gateway_config::Permission;

use super::{Error, Files, Volume, fake::Fake, pool::PoolLimits};

/// As many threads for one user as a volume has by default; nothing becomes stuck while a test runs.
const LIMITS: PoolLimits = PoolLimits {
    threads: 32,
    running_per_user: 8,
    waiting_per_user: 4096,
    stuck_after: Duration::from_hours(1),
    stuck_max: 4,
};

/// One user's files, and the doors before them.
pub(crate) struct Doors {
    fake: Fake,
    pub(crate) files: Files,
}

impl Doors {
    pub(crate) async fn new() -> Self {
        let fake = Fake::default();
        let volume = Volume::new(Arc::new(fake.clone()), LIMITS, Duration::from_hours(1));
        let permissions = [
            Permission::Read,
            Permission::Write,
            Permission::Overwrite,
            Permission::List,
        ];
        let files = volume.files("alice", "/", &permissions.into()).await;
        Self {
            fake,
            files: files.unwrap(),
        }
    }

    /// From now on calls on this path hang.
    pub(crate) fn close(&self, path: &str) {
        self.fake.close(path);
    }

    /// Lets all calls on this path go on.
    pub(crate) fn open(&self, path: &str) {
        self.fake.open_door(path);
    }

    /// Waits until a call hangs.
    pub(crate) fn until_hanging(&self) {
        self.fake.until(|state| state.hanging > 0);
    }

    /// Waits until no file is open.
    pub(crate) fn until_closed(&self) {
        self.fake.until(|state| state.open == 0);
    }

    /// The next write finds no space.
    pub(crate) fn fail_a_write(&self) {
        self.fake
            .change(|state| state.failures.push_back(Error::NoSpace));
    }

    /// What every file holds.
    pub(crate) fn fill(&self, content: Vec<u8>) {
        self.fake.change(|state| state.content = content);
    }

    /// What was called so far, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.fake.calls()
    }
}
