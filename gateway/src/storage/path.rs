//! Paths as clients write them, made safe for storage.

use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt};

/// The longest path in bytes, without the NUL that the kernel adds to it (`PATH_MAX` is 4096).
const LENGTH_MAX: usize = 4095;

/// A normalised path inside a user's storage, for example `reports/2026.csv`: bytes, no NUL, never absolute, never
/// with `.` or `..`.
///
/// Whoever holds one can hand it to storage; [`StoragePath::resolve`] is the only way to one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoragePath(Vec<u8>);

impl StoragePath {
    /// Resolves what a client wrote against its working folder; like in a shell, `..` at the top stays at the top.
    pub fn resolve(folder: &Self, written: &[u8]) -> Result<Self, InvalidPath> {
        if written.contains(&0) {
            return Err(InvalidPath::Nul);
        }
        let start = if written.starts_with(b"/") {
            &[]
        } else {
            folder.0.as_slice()
        };
        let is_slash = |byte: &u8| *byte == b'/';
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in start.split(is_slash).chain(written.split(is_slash)) {
            match part {
                b"" | b"." => {}
                b".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let path = parts.join(&b'/');
        if path.len() > LENGTH_MAX {
            return Err(InvalidPath::TooLong);
        }
        Ok(Self(path))
    }

    /// The user's root.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// `/` and the path, for clients.
    pub fn to_client(&self) -> Vec<u8> {
        [b"/", self.0.as_slice()].concat()
    }

    /// The path as storage takes it: relative to the root; empty for the root itself.
    pub(super) fn relative(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

impl fmt::Debug for StoragePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.escape_ascii())
    }
}

/// A path that no file can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// The kernel's paths end at a NUL.
    #[error("a path cannot hold a NUL byte")]
    Nul,
    /// Longer than the kernel takes it.
    #[error("a path has at most 4095 bytes")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::{InvalidPath, StoragePath};
    use proptest::prelude::*;

    #[test]
    fn a_client_cannot_leave_its_storage() {
        check("/", "../../etc/passwd", "/etc/passwd");
        check("/in", "../../..", "/");
        check("/in", "/../out", "/out");
    }

    #[test]
    fn relative_paths_start_at_the_working_folder() {
        check("/in", "report.csv", "/in/report.csv");
        check("/in", "./2026//report.csv", "/in/2026/report.csv");
        check("/in", "/report.csv", "/report.csv");
        check("/in", "", "/in");
        check("/in", ".", "/in");
    }

    #[test]
    fn names_that_only_look_like_dots_stay() {
        check("/", "...", "/...");
        check("/", "..a/.b", "/..a/.b");
    }

    #[test]
    fn what_the_kernel_cannot_take_is_refused() {
        let resolve = |written: &[u8]| StoragePath::resolve(&StoragePath::root(), written);

        assert_eq!(resolve(b"a\0b"), Err(InvalidPath::Nul));
        assert_eq!(resolve(&[b'a'; 4096]), Err(InvalidPath::TooLong));
        assert!(resolve(&[b'a'; 4095]).is_ok());
        assert!(resolve(&b"./".repeat(4096)).is_ok());
    }

    proptest! {
        #[test]
        fn a_resolved_path_has_no_dots_no_nul_and_resolves_to_itself(
            folder in "[./a-c]{0,12}",
            written in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'/'), any::<u8>()], 0..40),
        ) {
            let folder = StoragePath::resolve(&StoragePath::root(), folder.as_bytes()).unwrap();

            let Ok(path) = StoragePath::resolve(&folder, &written) else {
                prop_assert!(written.contains(&0));
                return Ok(());
            };

            let client = path.to_client();
            prop_assert!(client.starts_with(b"/"));
            prop_assert!(!client.contains(&0));
            prop_assert!(client == b"/" || client[1..].split(|byte| *byte == b'/').all(
                |part| !matches!(part, b"" | b"." | b"..")
            ));
            prop_assert_eq!(StoragePath::resolve(&folder, &client).unwrap(), path);
        }
    }

    #[track_caller]
    fn check(folder: &str, written: &str, expected: &str) {
        let folder = StoragePath::resolve(&StoragePath::root(), folder.as_bytes()).unwrap();

        let path = StoragePath::resolve(&folder, written.as_bytes()).unwrap();

        assert_eq!(path.to_client(), expected.as_bytes());
    }
}
