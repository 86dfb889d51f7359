//! From a path to a file, never out of the root.
//!
//! The kernel resolves (`openat2` with `RESOLVE_IN_ROOT`). Where that call is refused (before Linux 5.6, or by an old
//! seccomp filter), a walk of our own does the same, folder by folder, following every link itself.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    sync::Arc,
};

use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat, statat,
    },
    io::Errno,
};

use super::super::{Error, Result};

/// Links followed in one resolution, as in the kernel (`path_resolution(7)`).
const LINKS_MAX: usize = 40;
/// Folders that a walk of our own holds open at a time.
const DEPTH_MAX: usize = 512;
/// How often the kernel is asked again while somebody renames folders on the way.
const ATTEMPTS: usize = 16;

/// A folder that nothing resolved below it can leave.
#[derive(Clone, Debug)]
pub(super) struct Root {
    folder: Arc<OwnedFd>,
    resolver: Resolver,
}

/// Who follows the links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolver {
    /// The kernel.
    Kernel,
    /// This module.
    Walk,
}

impl Resolver {
    /// The kernel, unless it refuses.
    pub(super) fn of(folder: &OwnedFd) -> Self {
        match openat2(folder, ".", FOLDER, Mode::empty(), IN_ROOT) {
            // EPERM comes from seccomp filters that do not know the call: opening a folder as a path needs no right.
            Err(Errno::NOSYS | Errno::PERM) => Self::Walk,
            _ => Self::Kernel,
        }
    }
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const IN_ROOT: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

impl Root {
    /// This folder as a root.
    pub(super) fn new(folder: OwnedFd, resolver: Resolver) -> Self {
        Self {
            folder: Arc::new(folder),
            resolver,
        }
    }

    /// The folder below this one as a root of its own.
    pub(super) fn inside(&self, path: &OsStr) -> Result<Self> {
        let folder = self.open(path, FOLDER, Mode::empty())?;
        Ok(Self::new(folder, self.resolver))
    }

    /// Opens what has this name; a last link is followed unless the flags say `NOFOLLOW`.
    pub(super) fn open(&self, path: &OsStr, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let path = if path.is_empty() {
            OsStr::new(".")
        } else {
            path
        };
        let flags = flags | OFlags::CLOEXEC;
        let opened = match self.resolver {
            Resolver::Kernel => match self.ask_kernel(path, flags, mode) {
                // Anybody's renames, anywhere on the machine, make the kernel doubt every `..`; a walk of our own needs
                // no luck.
                Err(Errno::AGAIN) => Walk::new(&self.folder, path).open(flags, mode),
                opened => opened,
            },
            Resolver::Walk => Walk::new(&self.folder, path).open(flags, mode),
        };
        Ok(opened?)
    }

    fn ask_kernel(&self, path: &OsStr, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        // openat2 rejects a mode where nothing can be made.
        let mode = if flags.contains(OFlags::CREATE) {
            mode
        } else {
            Mode::empty()
        };
        let mut attempts = 1;
        loop {
            match openat2(&self.folder, path, flags, mode, IN_ROOT) {
                // The kernel could not prove that a `..` stayed inside while a folder moved.
                Err(Errno::AGAIN | Errno::INTR) if attempts < ATTEMPTS => attempts += 1,
                opened => return opened,
            }
        }
    }

    /// The folder that holds this name, and the name. The root itself has none.
    pub(super) fn parent<'p>(&self, path: &'p OsStr) -> Result<(Parent, &'p OsStr)> {
        let bytes = path.as_bytes();
        let slash = bytes.iter().rposition(|byte| *byte == b'/');
        match slash.and_then(|slash| bytes.split_at_checked(slash)) {
            None if bytes.is_empty() => Err(Error::Denied),
            None => Ok((Parent(Arc::clone(&self.folder)), path)),
            Some((parent, name)) => {
                let parent = self.open(OsStr::from_bytes(parent), FOLDER, Mode::empty())?;
                let name = name.strip_prefix(b"/").unwrap_or(name);
                Ok((Parent(Arc::new(parent)), OsStr::from_bytes(name)))
            }
        }
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

/// An open folder, for calls on names in it.
#[derive(Clone, Debug)]
pub(super) struct Parent(Arc<OwnedFd>);

impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A resolution of our own: the names still to be looked up, and the folders walked through.
struct Walk<'r> {
    root: &'r OwnedFd,
    /// Open folders below the root; the last one is where the walk is.
    folders: Vec<OwnedFd>,
    names: VecDeque<OsString>,
    links: usize,
}

/// Where a step of the walk led.
enum Step {
    /// To the last name, which is no link to be followed.
    Last(OsString),
    /// Further.
    On,
}

impl<'r> Walk<'r> {
    fn new(root: &'r OwnedFd, path: &OsStr) -> Self {
        let mut walk = Self {
            root,
            folders: Vec::new(),
            names: VecDeque::new(),
            links: 0,
        };
        walk.go_on_with(path.as_bytes());
        walk
    }

    fn open(mut self, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        while let Some(name) = self.names.pop_front() {
            if let Step::Last(name) = self.step(name, flags)? {
                return openat(self.here(), name, flags | OFlags::NOFOLLOW, mode);
            }
        }
        openat(
            self.here(),
            ".",
            flags.difference(OFlags::EXCL | OFlags::CREATE),
            mode,
        )
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.folders.last().unwrap_or(self.root).as_fd()
    }

    fn step(&mut self, name: OsString, flags: OFlags) -> rustix::io::Result<Step> {
        if name == ".." {
            // The parent is where the walk came from: `..` at the root stays there, whatever the disk says.
            self.folders.pop();
            return Ok(Step::On);
        }
        let last = self.names.is_empty();
        let exclusive = flags.contains(OFlags::CREATE | OFlags::EXCL);
        if last && (exclusive || flags.contains(OFlags::NOFOLLOW)) {
            return Ok(Step::Last(name));
        }
        let found = match statat(self.here(), &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) if last && flags.contains(OFlags::CREATE) => {
                return Ok(Step::Last(name));
            }
            found => FileType::from_raw_mode(found?.st_mode),
        };
        if found == FileType::Symlink {
            self.follow(&name)?;
            return Ok(Step::On);
        }
        if last {
            return Ok(Step::Last(name));
        }
        if self.folders.len() >= DEPTH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        // Should a link have taken the folder's place meanwhile, NOFOLLOW and DIRECTORY refuse it.
        let folder = openat(self.here(), &name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&folder)?.st_mode) != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
        self.folders.push(folder);
        Ok(Step::On)
    }

    /// Puts the text of a link in the place of its name.
    fn follow(&mut self, name: &OsStr) -> rustix::io::Result<()> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP);
        }
        let text = readlinkat(self.here(), name, Vec::new())?.into_bytes();
        if text.starts_with(b"/") {
            self.folders.clear();
        }
        self.go_on_with(&text);
        Ok(())
    }

    fn go_on_with(&mut self, path: &[u8]) {
        // A path that ends in a slash or a dot means a folder.
        let folder = path.ends_with(b"/") || path.ends_with(b"/.");
        if folder && self.names.is_empty() {
            self.names.push_front(".".into());
        }
        for name in path.split(|byte| *byte == b'/').rev() {
            if !name.is_empty() && name != b"." {
                self.names.push_front(OsString::from_vec(name.to_vec()));
            }
        }
    }
}
