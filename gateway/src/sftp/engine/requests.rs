//! What a request is about: a path, a handle, or nothing that storage has to be asked for.

use bytes::Bytes;
use sftp::{Answer, Limits, OpenFlags, PACKET_MAX, Read, Reads, Request, TRANSFER_MAX};

use super::{
    action::Action,
    attributes::{one_name, permissions, to_storage},
    handle::{HandleRequest, Waiting},
    paths::PathRequest,
    status,
};
use crate::storage::{Create, Existing, InvalidPath, Links, Open, StoragePath, Truncate, Write};

/// A request, sorted.
pub(super) enum Asked<'a> {
    /// It has its answer already.
    Answered(Answer<'static>),
    /// It is about this handle.
    OfHandle(&'a [u8], Waiting),
    /// It is about paths.
    OfPath(PathRequest),
}

/// Sorts one request.
pub(super) struct Sorter {
    /// The request's id.
    pub(super) id: u32,
    /// How many requests have arrived, this one included.
    pub(super) arrival: u64,
    /// Handles that may be open, for clients that ask.
    pub(super) handles_max: usize,
}

impl Sorter {
    /// Sorts a request. `keep` makes the data of a WRITE outlive its packet.
    pub(super) fn sort<'a>(
        &self,
        request: Request<'a>,
        keep: impl FnOnce(&'a [u8]) -> Bytes,
    ) -> Asked<'a> {
        let (handle, action) = match request {
            Request::Read {
                handle,
                offset,
                length,
            } => {
                let read = Read {
                    id: self.id,
                    offset,
                    length,
                };
                return Asked::OfHandle(handle, Waiting::Reads(Reads::new(read)));
            }
            Request::Write {
                handle,
                offset,
                data,
            } => {
                let bytes = keep(data);
                (handle, Action::Write { offset, bytes })
            }
            Request::Close { handle } => (handle, Action::Close),
            Request::HandleStat { handle } => (handle, Action::Stat),
            Request::HandleSetStat { handle, attributes } => (handle, Action::SetStat(attributes)),
            Request::ReadFolder { handle } => (handle, Action::NextEntries),
            Request::HandleSpace { handle } => (handle, Action::Space),
            Request::Sync { handle } => (handle, Action::Sync),
            request => return self.sort_other(&request),
        };
        let Self { id, arrival, .. } = *self;
        let request = HandleRequest {
            id,
            arrival,
            action,
        };
        Asked::OfHandle(handle, Waiting::Request(request))
    }

    fn sort_other(&self, request: &Request<'_>) -> Asked<'static> {
        match of_path(request) {
            Ok(Some(request)) => Asked::OfPath(request),
            Ok(None) => Asked::Answered(self.answer(request).unwrap_or_else(status::invalid)),
            Err(error) => Asked::Answered(status::invalid(error)),
        }
    }

    /// The requests that ask storage for nothing.
    fn answer(&self, request: &Request<'_>) -> Result<Answer<'static>, InvalidPath> {
        Ok(match request {
            Request::RealPath { path } => real_path(path)?,
            Request::ExpandPath { path } => match path.strip_prefix(b"~") {
                None => real_path(path)?,
                Some(rest) if rest.is_empty() || rest.starts_with(b"/") => real_path(rest)?,
                Some(_user) => status::NO_OTHER_HOME,
            },
            Request::Limits => {
                let limits = Limits {
                    packet: u64::from(PACKET_MAX) - 1024,
                    read: TRANSFER_MAX.into(),
                    write: TRANSFER_MAX.into(),
                    handles: self.handles_max as u64,
                };
                Answer::Extended(limits.encode().into())
            }
            _ => status::UNKNOWN_EXTENSION,
        })
    }
}

fn resolve(path: &[u8]) -> Result<StoragePath, InvalidPath> {
    StoragePath::resolve(&StoragePath::root(), path)
}

/// The path from the user's root, without asking whether anything is there.
fn real_path(path: &[u8]) -> Result<Answer<'static>, InvalidPath> {
    Ok(one_name(resolve(path)?.to_client()))
}

fn of_path(request: &Request<'_>) -> Result<Option<PathRequest>, InvalidPath> {
    Ok(Some(match request {
        Request::Open {
            path,
            flags,
            attributes,
        } => PathRequest::Open {
            path: resolve(path)?,
            how: how(*flags, attributes),
        },
        Request::OpenFolder { path } => PathRequest::OpenFolder(resolve(path)?),
        Request::LinkStat { path } => PathRequest::Stat(resolve(path)?, Links::Keep),
        Request::Stat { path } => PathRequest::Stat(resolve(path)?, Links::Follow),
        Request::SetStat { path, attributes } => {
            PathRequest::SetStat(resolve(path)?, to_storage(attributes), Links::Follow)
        }
        Request::LinkSetStat { path, attributes } => {
            PathRequest::SetStat(resolve(path)?, to_storage(attributes), Links::Keep)
        }
        Request::ReadLink { path } => PathRequest::ReadLink(resolve(path)?),
        Request::Space { path } => PathRequest::Space(resolve(path)?),
        Request::Remove { path } => PathRequest::Remove(resolve(path)?),
        Request::MakeFolder { path, attributes } => {
            PathRequest::MakeFolder(resolve(path)?, permissions(attributes))
        }
        Request::RemoveFolder { path } => PathRequest::RemoveFolder(resolve(path)?),
        Request::Rename { source, target } => PathRequest::Rename {
            source: resolve(source)?,
            target: resolve(target)?,
            existing: Existing::Keep,
        },
        Request::PosixRename { source, target } => PathRequest::Rename {
            source: resolve(source)?,
            target: resolve(target)?,
            existing: Existing::Replace,
        },
        Request::HardLink { source, target } => PathRequest::HardLink {
            source: resolve(source)?,
            target: resolve(target)?,
        },
        Request::Symlink { text, link } => PathRequest::Symlink {
            text: text.to_vec(),
            link: resolve(link)?,
        },
        _ => return Ok(None),
    }))
}

/// `pflags` in the words of storage. What makes or empties a file needs the permission to write, whether WRITE was
/// asked for or not.
fn how(flags: OpenFlags, attributes: &sftp::Attributes) -> Open {
    let create = if !flags.contains(OpenFlags::CREATE) {
        Create::Never
    } else if flags.contains(OpenFlags::EXCLUSIVE) {
        Create::Exclusive
    } else {
        Create::IfMissing
    };
    let truncate = if flags.contains(OpenFlags::TRUNCATE) {
        Truncate::AtOpen
    } else {
        Truncate::Never
    };
    let write = Write {
        create,
        truncate,
        append: flags.contains(OpenFlags::APPEND),
    };
    let writes = flags.contains(OpenFlags::WRITE)
        || create != Create::Never
        || write.truncate.replaces()
        || write.append;
    Open {
        read: flags.contains(OpenFlags::READ) || !writes,
        write: writes.then_some(write),
        mode: permissions(attributes),
    }
}
