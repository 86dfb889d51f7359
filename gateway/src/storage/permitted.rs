//! The gate: what a user may do. Nothing behind it asks again, nothing before it needs to.
//!
//! Seeing what something is (stat, the text of a link, the free space) is always allowed. Whoever may only make new
//! files writes freely in what an opening of theirs has made, and nowhere else; whoever may only append writes at or
//! beyond the end that the file had when it was opened. With `uploads: Atomic` the name `.NAME.part` belongs to NAME:
//! whoever may make NAME throws away what is left there, since a broken upload must be repeatable by whoever made it.

use std::{collections::BTreeSet, ffi::OsStr, os::unix::ffi::OsStrExt, sync::Arc};

use bytes::Bytes;
use gateway_config::Permission;

use super::{
    Attributes, Before, Create, Entry, Error, Existing, Links, Metadata, Open, Result, Space,
    Storage, StoragePath, Write,
    lane::{Closing, LaneFile, LaneFolder, UserLane},
};

/// The mode bits that clients may set: setuid, setgid and sticky stay the administrator's.
const CLIENT_MODE: u32 = 0o777;
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

/// What one logged-in user may do with the volume. Cheap to clone. Every method's future is `'static + Send`, starts
/// its work when first polled, and is ready at that first poll where the call cannot wait.
#[derive(Clone, Debug)]
pub struct Files {
    storage: Arc<dyn Storage>,
    lane: UserLane,
    granted: Granted,
}

/// What a user was granted.
#[derive(Clone, Debug)]
struct Granted(Arc<BTreeSet<Permission>>);

impl Granted {
    fn has(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    fn need(&self, permission: Permission) -> Result<()> {
        if self.has(permission) {
            Ok(())
        } else {
            Err(Error::Denied)
        }
    }

    /// What a change of attributes needs, and the change as storage makes it. `now` is asked only about an owner.
    fn changes(
        &self,
        attributes: Attributes,
        now: impl FnOnce() -> Result<Metadata>,
    ) -> Result<Attributes> {
        let Attributes {
            size,
            mode,
            owner,
            times,
        } = attributes;
        if size.is_some() {
            self.need(Permission::Overwrite)?;
        }
        if mode.is_some() || owner.is_some() || times.is_some() {
            self.need(Permission::SetAttributes)?;
        }
        // Clients that preserve attributes send the owner they saw; that much is granted.
        if let Some(owner) = owner {
            let now = now()?;
            if owner != (now.owner, now.group) {
                return Err(Error::Denied);
            }
        }
        Ok(Attributes {
            size,
            mode: mode.map(|mode| mode & CLIENT_MODE),
            owner: None,
            times,
        })
    }
}

impl Files {
    /// The files below this root, for a user with these permissions.
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        lane: UserLane,
        permissions: &BTreeSet<Permission>,
    ) -> Self {
        Self {
            storage,
            lane,
            granted: Granted(Arc::new(permissions.clone())),
        }
    }

    /// Makes a call on the storage if `allowed`.
    fn call<T, F>(
        &self,
        allowed: Result<()>,
        call: F,
    ) -> impl Future<Output = Result<T>> + Send + 'static + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Storage) -> Result<T> + Send + 'static,
    {
        let (storage, lane) = (Arc::clone(&self.storage), self.lane.clone());
        async move {
            allowed?;
            lane.call(move || call(storage.as_ref())).await
        }
    }

