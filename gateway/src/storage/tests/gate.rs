//! Every operation with every permission.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::UNIX_EPOCH,
};

use bytes::Bytes;
use gateway_config::{
    Permission::{
        self, Append, Delete, Link, List, MakeDirectory, Overwrite, Read, RemoveDirectory, Rename,
        SetAttributes, Write as Make,
    },
    Uploads,
};
use tempfile::TempDir;

use super::{answer, local, path};
use crate::storage::{
    Attributes, Create, Error, Existing, Files, Links, Open, OpenFile, Result, Truncate, Write,
};

/// What a user might do in a folder with `file` ("hello"), `other`, `empty` and the folder `folder`.
type Operation = fn(&Files) -> Result<()>;

/// Each operation with the sets of permissions that are enough for it; with any one taken away it is denied.
const TABLE: &[(&str, &[&[Permission]], Operation)] = &[
    ("stat", &[&[]], |files| {
        answer(files.metadata(&path("file"), Links::Follow)).map(drop)
    }),
    ("statvfs", &[&[]], |files| {
        answer(files.space(&path("file"))).map(drop)
    }),
    ("list", &[&[List]], |files| {
        answer(files.list(&path(""))).map(drop)
    }),
    ("read", &[&[Read]], |files| {
        let file = answer(files.open(&path("file"), Open::READ))?;
        answer(file.read_at(0, 10)).map(drop)
    }),
    ("upload a new file", &[&[Make]], |files| {
        upload(files, "new", Truncate::AtOpen)
    }),
    ("make a new file", &[&[Make]], |files| {
        upload(files, "new", Truncate::Never)
    }),
    ("make an exclusive file", &[&[Make]], |files| {
        let file = answer(files.open(&path("new"), writing(Create::Exclusive, Truncate::Never)))?;
        answer(file.write_at(100, hello()))
    }),
    ("replace a file", &[&[Overwrite]], |files| {
        upload(files, "file", Truncate::AtOpen)
    }),
    ("upload a new file, to be cut later", &[&[Make]], |files| {
        upload(files, "new", Truncate::Later)
    }),
    ("open a file, to cut it later", &[&[Overwrite]], |files| {
        let how = writing(Create::IfMissing, Truncate::Later);
        answer(files.open(&path("file"), how)).map(drop)
    }),
    ("change what is there", &[&[Overwrite]], |files| {
        upload(files, "file", Truncate::Never)
    }),
    ("cut at the opening", &[&[Overwrite]], |files| {
        answer(files.open(&path("file"), writing(Create::Never, Truncate::AtOpen))).map(drop)
    }),
    ("go on at the end", &[&[Append], &[Overwrite]], |files| {
        let file = answer(files.open(&path("file"), writing(Create::IfMissing, Truncate::Never)))?;
        answer(file.write_at(5, hello()))?;
        answer(file.write_at(10, hello()))
    }),
    ("append", &[&[Append], &[Overwrite]], |files| {
        let file = answer(files.open(&path("file"), appending()))?;
        answer(file.write_at(0, hello()))
    }),
    (
        "read while writing",
        &[&[Read, Overwrite], &[Read, Append]],
        |files| {
            let how = Open {
                read: true,
                ..writing(Create::Never, Truncate::Never)
            };
            let file = answer(files.open(&path("file"), how))?;
            answer(file.read_at(0, 5)).map(drop)
        },
    ),
    ("remove a file", &[&[Delete]], |files| {
        answer(files.remove_file(&path("file")))
    }),
    ("remove a folder", &[&[RemoveDirectory]], |files| {
        answer(files.remove_folder(&path("folder")))
    }),
    ("make a folder", &[&[MakeDirectory]], |files| {
        answer(files.make_folder(&path("new"), None))
    }),
    ("rename", &[&[Rename]], |files| {
        rename(files, "new", Existing::Keep)
    }),
    ("rename, replacing nothing", &[&[Rename]], |files| {
        rename(files, "new", Existing::Replace)
    }),
    ("rename over a file", &[&[Rename, Overwrite]], |files| {
        rename(files, "other", Existing::Replace)
    }),
    ("link", &[&[Link]], |files| {
        answer(files.hard_link(&path("file"), &path("new")))
    }),
    ("symlink", &[&[Link]], |files| {
        answer(files.symlink(b"file", &path("new")))
    }),
    ("chmod", &[&[SetAttributes]], |files| {
        set(files, |it| it.mode = Some(0o600))
    }),
    ("touch", &[&[SetAttributes]], |files| {
        set(files, |it| it.times = Some((UNIX_EPOCH, UNIX_EPOCH)))
    }),
    ("truncate", &[&[Overwrite]], |files| {
        set(files, |it| it.size = Some(0))
    }),
    (
        "truncate and chmod",
        &[&[Overwrite, SetAttributes]],
        |files| set(files, |it| (it.size, it.mode) = (Some(0), Some(0o600))),
    ),
    ("change nothing", &[&[]], |files| set(files, |_| ())),
    ("chmod by handle", &[&[SetAttributes, Read]], |files| {
        let file = answer(files.open(&path("file"), Open::READ))?;
        let mode = Attributes {
            mode: Some(0o600),
            ..Attributes::default()
        };
        answer(file.set_attributes(mode))
    }),
    ("truncate by handle", &[&[Overwrite]], |files| {
        let file = answer(files.open(&path("file"), writing(Create::Never, Truncate::Never)))?;
        let size = Attributes {
            size: Some(0),
            ..Attributes::default()
        };
        answer(file.set_attributes(size))
    }),
];

