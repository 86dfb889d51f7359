//! What is asked of an open file or folder, and the call of storage that it becomes.

use bytes::Bytes;
use sftp::Effect;

use super::{
    attributes,
    running::{Call, Outcome, done},
};
use crate::storage::{Listing, OpenFile};

/// How many entries one READDIR is answered with. OpenSSH gives as many; clients have seen nothing longer.
const ENTRIES: usize = 100;
/// What an answer to READDIR may need, in bytes: names and lines of common length.
pub(super) const ENTRIES_COST: usize = 32 * 1024;
/// What a request needs besides its data, in bytes.
pub(super) const REQUEST_COST: usize = 256;

/// What a handle stands for.
#[derive(Clone, Debug)]
pub(super) enum Target {
    File(OpenFile),
    Folder(Listing),
}

impl Target {
    /// CLOSE: for a file the moment that tells whether everything was written.
    pub(super) fn close(self) -> Call {
        Box::pin(async move {
            Outcome::Done(match self {
                Self::File(file) => file.finish().await,
                Self::Folder(_) => Ok(()),
            })
        })
    }
}

/// What is asked of a handle, but for READ: of those there may be thousands, so they wait as [`sftp::Reads`], many in
/// one.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Write { offset: u64, bytes: Bytes },
    Stat,
    SetStat(sftp::Attributes),
    Space,
    Sync,
    NextEntries,
    Close,
}

impl Action {
    /// Bytes that the request brought.
    pub(super) const fn payload(&self) -> usize {
        match self {
            Self::Write { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Whether somebody who looks at the path could see a difference afterwards.
    pub(super) const fn changes(&self) -> bool {
        match self {
            Self::Write { .. } | Self::SetStat(_) | Self::Sync | Self::Close => true,
            Self::Stat | Self::Space | Self::NextEntries => false,
        }
    }

    fn call(&self, file: &OpenFile) -> Option<Call> {
        Some(match self {
            Self::Write { offset, bytes } => done(file.write_at(*offset, bytes.clone())),
            Self::SetStat(wanted) => done(file.set_attributes(attributes::to_storage(wanted))),
            Self::Sync => done(file.sync()),
            Self::Stat => {
                let call = file.metadata();
                Box::pin(async move { Outcome::Metadata(call.await) })
            }
            Self::Space => {
                let call = file.space();
                Box::pin(async move { Outcome::Space(call.await) })
            }
            Self::NextEntries | Self::Close => return None,
        })
    }
}

/// The request whose turn it is.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) id: u32,
    /// How many requests had arrived with it; 0 for READ, which changes nothing that others wait for.
    pub(super) arrival: u64,
    /// For READ also what is read.
    pub(super) effect: Effect,
    /// `None` is READ.
    pub(super) action: Option<Action>,
}

impl Turn {
    /// The call of storage; `None` for what only folders do to a file, and the other way round. Never asked for CLOSE.
    pub(super) fn call(&self, target: &Target) -> Option<Call> {
        match (target, &self.action) {
            (Target::File(file), None) => self.read(file),
            (Target::File(file), Some(action)) => action.call(file),
            (Target::Folder(folder), Some(Action::NextEntries)) => {
                let call = folder.next(ENTRIES);
                Some(Box::pin(async move { Outcome::Entries(call.await) }))
            }
            (Target::Folder(_), _) => None,
        }
    }

    fn read(&self, file: &OpenFile) -> Option<Call> {
        let Effect::Read(range) = self.effect else {
            return None;
        };
        let length = usize::try_from(range.length).ok()?;
        let call = file.read_at(range.start, length);
        Some(Box::pin(async move { Outcome::Data(call.await) }))
    }

    /// Memory that the call holds, in bytes.
    pub(super) fn cost(&self) -> usize {
        match &self.action {
            None => promised(self.effect),
            Some(Action::NextEntries) => ENTRIES_COST,
            Some(action) => REQUEST_COST + action.payload(),
        }
    }

    /// Bytes that it writes.
    pub(super) fn payload(&self) -> usize {
        self.action.as_ref().map_or(0, Action::payload)
    }

    /// READ and WRITE.
    pub(super) const fn moves_data(&self) -> bool {
        matches!(self.action, None | Some(Action::Write { .. }))
    }
}

/// How many bytes of an answer a running call will bring.
pub(super) fn promised(effect: Effect) -> usize {
    match effect {
        Effect::Read(range) => {
            REQUEST_COST + usize::try_from(range.length).unwrap_or(usize::MAX / 2)
        }
        Effect::Write(_) | Effect::Look | Effect::Alone => 0,
    }
}