    /// Opens a regular file.
    pub fn open(
        &self,
        path: &StoragePath,
        how: Open,
    ) -> impl Future<Output = Result<OpenFile>> + Send + 'static + use<> {
        let (storage, lane) = (Arc::clone(&self.storage), self.lane.clone());
        let (path, granted) = (path.clone(), self.granted.clone());
        async move {
            let wish = how.write.map(|write| write.create);
            let how = granted.opening(how)?;
            let opened = lane.open(storage, path, how).await;
            let (file, before) = opened.map_err(|error| refusal(error, wish, how))?;
            let write = granted.writing(how, before)?;
            Ok(OpenFile {
                file,
                granted,
                read: how.read,
                write,
            })
        }
    }

    /// Opens a regular file that is there. None: [`Files::open`] would make it, or begin it anew beside the one that is
    /// there, as far as can be told; what would be refused then is refused now. Nothing is made.
    pub fn open_if_there(
        &self,
        path: &StoragePath,
        how: Open,
    ) -> impl Future<Output = Result<Option<OpenFile>>> + Send + 'static + use<> {
        let (files, path) = (self.clone(), path.clone());
        async move {
            if let Some(write) = files.granted.opening(how)?.write {
                let named = path.clone();
                let would_make = files.call(Ok(()), move |storage| {
                    storage.would_make(named.relative(), write)
                });
                if would_make.await? {
                    return Ok(None);
                }
            }
            files.open(&path, how).await.map(Some)
        }
    }

    /// Describes what has this name. Always allowed.
    pub fn metadata(
        &self,
        path: &StoragePath,
        links: Links,
    ) -> impl Future<Output = Result<Metadata>> + Send + 'static + use<> {
        let path = path.clone();
        self.call(Ok(()), move |storage| {
            storage.metadata(path.relative(), links)
        })
    }

    /// Opens a folder to list it.
    pub fn list(
        &self,
        path: &StoragePath,
    ) -> impl Future<Output = Result<Listing>> + Send + 'static + use<> {
        let (storage, lane) = (Arc::clone(&self.storage), self.lane.clone());
        let (path, allowed) = (path.clone(), self.granted.need(Permission::List));
        async move {
            allowed?;
            let folder = LaneFolder::open(lane, storage, path).await?;
            Ok(Listing { folder })
        }
    }

    /// Makes a folder; without a mode it gets 0750.
    pub fn make_folder(
        &self,
        path: &StoragePath,
        mode: Option<u32>,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let path = path.clone();
        let mode = mode.unwrap_or(FOLDER_MODE) & CLIENT_MODE;
        let allowed = self.granted.need(Permission::MakeDirectory);
        self.call(allowed, move |storage| {
            storage.make_folder(path.relative(), mode)
        })
    }

    /// Removes an empty folder.
    pub fn remove_folder(
        &self,
        path: &StoragePath,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let path = path.clone();
        let allowed = self.granted.need(Permission::RemoveDirectory);
        self.call(allowed, move |storage| {
            storage.remove_folder(path.relative())
        })
    }

    /// Removes a name that is not a folder.
    pub fn remove_file(
        &self,
        path: &StoragePath,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let path = path.clone();
        let allowed = self.granted.need(Permission::Delete);
        self.call(allowed, move |storage| storage.remove_file(path.relative()))
    }

    /// Gives a file or folder another name; over an existing target only with [`Permission::Overwrite`] too.
    pub fn rename(
        &self,
        source: &StoragePath,
        target: &StoragePath,
        existing: Existing,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (source, target) = (source.clone(), target.clone());
        let allowed = self.granted.need(Permission::Rename);
        let overwrite = self.granted.has(Permission::Overwrite);
        self.call(allowed, move |storage| {
            let rename = |existing| storage.rename(source.relative(), target.relative(), existing);
            match existing {
                Existing::Replace if !overwrite => match rename(Existing::Keep) {
                    Err(Error::Exists) => Err(Error::Denied),
                    outcome => outcome,
                },
                existing => rename(existing),
            }
        })
    }

    /// Gives a file a second name.
    pub fn hard_link(
        &self,
        source: &StoragePath,
        target: &StoragePath,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (source, target) = (source.clone(), target.clone());
        let allowed = self.granted.need(Permission::Link);
        self.call(allowed, move |storage| {
            storage.hard_link(source.relative(), target.relative())
        })
    }

    /// Makes a symbolic link with any text; wherever it points, it is read inside the user's root.
    pub fn symlink(
        &self,
        text: &[u8],
        link: &StoragePath,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (text, link) = (text.to_vec(), link.clone());
        let allowed = self.granted.need(Permission::Link).and_then(|()| {
            if text.is_empty() || text.contains(&0) {
                Err(Error::InvalidName)
            } else {
                Ok(())
            }
        });
        self.call(allowed, move |storage| {
            storage.symlink(OsStr::from_bytes(&text), link.relative())
        })
    }

    /// The text of a symbolic link. Always allowed.
    pub fn read_link(
        &self,
        path: &StoragePath,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send + 'static + use<> {
        let path = path.clone();
        self.call(Ok(()), move |storage| storage.read_link(path.relative()))
    }

    /// Changes size, mode and times.
    pub fn set_attributes(
        &self,
        path: &StoragePath,
        attributes: Attributes,
        links: Links,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (path, granted) = (path.clone(), self.granted.clone());
        self.call(Ok(()), move |storage| {
            let path = path.relative();
            let attributes = granted.changes(attributes, || storage.metadata(path, links))?;
            storage.set_attributes(path, attributes, links)
        })
    }

    /// The space of the file system that holds this path. Always allowed.
    pub fn space(
        &self,
        path: &StoragePath,
    ) -> impl Future<Output = Result<Space>> + Send + 'static + use<> {
        let path = path.clone();
        self.call(Ok(()), move |storage| storage.space(path.relative()))
    }
}

