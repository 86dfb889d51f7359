//! Names that change while they are looked up: still nothing outside the root is reached.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use gateway_config::Uploads;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{RESOLVERS, Resolver, user};
use crate::storage::{
    Attributes, Existing, Links, Open, Storage,
    contract::{RESUME, WHOLE, path},
};

/// How often each thing is tried while names change.
const TRIES: usize = 300;

#[test]
fn a_folder_that_turns_into_a_link_leads_nowhere_else() {
    races(|root, outside| {
        fs::create_dir(root.join("folder")).unwrap();
        fs::write(root.join("folder/file"), "inside").unwrap();
        symlink(outside, root.join("other")).unwrap();
        (root.join("folder"), root.join("other"))
    });
}

#[test]
fn a_file_that_turns_into_a_link_leads_nowhere_else() {
    races(|root, outside| {
        fs::create_dir(root.join("folder")).unwrap();
        fs::write(root.join("folder/file"), "inside").unwrap();
        symlink(outside.join("file"), root.join("folder/other")).unwrap();
        (root.join("folder/file"), root.join("folder/other"))
    });
}

#[test]
fn a_way_up_stays_inside_while_its_folder_moves_out() {
    races(|root, outside| {
        fs::write(root.join("file"), "inside").unwrap();
        symlink("deep/er/up", root.join("way")).unwrap();
        // Two folders up is the root, or the secret folder once `deep` has moved out.
        for parent in [root, outside] {
            fs::create_dir_all(parent.join("deep/er")).unwrap();
            symlink("../..", parent.join("deep/er/up")).unwrap();
        }
        (root.join("deep"), outside.join("deep"))
    });
}

#[test]
fn renames_elsewhere_keep_nobody_from_a_link_that_leads_up() {
    let (volume, storage) = user(Resolver::Kernel, Uploads::Direct);
    let root = volume.path().join("user");
    fs::create_dir(root.join("folder")).unwrap();
    fs::write(root.join("file"), "inside").unwrap();
    let up = "folder/../".repeat(200);
    symlink(format!("{up}file"), root.join("way")).unwrap();
    let over = AtomicBool::new(false);

    thread::scope(|scope| {
        scope.spawn(|| {
            let [one, other] = ["one", "other"].map(|name| volume.path().join(name));
            fs::write(&one, "").unwrap();
            while !over.load(Ordering::Relaxed) {
                fs::rename(&one, &other).unwrap();
                fs::rename(&other, &one).unwrap();
            }
        });
        let _over = Over(&over);
        for _ in 0..TRIES {
            assert!(storage.open(path("way"), Open::READ).is_ok());
        }
    });
}

/// Exchanges two names again and again while everything is tried on `folder/file`, directly and by a link.
fn races(prepare: impl Fn(&Path, &Path) -> (std::path::PathBuf, std::path::PathBuf)) {
    for resolver in RESOLVERS {
        let (volume, storage) = user(resolver, Uploads::Direct);
        let outside = volume.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "secret").unwrap();
        let before = listing(&outside);
        let (one, other) = prepare(&volume.path().join("user"), &outside);
        let added: Vec<_> = listing(&outside);
        let over = AtomicBool::new(false);

        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE)
                        .unwrap_or_default();
                }
            });
            let _over = Over(&over);
            for _ in 0..TRIES {
                for folder in ["folder", "way"] {
                    attack(&storage, folder);
                }
            }
        });

        assert_eq!(fs::read(outside.join("file")).unwrap(), b"secret");
        let mode = fs::metadata(outside.join("file")).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o644, "{resolver:?}");
        assert!([before, added].contains(&listing(&outside)), "{resolver:?}");
    }
}

/// Ends the exchange, even when a test fails under way.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Everything that reads, writes and makes names. Most of it fails, since the names are never there for long.
fn attack(storage: &dyn Storage, folder: &str) {
    let name = |name: &str| format!("{folder}/{name}");
    let (file, made, second) = (name("file"), name("made"), name("second"));
    for how in [Open::READ, RESUME, WHOLE] {
        if let Ok(opened) = storage.open(path(&file), how)
            && how == Open::READ
        {
            assert_ne!(opened.file.read_at(0, 10).unwrap(), "secret");
        }
    }
    let change = Attributes {
        size: Some(6),
        mode: Some(0o600),
        ..Attributes::default()
    };
    let tried = [
        storage.set_attributes(path(&file), change, Links::Follow),
        storage.make_folder(path(&made), 0o750),
        storage.remove_folder(path(&made)),
        storage.hard_link(path(&file), path(&second)),
        storage.remove_file(path(&second)),
        storage.rename(path(&file), path(&second), Existing::Replace),
        storage.rename(path(&second), path(&file), Existing::Keep),
        storage.symlink(path("/"), path(&second)),
        storage.remove_file(path(&second)),
    ];
    drop(tried);
}

/// The names of a folder, in order.
fn listing(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}
