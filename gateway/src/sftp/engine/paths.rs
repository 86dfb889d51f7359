//! Requests on paths: which of them run side by side, and what each asks of storage.

use std::collections::VecDeque;

use super::{
    action::{REQUEST_COST, Target},
    handle::WritesAt,
    limits::EngineLimits,
    running::{Access, Call, Outcome, done},
};
use crate::storage::{Attributes, Existing, Files, Links, Open, StoragePath, Write};

/// A request on paths.
#[derive(Debug)]
pub(super) enum PathRequest {
    Open {
        path: StoragePath,
        how: Open,
    },
    OpenFolder(StoragePath),
    Stat(StoragePath, Links),
    SetStat(StoragePath, Attributes, Links),
    ReadLink(StoragePath),
    Space(StoragePath),
    Remove(StoragePath),
    MakeFolder(StoragePath, Option<u32>),
    RemoveFolder(StoragePath),
    Rename {
        source: StoragePath,
        target: StoragePath,
        existing: Existing,
    },
    HardLink {
        source: StoragePath,
        target: StoragePath,
    },
    Symlink {
        text: Vec<u8>,
        link: StoragePath,
    },
}

/// What will become a handle.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) path: StoragePath,
    /// Where WRITEs will go; `None`: nowhere.
    pub(super) writes: Option<WritesAt>,
}

impl PathRequest {
    pub(super) const fn access(&self) -> Access {
        match self {
            Self::Open {
                how: Open { write: None, .. },
                ..
            }
            | Self::OpenFolder(_)
            | Self::Stat(..)
            | Self::ReadLink(_)
            | Self::Space(_) => Access::Look,
            Self::Open { .. }
            | Self::SetStat(..)
            | Self::Remove(_)
            | Self::MakeFolder(..)
            | Self::RemoveFolder(_)
            | Self::Rename { .. }
            | Self::HardLink { .. }
            | Self::Symlink { .. } => Access::Change,
        }
    }

    /// What an OPEN or OPENDIR makes a handle of.
    pub(super) fn opens(&self) -> Option<Opening> {
        match self {
            Self::Open { path, how } => Some(Opening {
                path: path.clone(),
                writes: how.write.map(|write| match write {
                    Write { append: true, .. } => WritesAt::End,
                    Write { .. } => WritesAt::Offset,
                }),
            }),
            Self::OpenFolder(path) => Some(Opening {
                path: path.clone(),
                writes: None,
            }),
            _ => None,
        }
    }

    /// Asks storage.
    pub(super) fn call(&self, files: &Files) -> Call {
        match self {
            Self::Open { path, how } => {
                let call = files.open(path, *how);
                Box::pin(async move { Outcome::Opened(call.await.map(Target::File)) })
            }
            Self::OpenFolder(path) => {
                let call = files.list(path);
                Box::pin(async move { Outcome::Opened(call.await.map(Target::Folder)) })
            }
            Self::Stat(path, links) => {
                let call = files.metadata(path, *links);
                Box::pin(async move { Outcome::Metadata(call.await) })
            }
            Self::ReadLink(path) => {
                let call = files.read_link(path);
                Box::pin(async move { Outcome::Link(call.await) })
            }
            Self::Space(path) => {
                let call = files.space(path);
                Box::pin(async move { Outcome::Space(call.await) })
            }
            Self::SetStat(path, wanted, links) => done(files.set_attributes(path, *wanted, *links)),
            Self::Remove(path) => done(files.remove_file(path)),
            Self::MakeFolder(path, mode) => done(files.make_folder(path, *mode)),
            Self::RemoveFolder(path) => done(files.remove_folder(path)),
            Self::Rename {
                source,
                target,
                existing,
            } => done(files.rename(source, target, *existing)),
            Self::HardLink { source, target } => done(files.hard_link(source, target)),
            Self::Symlink { text, link } => done(files.symlink(text, link)),
        }
    }
}

/// Requests on paths in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Paths {
    waiting: VecDeque<PathTurn>,
    looks: usize,
    changes: usize,
}

/// A request on paths that waits for its turn.
#[derive(Debug)]
pub(super) struct PathTurn {
    pub(super) id: u32,
    pub(super) arrival: u64,
    pub(super) cost: usize,
    pub(super) request: PathRequest,
}

impl PathTurn {
    /// `length` is that of its packet, in bytes.
    pub(super) fn new(id: u32, arrival: u64, length: usize, request: PathRequest) -> Self {
        let cost = REQUEST_COST + length;
        Self {
            id,
            arrival,
            cost,
            request,
        }
    }
}

impl Paths {
    pub(super) fn push(&mut self, turn: PathTurn) {
        self.waiting.push_back(turn);
    }

    /// Takes the request whose turn it is. `change` is the arrival of the oldest request on a handle that may still
    /// change what paths show.
    pub(super) fn next(&mut self, change: Option<u64>) -> Option<PathTurn> {
        let front = self.waiting.front()?;
        let admitted = match front.request.access() {
            Access::Look => self.changes == 0 && self.looks < EngineLimits::RUNNING_PATHS,
            Access::Change => self.changes == 0 && self.looks == 0,
        };
        let settled = change.is_none_or(|change| change > front.arrival);
        if admitted && settled {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// A call goes on in a task.
    pub(super) const fn started(&mut self, access: Access) {
        match access {
            Access::Look => self.looks += 1,
            Access::Change => self.changes += 1,
        }
    }

    /// The task has ended.
    pub(super) const fn ended(&mut self, access: Access) {
        match access {
            Access::Look => self.looks -= 1,
            Access::Change => self.changes -= 1,
        }
    }
}
