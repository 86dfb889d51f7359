//! `uploads: Atomic`: a new whole file becomes visible when it is complete.
//!
//! Until then it is the part `.NAME.part` beside its target, locked by its writer (flock(2), so that other gateways on
//! the same volume see it too). A break leaves the part where it is, and so does a write that failed, for example on a
//! full disk: CLOSE answers why, and what had that NAME stays. While there is no NAME, whoever asks for NAME's size or
//! opens it to go on writing means the part; who uploads NAME as a whole begins a new part in its place. A part that
//! nobody goes on with stays. A NAME that is a symbolic link is replaced, not followed.

use std::{
    ffi::{OsStr, OsString},
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
    sync::Mutex,
};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, fchmod, flock, fsync, openat, renameat, unlinkat},
    io::Errno,
};

use super::{
    super::{Before, Create, Error, Existing, Kind, Metadata, Open, Result, Write, lock},
    Syncing,
    attributes::{self, Identity},
    rename_without_replacing,
    resolve::Parent,
};

/// The longest name that still fits with `.` before and `.part` behind it (`NAME_MAX` is 255).
const NAME_MAX: usize = 249;
/// How often an opening begins again because somebody else finished or removed the part.
const ATTEMPTS: usize = 8;

/// The name of the part of a file.
pub(super) fn part_name(name: &OsStr) -> OsString {
    if name.len() <= NAME_MAX {
        return OsString::from_vec([b".", name.as_bytes(), b".part"].concat());
    }
    let digest = digest(&SHA256, name.as_bytes());
    let half = digest.as_ref().iter().take(16);
    let hex: Vec<String> = half.map(|byte| format!("{byte:02x}")).collect();
    format!(".{}.part", hex.concat()).into()
}

/// A part that is being written, and the target whose name it takes.
#[derive(Debug)]
pub(super) struct Part {
    folder: Parent,
    source: OsString,
    target: OsString,
    existing: Existing,
    syncing: Syncing,
    published: Mutex<Published>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Published {
    No,
    Yes,
}

/// A part, opened and locked.
pub(super) struct OpenPart {
    pub(super) file: OwnedFd,
    pub(super) identity: Identity,
    pub(super) part: Part,
    pub(super) before: Before,
}

/// What an opening for writing means.
pub(super) enum Meaning {
    /// The file that is there, or a new one that is visible at once.
    InPlace,
    /// A new whole file, with the mode of the file that it replaces.
    Whole { mode: Option<u32> },
    /// The part of a broken upload, if there is one.
    Resume,
}

/// Tells what an opening means, by what has the name now.
pub(super) fn meaning(found: Option<&Metadata>, write: Write) -> Result<Meaning> {
    let exclusive = write.create == Create::Exclusive;
    let whole =
        exclusive || write.truncate.replaces() && !write.append && write.create != Create::Never;
    match found {
        Some(_) if exclusive => Err(Error::Exists),
        Some(found) if whole => match found.kind {
            Kind::File => Ok(Meaning::Whole {
                mode: Some(found.mode & 0o777),
            }),
            Kind::Symlink => Ok(Meaning::Whole { mode: None }),
            Kind::Folder => Err(Error::IsAFolder),
            Kind::Other => Err(Error::Unsupported),
        },
        None if whole => Ok(Meaning::Whole { mode: None }),
        None => Ok(Meaning::Resume),
        Some(_) => Ok(Meaning::InPlace),
    }
}

/// Where a target's part is, for those who begin one or go on with it.
pub(super) struct Parts {
    pub(super) folder: Parent,
    pub(super) target: OsString,
    pub(super) syncing: Syncing,
}

impl Parts {
    /// Begins a new part; an old one that nobody writes is thrown away.
    pub(super) fn begin(self, how: Open, mode: Option<u32>) -> Result<OpenPart> {
        let name = part_name(&self.target);
        for _ in 0..ATTEMPTS {
            if let Some((old, _)) = self.lock_existing(&name, OFlags::WRONLY)? {
                // Removed, not cut: the name may be one of several links, and the others keep their content.
                unlinkat(&self.folder, &name, AtFlags::empty())?;
                drop(old);
            }
            let flags = flags(how) | OFlags::CREATE | OFlags::EXCL;
            let new_mode = Mode::from_raw_mode(how.mode.unwrap_or(0o640));
            let file = match openat(&self.folder, &name, flags, new_mode) {
                Err(Errno::EXIST) => continue,
                opened => opened?,
            };
            try_lock(&file)?;
            if let Some(mode) = mode {
                fchmod(&file, Mode::from_raw_mode(mode))?;
            }
            let (_, identity) = attributes::of_open(&file)?;
            let existing = match how.write {
                Some(Write {
                    create: Create::Exclusive,
                    ..
                }) => Existing::Keep,
                _ => Existing::Replace,
            };
            return Ok(self.open_part(name, (file, identity), Before::Nothing, existing));
        }
        Err(Error::Busy)
    }

