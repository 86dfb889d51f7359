//! What the clients of one session may resume.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls::server::StoresServerSessions;
use zeroize::Zeroizing;

/// Sessions kept beside the control connection's. Clients resume the newest or the first; a few more are for those
/// that remember slowly.
const RECENT_MAX: usize = 8;

/// The TLS sessions that one control connection and its data connections have begun; dies with them.
///
/// Looking one up need not take constant time: the identifiers are random, and nobody can ask often enough.
#[derive(Default)]
pub(super) struct SessionStore {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The control connection's own; never forgotten, since some clients resume nothing else for hours.
    first: Option<Resumable>,
    /// Those of data connections, the newest last.
    recent: VecDeque<Resumable>,
}

struct Resumable {
    identifier: Vec<u8>,
    secrets: Zeroizing<Vec<u8>>,
}

impl SessionStore {
    fn keep(&self, resumable: Resumable) {
        let mut kept = lock(&self.kept);
        if kept.first.is_none() {
            kept.first = Some(resumable);
            return;
        }
        if kept.recent.len() >= RECENT_MAX {
            kept.recent.pop_front();
        }
        kept.recent.push_back(resumable);
    }

    fn find(&self, identifier: &[u8]) -> Option<Vec<u8>> {
        let kept = lock(&self.kept);
        kept.first
            .iter()
            .chain(&kept.recent)
            .find(|resumable| resumable.identifier == identifier)
            .map(|resumable| resumable.secrets.to_vec())
    }
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore").finish_non_exhaustive()
    }
}

/// The store as the control connection sees it: what it begins may be resumed.
#[derive(Debug)]
pub(super) struct ControlStore(pub(super) Arc<SessionStore>);

impl StoresServerSessions for ControlStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.0.keep(Resumable {
            identifier: key,
            secrets: Zeroizing::new(value),
        });
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.find(key)
    }

    /// Without taking: clients resume one session again and again. rustls wants it gone for the sake of early data,
    /// which is never accepted here.
    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.find(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// The store as one data connection sees it: what it begins may be resumed only after [`Self::approve`].
///
/// Whoever connects to a passive port gets through a full handshake, and with TLS 1.3 gets a ticket, before anybody
/// can ask whether they belong here. Kept at once, that ticket would open the session to a stranger's next try.
pub(super) struct DataStore {
    session: Arc<SessionStore>,
    begun: Mutex<Vec<Resumable>>,
}

impl DataStore {
    pub(super) fn new(session: Arc<SessionStore>) -> Self {
        Self {
            session,
            begun: Mutex::default(),
        }
    }

    /// The connection has itself resumed this session: what it has begun belongs here, too.
    pub(super) fn approve(&self) {
        for resumable in mem::take(&mut *lock(&self.begun)) {
            self.session.keep(resumable);
        }
    }
}

impl fmt::Debug for DataStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataStore").finish_non_exhaustive()
    }
}

impl StoresServerSessions for DataStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        lock(&self.begun).push(Resumable {
            identifier: key,
            secrets: Zeroizing::new(value),
        });
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.session.find(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.session.find(key)
    }

    /// TLS 1.2 asks before a full handshake, the only one it begins a session with: none of those is ever approved.
    fn can_cache(&self) -> bool {
        false
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