impl Granted {
    /// The opening that a user's wish comes to: without the right to change what is there nothing is thrown away, and
    /// without the right to make files none is made.
    fn opening(&self, how: Open) -> Result<Open> {
        let mode = Some(how.mode.unwrap_or(FILE_MODE) & CLIENT_MODE);
        let Some(write) = how.write else {
            self.need(Permission::Read)?;
            return Ok(Open {
                read: true,
                write: None,
                mode,
            });
        };
        if how.read {
            self.need(Permission::Read)?;
        }
        let changes = self.has(Permission::Overwrite)
            || self.has(Permission::Append) && !write.truncate.replaces();
        let create = match write.create {
            Create::Never if !changes => return Err(Error::Denied),
            Create::Never => Create::Never,
            Create::Exclusive => {
                self.need(Permission::Write)?;
                Create::Exclusive
            }
            Create::IfMissing => match (self.has(Permission::Write), changes) {
                (true, false) if write.truncate.replaces() => Create::Exclusive,
                // Without a right to change it, `writing` refuses a file that is there.
                (true, _) => Create::IfMissing,
                (false, true) => Create::Never,
                (false, false) => return Err(Error::Denied),
            },
        };
        let write = Some(Write { create, ..write });
        Ok(Open {
            read: how.read,
            write,
            mode,
        })
    }

    /// What may be written to a file that was opened so.
    fn writing(&self, how: Open, before: Before) -> Result<Writing> {
        match (how.write, before) {
            (None, _) => Ok(Writing::Nowhere),
            (Some(_), Before::Nothing) => Ok(Writing::Anywhere),
            (Some(_), Before::Size(_)) if self.has(Permission::Overwrite) => Ok(Writing::Anywhere),
            (Some(write), Before::Size(size)) if self.has(Permission::Append) => {
                // The kernel puts every write of such a handle at the end, wherever the client says.
                let anywhere = write.append;
                Ok(if anywhere {
                    Writing::Anywhere
                } else {
                    Writing::From(size)
                })
            }
            (Some(_), Before::Size(_)) => Err(Error::Denied),
        }
    }
}

/// An opening that was narrowed, and failed only for that, is denied.
fn refusal(error: Error, wish: Option<Create>, how: Open) -> Error {
    let narrowed = wish == Some(Create::IfMissing);
    match (error, how.write.map(|write| write.create)) {
        (Error::Exists, Some(Create::Exclusive)) | (Error::NotFound, Some(Create::Never))
            if narrowed =>
        {
            Error::Denied
        }
        (error, _) => error,
    }
}

