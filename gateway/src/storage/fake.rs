//! A storage for tests of the lane: its calls hang where a test closed a door, and it notes what was called.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::{OsStr, OsString},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;

use super::{
    Attributes, Before, Error, Existing, File, Folder, Kind, Links, Metadata, Open, Opened, Result,
    Space, Storage, Waiting, WriteError, lock,
};

/// How long a test waits for a condition at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The storage; clones share what happens. Every path is a file, and all files have the same content.
#[derive(Clone, Debug, Default)]
pub(super) struct Fake(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct State {
    closed: BTreeSet<OsString>,
    /// Finished calls, in order, for example `write a 0+32768`.
    pub(super) calls: Vec<String>,
    /// Calls that hang before a closed door.
    pub(super) hanging: usize,
    /// Files that are open.
    pub(super) open: usize,
    /// What every file holds.
    pub(super) content: Vec<u8>,
    /// What the next writes answer; those after them do not fail.
    pub(super) failures: VecDeque<Error>,
}

impl Fake {
    /// From now on calls on this path hang.
    pub(super) fn close(&self, path: &str) {
        lock(&self.0.state).closed.insert(path.into());
    }

    /// Lets all calls on this path go on.
    pub(super) fn open_door(&self, path: &str) {
        self.change(|state| {
            state.closed.remove(OsStr::new(path));
        });
    }

    /// Changes what there is.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.0.state));
        self.0.changed.notify_all();
    }

    /// Waits until this is so.
    #[track_caller]
    pub(super) fn until(&self, mut condition: impl FnMut(&State) -> bool) {
        let (state, wait) = self
            .0
            .changed
            .wait_timeout_while(lock(&self.0.state), PATIENCE, |state| !condition(state))
            .unwrap();
        assert!(!wait.timed_out(), "still waiting with {state:?}");
        drop(state);
    }

    /// What was called so far.
    pub(super) fn calls(&self) -> Vec<String> {
        lock(&self.0.state).calls.clone()
    }

    /// Goes through the door of a path, and does the call.
    fn pass<T>(&self, path: &OsStr, call: String, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.0.state);
        state.hanging += 1;
        self.0.changed.notify_all();
        let closed = |state: &mut State| state.closed.contains(path);
        state = self.0.changed.wait_while(state, closed).unwrap();
        state.hanging -= 1;
        state.calls.push(call);
        let outcome = act(&mut state);
        drop(state);
        self.0.changed.notify_all();
        outcome
    }
}

impl Storage for Fake {
    fn waiting(&self) -> Waiting {
        Waiting::Sometimes
    }

    fn inside(&self, folder: &OsStr) -> Result<Arc<dyn Storage>> {
        self.pass(folder, format!("inside {}", folder.display()), |_| ());
        Ok(Arc::new(self.clone()))
    }

    fn open(&self, path: &OsStr, _how: Open) -> Result<Opened> {
        self.pass(path, format!("open {}", path.display()), |state| {
            state.open += 1;
        });
        let file = FakeFile {
            fake: self.clone(),
            path: path.into(),
        };
        Ok(Opened {
            file: Arc::new(file),
            before: Before::Nothing,
        })
    }

    fn would_make(&self, path: &OsStr, _write: super::Write) -> Result<bool> {
        self.pass(path, format!("would make {}", path.display()), |_| ());
        Ok(false)
    }

    fn metadata(&self, path: &OsStr, _links: Links) -> Result<Metadata> {
        Ok(self.pass(path, format!("metadata {}", path.display()), metadata))
    }

    fn list(&self, _path: &OsStr) -> Result<Box<dyn Folder>> {
        Err(Error::Unsupported)
    }

    fn make_folder(&self, _path: &OsStr, _mode: u32) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn remove_folder(&self, _path: &OsStr) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn remove_file(&self, _path: &OsStr) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn rename(&self, _source: &OsStr, _target: &OsStr, _existing: Existing) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn hard_link(&self, _source: &OsStr, _target: &OsStr) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn symlink(&self, _text: &OsStr, _link: &OsStr) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn read_link(&self, _path: &OsStr) -> Result<Vec<u8>> {
        Err(Error::Unsupported)
    }

    fn set_attributes(&self, _path: &OsStr, _change: Attributes, _links: Links) -> Result<()> {
        Err(Error::Unsupported)
    }

    fn space(&self, _path: &OsStr) -> Result<Space> {
        Err(Error::Unsupported)
    }
}

fn metadata(state: &mut State) -> Metadata {
    Metadata {
        kind: Kind::File,
        size: state.content.len() as u64,
        mode: 0o640,
        owner: 0,
        group: 0,
        accessed: UNIX_EPOCH,
        modified: UNIX_EPOCH,
        links: 1,
        identity: 1,
    }
}

/// An open file.
#[derive(Debug)]
struct FakeFile {
    fake: Fake,
    path: OsString,
}

impl FakeFile {
    fn pass<T>(&self, call: &str, act: impl FnOnce(&mut State) -> T) -> T {
        let path = self.path.as_os_str();
        self.fake
            .pass(path, format!("{call} {}", path.display()), act)
    }
}

impl File for FakeFile {
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes> {
        let start = usize::try_from(offset).unwrap();
        self.pass(&format!("read {offset}+{length}"), |state| {
            let end = state.content.len().min(start + length);
            let bytes = state.content.get(start..end).unwrap_or_default();
            Ok(Bytes::copy_from_slice(bytes))
        })
    }

    fn read_now(&self, _offset: u64, _length: usize) -> Option<Result<Bytes>> {
        None
    }

    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> std::result::Result<(), WriteError> {
        let bytes = pieces.concat();
        let start = usize::try_from(offset).unwrap();
        self.pass(&format!("write {offset}+{}", bytes.len()), |state| {
            if let Some(error) = state.failures.pop_front() {
                let written = bytes.len() / 2;
                return Err(WriteError { written, error });
            }
            let end = start + bytes.len();
            state.content.resize(state.content.len().max(end), 0);
            state.content[start..end].copy_from_slice(&bytes);
            Ok(())
        })
    }

    fn metadata(&self) -> Result<Metadata> {
        Ok(self.pass("metadata", metadata))
    }

    fn set_attributes(&self, attributes: Attributes) -> Result<()> {
        self.pass("set", |state| {
            let size = attributes.size.map(usize::try_from);
            if let Some(Ok(size)) = size {
                state.content.resize(size, 0);
            }
        });
        Ok(())
    }

    fn space(&self) -> Result<Space> {
        Err(Error::Unsupported)
    }

    fn sync(&self) -> Result<()> {
        self.pass("sync", |_| ());
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        self.pass("finish", |_| ());
        Ok(())
    }

    fn identity(&self) -> u64 {
        7
    }
}

impl Drop for FakeFile {
    fn drop(&mut self) {
        self.pass("close", |state| state.open -= 1);
    }
}