#[test]
fn each_operation_needs_its_permissions_and_no_other() {
    for (name, enough, operation) in TABLE {
        for granted in *enough {
            let (_folder, files) = user(granted);
            let outcome = operation(&files);
            assert!(outcome.is_ok(), "{name} with {granted:?}: {outcome:?}");
        }
        for set in *enough {
            for missing in *set {
                // Nor what is enough in its stead.
                let instead = |it: &Permission| enough.iter().any(|other| other.contains(it));
                let left = |it: &Permission| it != missing && (set.contains(it) || !instead(it));
                let granted: Vec<_> = Permission::ALL.into_iter().filter(left).collect();
                let (folder, files) = user(&granted);
                let outcome = operation(&files);
                let denied = matches!(outcome, Err(Error::Denied));
                assert!(denied, "{name} without {missing:?}: {outcome:?}");
                assert_unchanged(&folder, name);
            }
        }
    }
}

#[test]
fn a_user_who_may_only_look_changes_nothing() {
    for (name, enough, operation) in TABLE {
        let (folder, files) = user(&[List, Read]);

        let outcome = operation(&files);

        let looking = enough
            .iter()
            .any(|set| set.iter().all(|it| [List, Read].contains(it)));
        assert_eq!(outcome.is_ok(), looking, "{name}: {outcome:?}");
        assert!(
            looking || matches!(outcome, Err(Error::Denied)),
            "{name}: {outcome:?}"
        );
        assert_unchanged(&folder, name);
    }
}

#[test]
fn whoever_appends_cannot_write_before_the_end() {
    let (folder, files) = user(&[Append]);
    let file =
        answer(files.open(&path("file"), writing(Create::IfMissing, Truncate::Never))).unwrap();

    let before = answer(file.write_at(4, hello()));
    answer(file.write_at(5, hello())).unwrap();
    let again = answer(file.write_at(6, hello()));

    assert!(matches!(before, Err(Error::Denied)));
    assert!(again.is_ok(), "what this opening has written is its own");
    assert_eq!(
        fs::read(folder.path().join("user/file")).unwrap(),
        b"hellohhello"
    );
}

#[test]
fn a_handle_does_only_what_it_was_opened_for() {
    let (_folder, files) = user(&Permission::ALL);
    let reader = answer(files.open(&path("file"), Open::READ)).unwrap();
    let writer =
        answer(files.open(&path("file"), writing(Create::Never, Truncate::Never))).unwrap();

    assert!(matches!(
        answer(reader.write_at(0, hello())),
        Err(Error::Denied)
    ));
    assert!(matches!(answer(writer.read_at(0, 1)), Err(Error::Denied)));
}

#[test]
fn nobody_sets_special_bits() {
    let (folder, files) = user(&Permission::ALL);
    let open = Open {
        mode: Some(0o6755),
        ..writing(Create::Exclusive, Truncate::Never)
    };

    answer(files.open(&path("new"), open)).unwrap();
    answer(files.make_folder(&path("made"), Some(0o7755))).unwrap();
    set(&files, |it| it.mode = Some(0o7755)).unwrap();

    for name in ["new", "made", "file"] {
        let mode = fs::metadata(folder.path().join("user").join(name))
            .unwrap()
            .mode();
        assert_eq!(mode & 0o7777, 0o755, "{name}");
    }
}

#[test]
fn new_files_and_folders_are_not_for_everybody() {
    let (folder, files) = user(&Permission::ALL);

    upload(&files, "new", Truncate::AtOpen).unwrap();
    answer(files.make_folder(&path("made"), None)).unwrap();

    let mode = |name| {
        fs::metadata(folder.path().join("user").join(name))
            .unwrap()
            .mode()
            & 0o7777
    };
    assert_eq!((mode("new"), mode("made"), mode("")), (0o640, 0o750, 0o750));
}

