//! Storage in a folder of this machine: a disk, or whatever is mounted there. The only place that touches it.
//!
//! ```text
//! LocalStorage → resolve (never out of the root) ─┬→ file (open in place) ← part (`uploads: Atomic`)
//!                                                 ├→ foresight (what an opening would make)
//!                                                 └→ listing
//! ```

mod attributes;
mod file;
mod foresight;
mod listing;
mod part;
mod resolve;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    sync::Arc,
};

use gateway_config::{Durability, Uploads};
use rustix::{
    fs::{
        AtFlags, CWD, Mode, OFlags, RenameFlags, StatxFlags, chmodat, fstatfs, fstatvfs, linkat,
        mkdirat, open, readlinkat, renameat, renameat_with, statx, symlinkat, unlinkat, utimensat,
    },
    io::Errno,
};

use super::{
    Attributes, Before, Create, Error, Existing, Folder, Kind, Links, Metadata, Open, Opened,
    Result, Space, Storage, Truncate, Waiting,
};
use file::{Finish, LocalFile};
use listing::LocalFolder;
use part::{Meaning, OpenPart, Parts, part_name};
use resolve::{Parent, Resolver, Root};

/// The mode of a user's root and of the folders above it.
const ROOT_MODE: u32 = 0o750;
/// How often an opening looks again because somebody else makes and removes the file.
const ATTEMPTS: usize = 3;

/// A folder, seen from inside.
#[derive(Clone, Debug)]
pub(super) struct LocalStorage {
    root: Root,
    /// Looked up once: asking a network volume may itself wait.
    medium: Medium,
    policy: Policy,
}

/// What holds the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    /// tmpfs or ramfs.
    Memory,
    /// A disk of this machine.
    Disk,
    /// A network, or a program (FUSE).
    Remote,
}

impl Medium {
    fn of(folder: impl AsFd) -> Result<Self> {
        let number = u64::try_from(fstatfs(folder)?.f_type).unwrap_or_default();
        Ok(if magic::IN_MEMORY.contains(&number) {
            Self::Memory
        } else if magic::REMOTE.contains(&number) {
            Self::Remote
        } else {
            Self::Disk
        })
    }
}

/// How uploads end.
#[derive(Clone, Copy, Debug)]
struct Policy {
    uploads: Uploads,
    syncing: Syncing,
}

/// What finishing an upload waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syncing {
    /// Nothing: the kernel has taken every write.
    Nothing,
    /// The content, where the file system may tell only then that a write failed. It would tell when the file is
    /// closed, too, but close(2)'s answer is out of the reach of safe code.
    Content,
    /// The content and its name, as `durability: Sync` wants it.
    Everything,
}

/// File systems by the numbers of statfs(2).
mod magic {
    pub(super) const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6]; // tmpfs, ramfs
    /// NFS, SMB, SMB2, FUSE, Ceph, 9P, AFS, Lustre, GPFS, Coda.
    pub(super) const REMOTE: [u64; 10] = [
        0x6969,
        0xff53_4d42,
        0xfe53_4d42,
        0x6573_5546,
        0x00c3_6400,
        0x0102_1997,
        0x6b41_4653,
        0x0bd0_0bd0,
        0x4750_4653,
        0x7375_7245,
    ];
}

