//! Requests as a client writes them.

use alloc::vec::Vec;

use crate::{
    Attributes, Extension, Message, Request,
    request::number,
    wire::{Append, packet},
};

impl Message<'_> {
    /// Appends the packet with its length field.
    pub fn encode(&self, out: &mut Vec<u8>) {
        packet(out, |out| match self {
            Self::Initialize { version } => {
                out.push(number::INIT);
                out.number(*version);
            }
            Self::Request { id, request } => {
                out.push(request.number());
                out.number(*id);
                request.encode(out);
            }
        });
    }
}

impl Request<'_> {
    const fn number(&self) -> u8 {
        match self {
            Self::Open { .. } => number::OPEN,
            Self::Close { .. } => number::CLOSE,
            Self::Read { .. } => number::READ,
            Self::Write { .. } => number::WRITE,
            Self::LinkStat { .. } => number::LSTAT,
            Self::HandleStat { .. } => number::FSTAT,
            Self::SetStat { .. } => number::SETSTAT,
            Self::HandleSetStat { .. } => number::FSETSTAT,
            Self::OpenFolder { .. } => number::OPENDIR,
            Self::ReadFolder { .. } => number::READDIR,
            Self::Remove { .. } => number::REMOVE,
            Self::MakeFolder { .. } => number::MKDIR,
            Self::RemoveFolder { .. } => number::RMDIR,
            Self::RealPath { .. } => number::REALPATH,
            Self::Stat { .. } => number::STAT,
            Self::Rename { .. } => number::RENAME,
            Self::ReadLink { .. } => number::READLINK,
            Self::Symlink { .. } => number::SYMLINK,
            Self::PosixRename { .. }
            | Self::HardLink { .. }
            | Self::Space { .. }
            | Self::HandleSpace { .. }
            | Self::Sync { .. }
            | Self::LinkSetStat { .. }
            | Self::Limits
            | Self::ExpandPath { .. }
            | Self::UnknownExtension { .. } => number::EXTENDED,
        }
    }

    /// The name of an extended request.
    const fn extension(&self) -> Option<&[u8]> {
        Some(match self {
            Self::PosixRename { .. } => Extension::PosixRename.name(),
            Self::HardLink { .. } => Extension::HardLink.name(),
            Self::Space { .. } => Extension::Space.name(),
            Self::HandleSpace { .. } => Extension::HandleSpace.name(),
            Self::Sync { .. } => Extension::Sync.name(),
            Self::LinkSetStat { .. } => Extension::LinkSetStat.name(),
            Self::Limits => Extension::Limits.name(),
            Self::ExpandPath { .. } => Extension::ExpandPath.name(),
            Self::UnknownExtension { name } => name,
            _ => return None,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(name) = self.extension() {
            out.string(name);
        }
        match self {
            Self::Open {
                path,
                flags,
                attributes,
            } => {
                out.string(path);
                out.number(flags.0);
                attributes.encode(out);
            }
            Self::Read {
                handle,
                offset,
                length,
            } => {
                out.string(handle);
                out.long(*offset);
                out.number(*length);
            }
            Self::Write {
                handle,
                offset,
                data,
            } => {
                out.string(handle);
                out.long(*offset);
                out.string(data);
            }
            Self::Limits | Self::UnknownExtension { .. } => (),
            simple => simple.encode_simple(out),
        }
    }

    fn encode_simple(&self, out: &mut Vec<u8>) {
        if let Some((named, attributes)) = self.named_with_attributes() {
            out.string(named);
            attributes.encode(out);
        }
        if let Some((source, target)) = self.two_paths() {
            out.string(source);
            out.string(target);
        }
        if let Some(named) = self.named() {
            out.string(named);
        }
    }

    const fn named_with_attributes(&self) -> Option<(&[u8], &Attributes)> {
        match self {
            Self::SetStat {
                path: named,
                attributes,
            }
            | Self::HandleSetStat {
                handle: named,
                attributes,
            }
            | Self::MakeFolder {
                path: named,
                attributes,
            }
            | Self::LinkSetStat {
                path: named,
                attributes,
            } => Some((named, attributes)),
            _ => None,
        }
    }

    const fn two_paths(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Rename { source, target }
            | Self::PosixRename { source, target }
            | Self::HardLink { source, target }
            | Self::Symlink {
                text: source,
                link: target,
            } => Some((source, target)),
            _ => None,
        }
    }

    const fn named(&self) -> Option<&[u8]> {
        match self {
            Self::Close { handle: named }
            | Self::LinkStat { path: named }
            | Self::HandleStat { handle: named }
            | Self::OpenFolder { path: named }
            | Self::ReadFolder { handle: named }
            | Self::Remove { path: named }
            | Self::RemoveFolder { path: named }
            | Self::RealPath { path: named }
            | Self::Stat { path: named }
            | Self::ReadLink { path: named }
            | Self::Space { path: named }
            | Self::HandleSpace { handle: named }
            | Self::Sync { handle: named }
            | Self::ExpandPath { path: named } => Some(named),
            _ => None,
        }
    }
}