#[test]
fn an_owner_may_be_told_but_not_changed() {
    let (_folder, files) = user(&Permission::ALL);
    let now = answer(files.metadata(&path("file"), Links::Follow)).unwrap();
    let file: OpenFile = answer(files.open(&path("file"), Open::READ)).unwrap();
    let owner = |owner| Attributes {
        owner: Some(owner),
        ..Attributes::default()
    };
    let other = owner((now.owner + 1, now.group));

    set(&files, |it| it.owner = Some((now.owner, now.group))).unwrap();
    answer(file.set_attributes(owner((now.owner, now.group)))).unwrap();

    assert!(matches!(set(&files, |it| *it = other), Err(Error::Denied)));
    assert!(matches!(
        answer(file.set_attributes(other)),
        Err(Error::Denied)
    ));
}

#[test]
fn whoever_only_makes_files_may_repeat_a_broken_atomic_upload() {
    let (folder, files) = user_of(&[Make], Uploads::Atomic);
    let broken =
        answer(files.open(&path("new"), writing(Create::IfMissing, Truncate::AtOpen))).unwrap();
    answer(broken.write_at(0, Bytes::from_static(b"half of it"))).unwrap();
    drop(broken);

    let going_on = answer(files.open(&path("new"), writing(Create::IfMissing, Truncate::Never)));
    let again =
        answer(files.open(&path("new"), writing(Create::IfMissing, Truncate::AtOpen))).unwrap();
    answer(again.write_at(0, hello())).unwrap();
    answer(again.finish()).unwrap();
    let replacing = answer(files.open(&path("new"), writing(Create::IfMissing, Truncate::AtOpen)));

    assert!(matches!(going_on, Err(Error::Denied)));
    assert!(matches!(replacing, Err(Error::Denied)));
    assert_eq!(fs::read(folder.path().join("user/new")).unwrap(), b"hello");
}

#[test]
fn a_link_needs_a_text() {
    let (_folder, files) = user(&Permission::ALL);

    assert!(matches!(
        answer(files.symlink(b"", &path("new"))),
        Err(Error::InvalidName)
    ));
    assert!(matches!(
        answer(files.symlink(b"a\0b", &path("new"))),
        Err(Error::InvalidName)
    ));
}

fn upload(files: &Files, name: &str, truncate: Truncate) -> Result<()> {
    let file = answer(files.open(&path(name), writing(Create::IfMissing, truncate)))?;
    answer(file.write_at(0, hello()))?;
    answer(file.finish())
}

fn rename(files: &Files, target: &str, existing: Existing) -> Result<()> {
    answer(files.rename(&path("file"), &path(target), existing))
}

fn set(files: &Files, change: impl FnOnce(&mut Attributes)) -> Result<()> {
    let mut attributes = Attributes::default();
    change(&mut attributes);
    answer(files.set_attributes(&path("file"), attributes, Links::Follow))
}

fn writing(create: Create, truncate: Truncate) -> Open {
    let write = Write {
        create,
        truncate,
        append: false,
    };
    Open {
        read: false,
        write: Some(write),
        mode: None,
    }
}

fn appending() -> Open {
    let write = Write {
        create: Create::Never,
        truncate: Truncate::Never,
        append: true,
    };
    Open {
        read: false,
        write: Some(write),
        mode: None,
    }
}

fn hello() -> Bytes {
    Bytes::from_static(b"hello")
}

fn user(granted: &[Permission]) -> (TempDir, Files) {
    user_of(granted, Uploads::Direct)
}

fn user_of(granted: &[Permission], uploads: Uploads) -> (TempDir, Files) {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let volume = local(folder.path(), uploads);
    let granted = granted.iter().copied().collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let files = runtime
        .block_on(volume.files("user", "/user", &granted))
        .unwrap();
    let root = folder.path().join("user");
    for name in ["file", "other"] {
        fs::write(root.join(name), "hello").unwrap();
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    fs::create_dir(root.join("folder")).unwrap();
    (folder, files)
}

#[track_caller]
fn assert_unchanged(folder: &TempDir, operation: &str) {
    let root = folder.path().join("user");
    let mut names: Vec<_> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["file", "folder", "other"], "{operation}");
    for name in ["file", "other"] {
        assert_eq!(fs::read(root.join(name)).unwrap(), b"hello", "{operation}");
        assert_eq!(
            fs::metadata(root.join(name)).unwrap().mode() & 0o7777,
            0o644,
            "{operation}"
        );
    }
}