impl LocalStorage {
    /// The volume of this configuration.
    pub(super) fn open(storage: &gateway_config::Storage) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(&storage.volume, flags, Mode::empty())?;
        let resolver = Resolver::of(&folder);
        let medium = Medium::of(&folder)?;
        let syncing = match (storage.durability, medium) {
            (Durability::Sync, _) => Syncing::Everything,
            (Durability::Written, Medium::Remote) => Syncing::Content,
            (Durability::Written, Medium::Memory | Medium::Disk) => Syncing::Nothing,
        };
        Ok(Self {
            root: Root::new(folder, resolver),
            medium,
            policy: Policy {
                uploads: storage.uploads,
                syncing,
            },
        })
    }

    fn open_in_place(&self, path: &OsStr, how: Open) -> Result<Opened> {
        let mode = Mode::from_raw_mode(how.mode.unwrap_or(0o640));
        let flags = access(how);
        let existing = match how.write {
            Some(write) if write.truncate == Truncate::AtOpen => flags | OFlags::TRUNC,
            _ => flags,
        };
        let new = flags | OFlags::CREATE | OFlags::EXCL;
        let create = how.write.map_or(Create::Never, |write| write.create);
        let open_existing = || {
            let file = self.root.open(path, existing, mode)?;
            self.opened(path, file, how, Before::Size)
        };
        let open_new = || {
            let file = self.root.open(path, new, mode)?;
            self.opened(path, file, how, |_| Before::Nothing)
        };
        match create {
            Create::Never => return open_existing(),
            Create::Exclusive => return open_new(),
            Create::IfMissing => {}
        }
        for _ in 0..ATTEMPTS {
            match open_existing() {
                Err(Error::NotFound) => {}
                opened => return opened,
            }
            match open_new() {
                Err(Error::Exists) => {}
                opened => return opened,
            }
        }
        // A link to a name that does not exist is neither missing nor there: what it points to is made.
        let file = self.root.open(path, existing | OFlags::CREATE, mode)?;
        self.opened(path, file, how, Before::Size)
    }

    fn opened(
        &self,
        path: &OsStr,
        file: OwnedFd,
        how: Open,
        before: impl FnOnce(u64) -> Before,
    ) -> Result<Opened> {
        let (metadata, identity) = attributes::of_open(&file)?;
        attributes::expect_file(&metadata)?;
        let finish = match (how.write, self.policy.syncing) {
            (None, _) | (_, Syncing::Nothing) => Finish::Nothing,
            (Some(_), Syncing::Content) => Finish::SyncContent,
            (Some(_), Syncing::Everything) => {
                Finish::SyncEverything(self.open_parent_to_sync(path)?)
            }
        };
        Ok(Opened {
            file: Arc::new(LocalFile::new(file, identity, finish)),
            before: before(metadata.size),
        })
    }

    fn open_parent_to_sync(&self, path: &OsStr) -> Result<OwnedFd> {
        let bytes = path.as_bytes();
        let slash = bytes.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let parent = bytes.get(..slash).unwrap_or_default();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        self.root
            .open(OsStr::from_bytes(parent), flags, Mode::empty())
    }

    /// With `uploads: Atomic` the part of a file may stand for it.
    fn open_atomic(&self, path: &OsStr, how: Open, write: super::Write) -> Result<Opened> {
        let (folder, name) = self.root.parent(path)?;
        let found = attributes::of_name_if_any(&folder, name)?;
        let parts = Parts {
            folder,
            target: name.into(),
            syncing: self.policy.syncing,
        };
        let opened = match part::meaning(found.map(|found| found.0).as_ref(), write)? {
            Meaning::InPlace => None,
            Meaning::Whole { mode } => Some(parts.begin(how, mode)?),
            Meaning::Resume => parts.resume(how)?,
        };
        let Some(OpenPart {
            file,
            identity,
            part,
            before,
        }) = opened
        else {
            return self.open_in_place(path, how);
        };
        Ok(Opened {
            file: Arc::new(LocalFile::new(file, identity, Finish::Publish(part))),
            before,
        })
    }

    /// What has this name, as a file descriptor that only names it.
    fn open_name(&self, path: &OsStr, links: Links) -> Result<OwnedFd> {
        let flags = match links {
            Links::Follow => OFlags::PATH,
            Links::Keep => OFlags::PATH | OFlags::NOFOLLOW,
        };
        self.root.open(path, flags, Mode::empty())
    }
}

impl Storage for LocalStorage {
    fn waiting(&self) -> Waiting {
        if self.medium == Medium::Memory && has_no_mounts(&self.root) {
            Waiting::Never
        } else {
            Waiting::Sometimes
        }
    }

