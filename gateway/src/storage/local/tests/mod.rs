//! The disk keeps the contract, and nothing leaves the root.

mod part;
mod races;

use std::{
    cell::Cell,
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use gateway_config::{Durability, Uploads};
use proptest::prelude::*;
use rustix::fs::{FileType, Mode, OFlags, mknodat, open};
use tempfile::TempDir;

use super::{
    LocalStorage, Medium, Policy, Syncing, rename_by_link,
    resolve::{Resolver, Root},
};
use crate::storage::{
    Attributes, Error, Links, Open, Storage, Waiting,
    contract::{self, RESUME, WHOLE, get, path, put},
};

/// Where files wait for a disk, and where they do not.
const PLACES: [&str; 2] = ["/var/tmp", "/dev/shm"];
const RESOLVERS: [Resolver; 2] = [Resolver::Kernel, Resolver::Walk];

#[test]
fn the_disk_keeps_the_contract() {
    for place in PLACES {
        for resolver in RESOLVERS {
            for (uploads, syncing) in [
                (Uploads::Direct, Syncing::Nothing),
                (Uploads::Direct, Syncing::Everything),
                (Uploads::Atomic, Syncing::Nothing),
                (Uploads::Atomic, Syncing::Everything),
            ] {
                keeps_the_contract(place, resolver, Policy { uploads, syncing });
            }
        }
    }
}

fn keeps_the_contract(place: &str, resolver: Resolver, policy: Policy) {
    let folder = tempfile::tempdir_in(place).unwrap();
    let count = Cell::new(0);
    contract::check(&|| {
        count.set(count.get() + 1);
        let volume = folder.path().join(count.get().to_string());
        fs::create_dir(&volume).unwrap();
        Arc::new(storage(&volume, resolver, policy))
    });
}

#[test]
fn no_link_leaves_the_root() {
    for resolver in RESOLVERS {
        let (volume, storage) = user(resolver, Uploads::Direct);
        let root = volume.path().join("user");
        let outside = volume.path().join("secret");
        fs::write(&outside, "secret").unwrap();
        fs::create_dir(root.join("inside")).unwrap();
        for (name, target) in [
            ("absolute", outside.to_str().unwrap()),
            ("up", "../secret"),
            ("far up", "../../../../../../../../../../../etc/passwd"),
            ("inside/up", "../../secret"),
            ("slash", "/../secret"),
            ("folder", ".."),
            ("host", "/etc"),
            ("magic", "/proc/self/root"),
            ("chain", "folder/../secret"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        symlink(&root, root.join("back")).unwrap();

        for name in [
            "absolute",
            "up",
            "far up",
            "inside/up",
            "slash",
            "folder/secret",
            "folder/../secret",
            "host/passwd",
            "magic/etc/passwd",
            "chain",
            "folder/folder/secret",
            "back/secret",
        ] {
            let name = OsStr::new(name);
            let refused = |error: Error| {
                let gone = matches!(error, Error::NotFound | Error::NotAFolder);
                assert!(gone, "{resolver:?} {name:?}: {error:?}");
            };
            refused(storage.open(name, Open::READ).unwrap_err());
            refused(storage.metadata(name, Links::Follow).unwrap_err());
            let mode = Attributes {
                mode: Some(0o777),
                ..Attributes::default()
            };
            refused(
                storage
                    .set_attributes(name, mode, Links::Follow)
                    .unwrap_err(),
            );
        }
        assert!(storage.list(path("host")).is_err());
        assert_eq!(fs::read(&outside).unwrap(), b"secret");
        assert_eq!(fs::metadata(&outside).unwrap().mode() & 0o777, 0o644);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn our_own_walk_finds_what_the_kernel_finds(
        tree in prop::collection::vec((name(), prop_oneof![Just(None), text().prop_map(Some)]), 0..8),
        asked in prop::collection::vec(text(), 1..8),
    ) {
        let (volume, kernel) = user(Resolver::Kernel, Uploads::Direct);
        let walk = storage(&volume.path().join("user"), Resolver::Walk, kernel.policy);
        for (place, link) in &tree {
            // Names come twice, and parents may be missing: whatever can be made is the tree.
            match link {
                None => kernel.make_folder(path(place), 0o750).unwrap_or_default(),
                Some(text) => kernel.symlink(path(text), path(place)).unwrap_or_default(),
            }
        }

        for name in &asked {
            let found = |storage: &LocalStorage| {
                let flags = [OFlags::PATH, OFlags::PATH | OFlags::NOFOLLOW, OFlags::PATH | OFlags::DIRECTORY];
                flags.map(|flags| {
                    let file = storage.root.open(path(name), flags, Mode::empty());
                    let found = file.and_then(super::attributes::of_open);
                    found.map_or_else(|error| error.to_string(), |found| format!("{:?}", found.1))
                })
            };
            prop_assert_eq!(found(&kernel), found(&walk), "{} in {:?}", name, tree);
        }
    }
}

/// A place in a small tree.
fn name() -> impl Strategy<Value = String> {
    "[abc](/[abc]){0,2}"
}

/// A path, or what a link points to.
fn text() -> impl Strategy<Value = String> {
    "/?([abc]|\\.\\.|\\.)(/([abc]|\\.\\.|\\.)){0,4}/?"
}

#[test]
fn links_are_read_inside_the_root() {
    for resolver in RESOLVERS {
        let (_volume, storage) = user(resolver, Uploads::Direct);
        storage.make_folder(path("d"), 0o750).unwrap();
        storage.make_folder(path("d/e"), 0o750).unwrap();
        put(&storage, "d/a", b"hello");
        let link = |text: &str, name: &str| storage.symlink(path(text), path(name)).unwrap();
        link("/d/a", "absolute");
        link("../../../d/a", "d/e/up");
        link("absolute", "twice");
        link("/", "root");
        link("/d/", "slash");
        link("d/e/../a", "dots");
        link("new", "made");

        for name in [
            "absolute",
            "d/e/up",
            "twice",
            "root/d/a",
            "slash/a",
            "dots",
            "root/root/twice",
        ] {
            assert_eq!(get(&storage, name), b"hello", "{resolver:?} {name}");
        }
        put(&storage, "made", b"through a link");
        assert_eq!(get(&storage, "new"), b"through a link");
    }
}

#[test]
fn what_a_link_points_to_in_vain_is_told_and_not_made() {
    for (resolver, uploads) in [
        (Resolver::Kernel, Uploads::Direct),
        (Resolver::Kernel, Uploads::Atomic),
        (Resolver::Walk, Uploads::Direct),
    ] {
        let (_volume, storage) = user(resolver, uploads);
        storage.make_folder(path("d"), 0o750).unwrap();
        let link = |text: &str, name: &str| storage.symlink(path(text), path(name)).unwrap();
        link("new", "link");
        link("/d/new", "absolute");
        link("../link", "d/chain");
        link("missing/new", "nowhere");

        let would_make = |name: &str| storage.would_make(path(name), RESUME.write.unwrap());
        for name in ["link", "absolute", "d/chain"] {
            assert!(would_make(name).unwrap(), "{resolver:?} {uploads:?} {name}");
        }
        assert!(matches!(would_make("nowhere"), Err(Error::NotFound)));
        for unmade in ["new", "d/new"] {
            let found = storage.metadata(path(unmade), Links::Keep);
            assert!(matches!(found, Err(Error::NotFound)), "{unmade}");
        }
    }
}

#[test]
fn links_that_turn_in_a_circle_are_refused() {
    for resolver in RESOLVERS {
        let (_volume, storage) = user(resolver, Uploads::Direct);
        storage.symlink(path("b"), path("a")).unwrap();
        storage.symlink(path("a"), path("b")).unwrap();

        let opened = storage.open(path("a"), Open::READ);
        let below = storage.metadata(path("a/x"), Links::Keep);

        assert!(matches!(opened, Err(Error::InvalidName)));
        assert!(matches!(below, Err(Error::InvalidName)));
    }
}

#[test]
fn forty_links_are_followed_and_no_more() {
    for resolver in RESOLVERS {
        let (_volume, storage) = user(resolver, Uploads::Direct);
        put(&storage, "0", b"hello");
        for number in 1..=41 {
            let (text, name) = ((number - 1).to_string(), number.to_string());
            storage.symlink(path(&text), path(&name)).unwrap();
        }

        assert_eq!(get(&storage, "40"), b"hello", "{resolver:?}");
        assert!(matches!(
            storage.open(path("41"), Open::READ),
            Err(Error::InvalidName)
        ));
    }
}

#[test]
fn the_parent_of_the_root_is_the_root() {
    for resolver in RESOLVERS {
        let (volume, storage) = user(resolver, Uploads::Direct);
        let root = volume.path().join("user");
        fs::create_dir(root.join("d")).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o711)).unwrap();
        storage.symlink(path("/"), path("d/top")).unwrap();

        let parent = |folder| {
            storage.list(path(folder)).unwrap().next(2).unwrap()[1]
                .metadata
                .mode
        };

        assert_eq!(
            (parent(""), parent("d"), parent("d/top")),
            (0o711, 0o711, 0o711)
        );
    }
}

#[test]
fn fifos_sockets_and_devices_are_never_opened() {
    for resolver in RESOLVERS {
        let (volume, storage) = user(resolver, Uploads::Direct);
        let root = open(volume.path().join("user"), OFlags::PATH, Mode::empty()).unwrap();
        let make = |name, kind| mknodat(&root, name, kind, Mode::from_raw_mode(0o666), 0);
        make("fifo", FileType::Fifo).unwrap();
        make("socket", FileType::Socket).unwrap();

        for name in ["fifo", "socket"] {
            for how in [Open::READ, WHOLE, RESUME] {
                let opened = storage.open(path(name), how);
                assert!(
                    matches!(opened, Err(Error::Unsupported)),
                    "{name} {opened:?}"
                );
            }
            let size = Attributes {
                size: Some(0),
                ..Attributes::default()
            };
            assert!(
                storage
                    .set_attributes(path(name), size, Links::Follow)
                    .is_err()
            );
        }
    }
}

#[test]
fn times_of_a_link_itself_are_changed() {
    let (_volume, storage) = user(Resolver::Kernel, Uploads::Direct);
    put(&storage, "a", b"");
    storage.symlink(path("a"), path("link")).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_hours(24);
    let times = Attributes {
        times: Some((time, time)),
        ..Attributes::default()
    };

    storage
        .set_attributes(path("link"), times, Links::Keep)
        .unwrap();

    let modified = |links| storage.metadata(path("link"), links).unwrap().modified;
    assert_eq!(modified(Links::Keep), time);
    assert_ne!(modified(Links::Follow), time);
}

#[test]
fn renaming_without_the_flag_keeps_the_target_too() {
    let (_volume, storage) = user(Resolver::Kernel, Uploads::Direct);
    put(&storage, "a", b"a");
    put(&storage, "b", b"b");
    storage.make_folder(path("d"), 0o750).unwrap();
    storage.make_folder(path("e"), 0o750).unwrap();
    let rename = |source: &'static str, target: &'static str| {
        let (from, source) = storage.root.parent(path(source)).unwrap();
        let (to, target) = storage.root.parent(path(target)).unwrap();
        rename_by_link((&from, source), (&to, target))
    };

    assert!(matches!(rename("a", "b"), Err(Error::Exists)));
    assert!(matches!(rename("d", "e"), Err(Error::Exists)));
    assert!(matches!(rename("d", "b"), Err(Error::Exists)));
    rename("a", "e/a").unwrap();
    rename("e", "f").unwrap();
    assert_eq!(get(&storage, "f/a"), b"a");
}

#[test]
fn magic_links_are_not_followed() {
    let policy = Policy {
        uploads: Uploads::Direct,
        syncing: Syncing::Nothing,
    };
    let storage = storage(Path::new("/proc"), Resolver::Kernel, policy);

    assert!(storage.make_folder(path("new"), 0o750).is_err());
    assert!(
        storage
            .open(path("self/root/etc/passwd"), Open::READ)
            .is_err()
    );
}

#[test]
fn a_full_disk_is_told_and_what_fitted_stays() {
    let Some(disk) = small_disk() else {
        return;
    };
    let policy = Policy {
        uploads: Uploads::Direct,
        syncing: Syncing::Nothing,
    };
    let storage = storage(disk.0.path(), Resolver::Kernel, policy);
    let file = storage.open(path("a"), WHOLE).unwrap().file;

    let piece = Bytes::from(vec![1; 1024 * 1024]);
    let failed = file.write_at(0, &[piece.clone(), piece]).unwrap_err();

    assert!(matches!(failed.error, Error::NoSpace));
    assert!(failed.written < 2 * 1024 * 1024);
    assert_eq!(file.metadata().unwrap().size, failed.written as u64);
}

#[test]
fn memory_never_waits_unless_something_is_mounted_on_it() {
    let policy = Policy {
        uploads: Uploads::Direct,
        syncing: Syncing::Nothing,
    };
    let disk = tempfile::tempdir_in("/var/tmp").unwrap();
    assert_eq!(
        storage(disk.path(), Resolver::Kernel, policy).waiting(),
        Waiting::Sometimes
    );

    let Some(disk) = small_disk() else {
        return;
    };
    let storage = storage(disk.0.path(), Resolver::Kernel, policy);
    assert_eq!(storage.waiting(), Waiting::Never);
    fs::create_dir(disk.0.path().join("deeper")).unwrap();
    let _deeper = mount(&disk.0.path().join("deeper")).unwrap();
    assert_eq!(storage.waiting(), Waiting::Sometimes);
}

#[test]
fn an_opened_volume_says_what_finishing_waits_for() {
    let volume = tempfile::tempdir_in("/dev/shm").unwrap();
    let syncing = |durability| {
        let configured = gateway_config::Storage {
            volume: volume.path().into(),
            uploads: Uploads::Direct,
            durability,
            stuck_seconds: 10,
            stuck_threads_max: 4,
        };
        LocalStorage::open(&configured).unwrap().policy.syncing
    };

    assert_eq!(syncing(Durability::Written), Syncing::Nothing);
    assert_eq!(syncing(Durability::Sync), Syncing::Everything);
}

fn storage(volume: &Path, resolver: Resolver, policy: Policy) -> LocalStorage {
    let folder = open(volume, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    LocalStorage {
        medium: Medium::of(&folder).unwrap(),
        root: Root::new(folder, resolver),
        policy,
    }
}

/// A volume with one user's root.
fn user(resolver: Resolver, uploads: Uploads) -> (TempDir, LocalStorage) {
    let volume = tempfile::tempdir_in("/dev/shm").unwrap();
    let root = volume.path().join("user");
    fs::create_dir(&root).unwrap();
    let policy = Policy {
        uploads,
        syncing: Syncing::Nothing,
    };
    let storage = storage(&root, resolver, policy);
    (volume, storage)
}

/// A file system in memory of one mebibyte; unmounted when dropped.
struct Mounted(
    TempDir,
    #[expect(dead_code, reason = "unmounts when dropped")] Mount,
);

#[expect(clippy::print_stdout, reason = "a test that was not run must say so")]
fn skip(reason: &str) {
    println!("skipped: {reason}");
}

struct Mount(std::path::PathBuf);

fn small_disk() -> Option<Mounted> {
    // Not in /dev/shm: with a mount on it, calls there may wait, and other tests, in other processes too, rely on it
    // that they do not.
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let Some(mount) = mount(folder.path()) else {
        skip("mounting a small disk takes a privilege");
        return None;
    };
    Some(Mounted(folder, mount))
}

fn mount(folder: &Path) -> Option<Mount> {
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none"])
        .arg(folder)
        .status();
    mounted
        .is_ok_and(|status| status.success())
        .then(|| Mount(folder.into()))
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(
            std::process::Command::new("umount")
                .arg("-l")
                .arg(&self.0)
                .status(),
        );
    }
}