/// Where a handle may write.
#[derive(Clone, Copy, Debug)]
enum Writing {
    Nowhere,
    Anywhere,
    /// Not before this offset.
    From(u64),
}

impl Writing {
    fn at(self, offset: u64) -> Result<()> {
        match self {
            Self::Anywhere => Ok(()),
            Self::From(start) if offset >= start => Ok(()),
            Self::From(_) | Self::Nowhere => Err(Error::Denied),
        }
    }
}

/// An open file; clones share it. Calls on one file may run side by side; writes that touch each other take effect in
/// call order.
#[derive(Clone, Debug)]
pub struct OpenFile {
    file: Arc<LaneFile>,
    granted: Granted,
    read: bool,
    write: Writing,
}

impl OpenFile {
    /// At most `length` bytes; fewer only at the end of the file, none beyond it. Sequential reads are read ahead.
    pub fn read_at(
        &self,
        offset: u64,
        length: usize,
    ) -> impl Future<Output = Result<Bytes>> + Send + 'static + use<> {
        let (file, read) = (Arc::clone(&self.file), self.read);
        async move {
            if read {
                file.read_at(offset, length).await
            } else {
                Err(Error::Denied)
            }
        }
    }

    /// All bytes, or an error. Contiguous writes that wait become one call.
    pub fn write_at(
        &self,
        offset: u64,
        bytes: Bytes,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (file, allowed) = (Arc::clone(&self.file), self.write.at(offset));
        async move {
            allowed?;
            file.write_at(offset, bytes).await
        }
    }

    /// Writes all the pieces, one after another, in a call of their own; or an error. Other than with
    /// [`OpenFile::write_at`], dropping the future before that call has begun takes the write back.
    pub fn write_together(
        &self,
        offset: u64,
        pieces: Vec<Bytes>,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (file, allowed) = (Arc::clone(&self.file), self.write.at(offset));
        async move {
            allowed?;
            file.write_together(offset, pieces).await
        }
    }

    /// Whether the user may throw away what the file holds, for whoever has to know it beforehand.
    pub fn may_cut(&self) -> Result<()> {
        self.granted.need(Permission::Overwrite)
    }

    /// Tells when the last clone is gone and the file is closed.
    pub fn closing(&self) -> Closing {
        self.file.closing()
    }

    /// Describes the file. Always allowed.
    pub fn metadata(&self) -> impl Future<Output = Result<Metadata>> + Send + 'static + use<> {
        Arc::clone(&self.file).metadata()
    }

    /// Changes size, mode and times.
    pub fn set_attributes(
        &self,
        attributes: Attributes,
    ) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (file, granted) = (Arc::clone(&self.file), self.granted.clone());
        async move {
            let now = match attributes.owner {
                Some(_) => Arc::clone(&file).metadata().await,
                None => Err(Error::Denied),
            };
            let attributes = granted.changes(attributes, || now)?;
            file.set_attributes(attributes).await
        }
    }

    /// The space of the file system that holds the file. Always allowed.
    pub fn space(&self) -> impl Future<Output = Result<Space>> + Send + 'static + use<> {
        Arc::clone(&self.file).space()
    }

    /// Returns when all that was written is on the disk.
    pub fn sync(&self) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        Arc::clone(&self.file).sync()
    }

    /// Waits for the writes under way, then closes: written, and visible under its name. Dropping the last clone
    /// without it is a break: with `uploads: Atomic` the part stays a part. So it does when a write failed; the error is
    /// that of the first.
    pub fn finish(self) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        self.file.finish()
    }
}

/// A folder being read. Clones share it.
#[derive(Clone, Debug)]
pub struct Listing {
    folder: LaneFolder,
}

impl Listing {
    /// The next entries (`.` and `..` first), at most `count`; empty at the end. Each with its metadata, links kept.
    pub fn next(
        &self,
        count: usize,
    ) -> impl Future<Output = Result<Vec<Entry>>> + Send + 'static + use<> {
        self.folder.clone().next(count)
    }
}