    fn inside(&self, folder: &OsStr) -> Result<Arc<dyn Storage>> {
        let root = match self.root.inside(folder) {
            Err(Error::NotFound) => {
                make_with_parents(&self.root, folder)?;
                self.root.inside(folder)?
            }
            root => root?,
        };
        Ok(Arc::new(Self {
            root,
            medium: self.medium,
            policy: self.policy,
        }))
    }

    fn open(&self, path: &OsStr, how: Open) -> Result<Opened> {
        match (self.policy.uploads, how.write) {
            (Uploads::Atomic, Some(write)) => self.open_atomic(path, how, write),
            (Uploads::Atomic | Uploads::Direct, _) => self.open_in_place(path, how),
        }
    }

    fn would_make(&self, path: &OsStr, write: super::Write) -> Result<bool> {
        match self.policy.uploads {
            Uploads::Direct => self.would_make_in_place(path, write.create),
            Uploads::Atomic => self.would_make_atomic(path, write),
        }
    }

    fn metadata(&self, path: &OsStr, links: Links) -> Result<Metadata> {
        if path.is_empty() {
            return Ok(attributes::of_open(&self.root)?.0);
        }
        let (folder, name) = self.root.parent(path)?;
        match attributes::of_name_if_any(&folder, name)? {
            None if self.policy.uploads == Uploads::Atomic => {
                // While only the part exists, the name means the part.
                let part = attributes::of_name(&folder, &part_name(name))?.0;
                attributes::expect_file(&part).map_err(|_other| Error::NotFound)?;
                Ok(part)
            }
            None => Err(Error::NotFound),
            Some((found, _)) if found.kind == Kind::Symlink && links == Links::Follow => {
                Ok(attributes::of_open(self.open_name(path, links)?)?.0)
            }
            Some((found, _)) => Ok(found),
        }
    }

    fn list(&self, path: &OsStr) -> Result<Box<dyn Folder>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let folder = self.root.open(path, flags, Mode::empty())?;
        let (_, root) = attributes::of_open(&self.root)?;
        Ok(Box::new(LocalFolder::new(folder, root)?))
    }

    fn make_folder(&self, path: &OsStr, mode: u32) -> Result<()> {
        if path.is_empty() {
            return Err(Error::Exists);
        }
        let (folder, name) = self.root.parent(path)?;
        Ok(mkdirat(folder, name, Mode::from_raw_mode(mode))?)
    }

    fn remove_folder(&self, path: &OsStr) -> Result<()> {
        let (folder, name) = self.root.parent(path)?;
        Ok(unlinkat(folder, name, AtFlags::REMOVEDIR)?)
    }

    fn remove_file(&self, path: &OsStr) -> Result<()> {
        let (folder, name) = self.root.parent(path)?;
        Ok(unlinkat(folder, name, AtFlags::empty())?)
    }

    fn rename(&self, source: &OsStr, target: &OsStr, existing: Existing) -> Result<()> {
        let (from, source) = self.root.parent(source)?;
        let (to, target) = self.root.parent(target)?;
        match existing {
            Existing::Replace => Ok(renameat(&from, source, &to, target)?),
            Existing::Keep => rename_without_replacing((&from, source), (&to, target)),
        }
    }

    fn hard_link(&self, source: &OsStr, target: &OsStr) -> Result<()> {
        let (from, source) = self.root.parent(source)?;
        let (to, target) = self.root.parent(target)?;
        Ok(linkat(from, source, to, target, AtFlags::empty())?)
    }

    fn symlink(&self, text: &OsStr, link: &OsStr) -> Result<()> {
        let (folder, name) = self.root.parent(link)?;
        Ok(symlinkat(text, folder, name)?)
    }

    fn read_link(&self, path: &OsStr) -> Result<Vec<u8>> {
        let (folder, name) = self.root.parent(path)?;
        Ok(readlinkat(folder, name, Vec::new())?.into_bytes())
    }

    fn set_attributes(&self, path: &OsStr, attributes: Attributes, links: Links) -> Result<()> {
        let Attributes {
            size,
            mode,
            owner: _,
            times,
        } = attributes;
        let named = self.open_name(path, links)?;
        if let Some(size) = size {
            attributes::expect_file(&attributes::of_open(&named)?.0)?;
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
            let flags = match links {
                Links::Follow => flags.difference(OFlags::NOFOLLOW),
                Links::Keep => flags,
            };
            file::set_size(&self.root.open(path, flags, Mode::empty())?, size)?;
        }
        // chmod(2) and utimensat(2) by name would follow a link that takes the name's place; the kernel's own name for
        // what is open cannot be exchanged.
        let named_open = format!("/proc/self/fd/{}", named.as_raw_fd());
        if let Some(mode) = mode {
            let mode = Mode::from_raw_mode(mode);
            chmodat(CWD, named_open.as_str(), mode, AtFlags::empty())?;
        }
        if let Some((accessed, modified)) = times {
            let times = attributes::timestamps(accessed, modified);
            utimensat(CWD, named_open.as_str(), &times, AtFlags::empty())?;
        }
        Ok(())
    }

    fn space(&self, path: &OsStr) -> Result<Space> {
        let named = self.open_name(path, Links::Follow)?;
        Ok(file::space(&fstatvfs(named)?))
    }
}

