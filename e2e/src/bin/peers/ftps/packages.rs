//! Debian's servers, unpacked beside the build: Debian lets only one FTP server be installed at a time.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use e2e::program::run;

/// The servers, and the libraries that they alone need.
const PACKAGES: &[&str] = &[
    "pure-ftpd",
    "proftpd-core",
    "proftpd-mod-crypto",
    "vsftpd",
    "libhashkit2",
    "libhiredis0.14",
    "libmemcached11",
    "libmemcachedutil2",
    "libpcre2-posix3",
    "libsodium23",
    "libwrap0",
];

/// A folder with what the packages hold, as it would lie below `/`.
#[derive(Debug)]
pub(super) struct Packages {
    root: PathBuf,
}

impl Packages {
    /// Fetches and unpacks them, once.
    pub(super) fn unpack() -> Result<Self> {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
            PathBuf::from,
        );
        let root = target.join("peers");
        if !root.exists() {
            let fetched = tempfile::tempdir()?;
            let mut fetch = Command::new("apt-get");
            fetch
                .args(["--quiet", "download"])
                .args(PACKAGES)
                .current_dir(fetched.path());
            run(&mut fetch)?
                .success()
                .context("try apt-get update first")?;
            fs::create_dir_all(&target)?;
            let unpacked = tempfile::tempdir_in(&target)?;
            for package in fs::read_dir(fetched.path())? {
                let mut unpack = Command::new("dpkg-deb");
                unpack
                    .arg("--extract")
                    .arg(package?.path())
                    .arg(unpacked.path());
                run(&mut unpack)?.success()?;
            }
            fs::rename(unpacked.keep(), &root)?;
        }
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    /// A file of a package.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// A program of a package, which finds its libraries.
    pub(super) fn program(&self, file: &str) -> Result<Command> {
        let mut command = Command::new(self.path(file));
        for folder in fs::read_dir(self.path("usr/lib"))? {
            let folder = folder?.path();
            if folder.to_string_lossy().ends_with("-linux-gnu") {
                command.env("LD_LIBRARY_PATH", folder);
            }
        }
        Ok(command)
    }
}
