//! Folders of the disk, page by page.

use std::{
    ffi::{CStr, OsStr, OsString},
    fmt,
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
};

use rustix::{fs::Dir, io::Errno};

use super::{
    super::{Entry, Error, Folder, Result},
    attributes::{self, Identity},
};

/// A folder being read.
pub(super) struct LocalFolder {
    folder: Dir,
    /// The user's root: its parent is itself.
    root: Identity,
    next: Next,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// `.`
    Itself,
    /// `..`
    Parent,
    /// The entries, as the folder gives them.
    Entries,
}

impl LocalFolder {
    /// Reads an open folder below this root.
    pub(super) fn new(folder: OwnedFd, root: Identity) -> Result<Self> {
        Ok(Self {
            folder: Dir::new(folder)?,
            root,
            next: Next::Itself,
        })
    }

    fn itself(&self) -> Result<Entry> {
        let (metadata, _) = attributes::of_open(self.folder.fd()?)?;
        Ok(Entry {
            name: ".".into(),
            metadata,
        })
    }

    /// The parent, unless that is beyond the root.
    fn parent(&self) -> Result<Entry> {
        let (mut metadata, itself) = attributes::of_open(self.folder.fd()?)?;
        if itself != self.root {
            (metadata, _) = attributes::of_name(self.folder.fd()?, OsStr::new(".."))?;
        }
        Ok(Entry {
            name: "..".into(),
            metadata,
        })
    }

    /// None at the end.
    fn entry(&mut self) -> Result<Option<Entry>> {
        loop {
            let name = match self.folder.read() {
                None => return Ok(None),
                Some(Err(Errno::INTR)) => continue,
                Some(entry) => match own_name(entry?.file_name()) {
                    None => continue,
                    Some(name) => name,
                },
            };
            match attributes::of_name(self.folder.fd()?, &name) {
                Ok((metadata, _)) => return Ok(Some(Entry { name, metadata })),
                // Removed since the folder was read.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn own_name(name: &CStr) -> Option<OsString> {
    match name.to_bytes() {
        b"." | b".." => None,
        name => Some(OsString::from_vec(name.to_vec())),
    }
}

impl Folder for LocalFolder {
    fn next(&mut self, count: usize) -> Result<Vec<Entry>> {
        let mut page = Vec::new();
        while page.len() < count {
            let entry = match self.next {
                Next::Itself => {
                    let entry = self.itself()?;
                    self.next = Next::Parent;
                    entry
                }
                Next::Parent => {
                    let entry = self.parent()?;
                    self.next = Next::Entries;
                    entry
                }
                Next::Entries => match self.entry()? {
                    None => break,
                    Some(entry) => entry,
                },
            };
            page.push(entry);
        }
        Ok(page)
    }
}

impl fmt::Debug for LocalFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalFolder")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