/// What open(2) is told of an opening, but for making and cutting. NONBLOCK: a FIFO must not hang the opening; what is
/// no regular file is closed again.
fn access(how: Open) -> OFlags {
    let access = match (how.read, how.write.is_some()) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    let append = if how.write.is_some_and(|write| write.append) {
        OFlags::APPEND
    } else {
        OFlags::empty()
    };
    access | append | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC
}

/// Renames unless the target exists.
fn rename_without_replacing(
    (from, source): (&Parent, &OsStr),
    (to, target): (&Parent, &OsStr),
) -> Result<()> {
    match renameat_with(from, source, to, target, RenameFlags::NOREPLACE) {
        // The file system, or the kernel, does not know the flag (or a folder would move into itself).
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rename_by_link((from, source), (to, target))
        }
        renamed => Ok(renamed?),
    }
}

/// Renames unless the target exists, where the system has no call for it.
fn rename_by_link(
    (from, source): (&Parent, &OsStr),
    (to, target): (&Parent, &OsStr),
) -> Result<()> {
    let (metadata, _) = attributes::of_name(from, source)?;
    if metadata.kind != Kind::Folder {
        linkat(from, source, to, target, AtFlags::empty())?;
        return Ok(unlinkat(from, source, AtFlags::empty())?);
    }
    // Folders have no second name. Should an empty folder come in between, rename(2) replaces that, and nothing else.
    if attributes::of_name_if_any(to, target)?.is_some() {
        return Err(Error::Exists);
    }
    Ok(renameat(from, source, to, target)?)
}

/// Makes a folder and those above it; what is there already stays as it is.
fn make_with_parents(root: &Root, folder: &OsStr) -> Result<()> {
    let bytes = folder.as_bytes();
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let ends = slashes.map(|(index, _)| index).chain([bytes.len()]);
    for end in ends {
        let prefix = OsStr::from_bytes(bytes.get(..end).unwrap_or(bytes));
        let (parent, name) = root.parent(prefix)?;
        match mkdirat(parent, name, Mode::from_raw_mode(ROOT_MODE)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether nothing is mounted on the mount that holds this folder: a call that stays in memory cannot cross into a
/// file system that waits. Where that cannot be told, the answer is no.
fn has_no_mounts(folder: &Root) -> bool {
    let Ok(found) = statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID) else {
        return false;
    };
    let known = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else {
        return false;
    };
    // proc_pid_mountinfo(5): the mount's number, then the number of the mount it is on.
    let parents = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1)?.parse().ok());
    known
        && parents
            .into_iter()
            .all(|parent: u64| parent != found.stx_mnt_id)
}