    /// Goes on with the part of a broken upload; None if there is none.
    pub(super) fn resume(self, how: Open) -> Result<Option<OpenPart>> {
        let name = part_name(&self.target);
        let Some((file, (metadata, identity))) = self.lock_existing(&name, flags(how))? else {
            return Ok(None);
        };
        let before = Before::Size(metadata.size);
        // The target was missing. Should it have come meanwhile, it stays.
        Ok(Some(self.open_part(
            name,
            (file, identity),
            before,
            Existing::Keep,
        )))
    }

    /// Whether there is a part. One that somebody is writing is an error.
    pub(super) fn is_there(&self) -> Result<bool> {
        let name = part_name(&self.target);
        let part = self.lock_existing(&name, OFlags::WRONLY)?;
        Ok(part.is_some())
    }

    /// Opens and locks the part; None if there is none.
    fn lock_existing(
        &self,
        name: &OsStr,
        flags: OFlags,
    ) -> Result<Option<(OwnedFd, (Metadata, Identity))>> {
        for _ in 0..ATTEMPTS {
            let file = match openat(&self.folder, name, flags, Mode::empty()) {
                Err(Errno::NOENT) => return Ok(None),
                opened => opened?,
            };
            let (metadata, identity) = attributes::of_open(&file)?;
            attributes::expect_file(&metadata)?;
            try_lock(&file)?;
            // Whoever had the lock may have finished since: then this is the target.
            match attributes::of_name_if_any(&self.folder, name)? {
                Some((metadata, there)) if there == identity => {
                    return Ok(Some((file, (metadata, identity))));
                }
                _ => {}
            }
        }
        Err(Error::Busy)
    }

    fn open_part(
        self,
        part: OsString,
        (file, identity): (OwnedFd, Identity),
        before: Before,
        existing: Existing,
    ) -> OpenPart {
        OpenPart {
            file,
            identity,
            part: Part {
                folder: self.folder,
                source: part,
                target: self.target,
                existing,
                syncing: self.syncing,
                published: Mutex::new(Published::No),
            },
            before,
        }
    }
}

impl Part {
    /// The part takes the target's name.
    pub(super) fn publish(&self, file: &OwnedFd, identity: Identity) -> Result<()> {
        let mut published = lock(&self.published);
        if *published == Published::Yes {
            return Ok(());
        }
        match attributes::of_name_if_any(&self.folder, &self.source)? {
            Some((_, there)) if there == identity => {}
            // Removed or renamed under way: what has that name now is somebody else's.
            _ => return Err(Error::NotFound),
        }
        if self.syncing != Syncing::Nothing {
            fsync(file)?;
        }
        match self.existing {
            Existing::Replace => {
                renameat(&self.folder, &self.source, &self.folder, &self.target)?;
            }
            Existing::Keep => {
                rename_without_replacing(
                    (&self.folder, &self.source),
                    (&self.folder, &self.target),
                )?;
            }
        }
        *published = Published::Yes;
        drop(published);
        if self.syncing == Syncing::Everything {
            let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            fsync(openat(&self.folder, ".", folder, Mode::empty())?)?;
        }
        Ok(())
    }
}

fn flags(how: Open) -> OFlags {
    super::access(how) | OFlags::NOFOLLOW
}

fn try_lock(file: &OwnedFd) -> Result<()> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(Error::Busy),
        locked => Ok(locked?),
    }
}
