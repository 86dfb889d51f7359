//! What an opening for writing would make, told without making it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use rustix::fs::{Access, AtFlags, accessat, readlinkat};

use super::{
    super::{Create, Error, Kind, Links, Result, Write},
    LocalStorage, attributes,
    part::{self, Meaning, Parts},
    resolve::Parent,
};

impl LocalStorage {
    /// With `uploads: Direct`.
    pub(super) fn would_make_in_place(&self, path: &OsStr, create: Create) -> Result<bool> {
        let (folder, name) = self.root.parent(path)?;
        // Looking for a name that is too long fails as making it would.
        let found = attributes::of_name_if_any(&folder, name)?;
        match found.map(|(metadata, _)| metadata.kind) {
            None if create != Create::Never => expect_room(&folder).map(|()| true),
            Some(Kind::Symlink) if create == Create::IfMissing => {
                match self.open_name(path, Links::Follow) {
                    // What a link points to in vain is made.
                    Err(Error::NotFound) => {
                        let text = readlinkat(&folder, name, Vec::new())?.into_bytes();
                        self.would_make_in_place(&pointed_to(path, &text), create)
                    }
                    found => found.map(|_there| false),
                }
            }
            None | Some(_) => Ok(false),
        }
    }

    /// With `uploads: Atomic`: a part is made, too.
    pub(super) fn would_make_atomic(&self, path: &OsStr, write: Write) -> Result<bool> {
        let (folder, name) = self.root.parent(path)?;
        let found = attributes::of_name_if_any(&folder, name)?;
        let parts = Parts {
            folder: folder.clone(),
            target: name.into(),
            syncing: self.policy.syncing,
        };
        let makes = match part::meaning(found.map(|found| found.0).as_ref(), write)? {
            Meaning::InPlace => return self.would_make_in_place(path, write.create),
            Meaning::Whole { .. } => {
                parts.is_there()?;
                true
            }
            Meaning::Resume => !parts.is_there()? && write.create != Create::Never,
        };
        if makes {
            expect_room(&folder)?;
        }
        Ok(makes)
    }
}

/// Whether files can be made in this folder.
fn expect_room(folder: &Parent) -> Result<()> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(folder, ".", access, AtFlags::empty())?)
}

/// Where a link with this path and text leads.
fn pointed_to(link: &OsStr, text: &[u8]) -> OsString {
    let path = link.as_bytes();
    let folder = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) if !text.starts_with(b"/") => path.get(..=slash),
        _ => None,
    };
    OsString::from_vec([folder.unwrap_or_default(), text].concat())
}
