//! An open file of the disk.

use std::{
    io::{IoSlice, IoSliceMut},
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use rustix::{
    buffer::spare_capacity,
    fs::{FlockOperation, Mode, StatVfs, fchmod, flock, fstatvfs, fsync, ftruncate, futimens},
    io::{Errno, ReadWriteFlags, pread, preadv2, pwritev},
};

use super::{
    super::{Attributes, Error, File, Metadata, Result, Space, WriteError},
    attributes::{self, Identity},
    part::Part,
};

/// No file is larger; the kernel counts in signed numbers and takes more for a mistake of the program's.
pub(super) const SIZE_MAX: u64 = i64::MAX.unsigned_abs();

/// Cuts or extends an open file.
pub(super) fn set_size(file: &OwnedFd, size: u64) -> Result<()> {
    if size > SIZE_MAX {
        return Err(Errno::FBIG.into());
    }
    Ok(ftruncate(file, size)?)
}

/// An open regular file.
#[derive(Debug)]
pub(super) struct LocalFile {
    file: OwnedFd,
    identity: Identity,
    finish: Finish,
    /// Whether reads that must not wait are worth a try.
    reads_now: AtomicBool,
}

/// What finishing a file means.
#[derive(Debug)]
pub(super) enum Finish {
    /// Nothing: what was written is written.
    Nothing,
    /// Storage may tell of a failed write only now, or the disk is to have it: the content is synced.
    SyncContent,
    /// The content and its name are to be on the disk: both are synced.
    SyncEverything(OwnedFd),
    /// The part takes the target's place.
    Publish(Part),
}

impl LocalFile {
    /// An open file that was seen to be a regular one.
    pub(super) fn new(file: OwnedFd, identity: Identity, finish: Finish) -> Self {
        Self {
            file,
            identity,
            finish,
            reads_now: AtomicBool::new(true),
        }
    }
}

impl File for LocalFile {
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes> {
        if offset > SIZE_MAX {
            return Ok(Bytes::new());
        }
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let position = offset.saturating_add(bytes.len() as u64);
            match pread(&self.file, spare_capacity(&mut bytes), position) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        Ok(bytes.into())
    }

    fn read_now(&self, offset: u64, length: usize) -> Option<Result<Bytes>> {
        if offset > SIZE_MAX || !self.reads_now.load(Ordering::Relaxed) {
            return None;
        }
        // preadv2 takes initialised memory only.
        let mut bytes = vec![0; length];
        let mut held = 0;
        while let Some(rest) = bytes.get_mut(held..).filter(|rest| !rest.is_empty()) {
            let position = offset.saturating_add(held as u64);
            let mut rest = [IoSliceMut::new(rest)];
            match preadv2(&self.file, &mut rest, position, ReadWriteFlags::NOWAIT) {
                Ok(0) => break,
                Ok(read) => held += read,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return None,
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                    self.reads_now.store(false, Ordering::Relaxed);
                    return None;
                }
                Err(error) => return Some(Err(error.into())),
            }
        }
        bytes.truncate(held);
        Some(Ok(bytes.into()))
    }

    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> std::result::Result<(), WriteError> {
        if offset > SIZE_MAX {
            let error = Errno::FBIG.into();
            return Err(WriteError { written: 0, error });
        }
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut slices = slices.as_mut_slice();
        let mut written = 0;
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let position = offset.saturating_add(written as u64);
            let error = match pwritev(&self.file, slices, position) {
                Ok(0) => Error::NoSpace,
                Ok(count) => {
                    written += count;
                    IoSlice::advance_slices(&mut slices, count);
                    continue;
                }
                Err(Errno::INTR) => continue,
                Err(error) => error.into(),
            };
            return Err(WriteError { written, error });
        }
        Ok(())
    }

    fn metadata(&self) -> Result<Metadata> {
        attributes::of_open(&self.file).map(|(metadata, _)| metadata)
    }

    fn set_attributes(&self, attributes: Attributes) -> Result<()> {
        let Attributes {
            size,
            mode,
            owner: _,
            times,
        } = attributes;
        if let Some(size) = size {
            set_size(&self.file, size)?;
        }
        if let Some(mode) = mode {
            fchmod(&self.file, Mode::from_raw_mode(mode))?;
        }
        // Last: cutting a file changes its times.
        if let Some((accessed, modified)) = times {
            futimens(&self.file, &attributes::timestamps(accessed, modified))?;
        }
        Ok(())
    }

    fn space(&self) -> Result<Space> {
        Ok(space(&fstatvfs(&self.file)?))
    }

    fn sync(&self) -> Result<()> {
        Ok(fsync(&self.file)?)
    }

    fn finish(&self) -> Result<()> {
        match &self.finish {
            Finish::Nothing => Ok(()),
            Finish::SyncContent => self.sync(),
            Finish::SyncEverything(folder) => {
                self.sync()?;
                Ok(fsync(folder)?)
            }
            Finish::Publish(part) => part.publish(&self.file, self.identity),
        }
    }

    fn identity(&self) -> u64 {
        self.identity.inode
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        if let Finish::Publish(_) = self.finish {
            // Closing unlocks too, but not while a process that was forked meanwhile still has the file.
            flock(&self.file, FlockOperation::Unlock).unwrap_or_default();
        }
    }
}

/// What statvfs(3) says.
pub(super) fn space(space: &StatVfs) -> Space {
    Space {
        block_size: space.f_bsize,
        fragment_size: space.f_frsize,
        blocks: space.f_blocks,
        blocks_free: space.f_bfree,
        blocks_available: space.f_bavail,
        files: space.f_files,
        files_free: space.f_ffree,
        files_available: space.f_favail,
        filesystem: space.f_fsid,
        flags: space.f_flag.bits(),
        name_max: space.f_namemax,
    }
}
