//! Atomic uploads: what is seen while they run, when they break and when two meet.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt};

use gateway_config::Uploads;

use super::{super::part::part_name, Resolver, user};
use crate::storage::{
    Before, Create, Error, Existing, Links, Open, Storage,
    contract::{RESUME, WHOLE, get, path, put, with_create, write},
};

#[test]
fn an_atomic_upload_is_visible_when_it_is_finished() {
    let (volume, storage) = user(Resolver::Kernel, Uploads::Atomic);
    put(&storage, "a", b"old");
    fs::set_permissions(
        volume.path().join("user/a"),
        fs::Permissions::from_mode(0o604),
    )
    .unwrap();

    let file = storage.open(path("a"), WHOLE).unwrap().file;
    write(file.as_ref(), 0, &["new content"]);

    assert_eq!(get(&storage, "a"), b"old");
    assert_eq!(get(&storage, ".a.part"), b"new content");
    file.finish().unwrap();
    assert_eq!(get(&storage, "a"), b"new content");
    assert_eq!(
        storage.metadata(path("a"), Links::Keep).unwrap().mode,
        0o604
    );
    assert!(matches!(
        storage.metadata(path(".a.part"), Links::Keep),
        Err(Error::NotFound)
    ));
}

#[test]
fn a_broken_upload_leaves_its_part_and_is_resumed() {
    let (_volume, storage) = user(Resolver::Kernel, Uploads::Atomic);
    let broken = storage.open(path("a"), WHOLE).unwrap();
    write(broken.file.as_ref(), 0, &["hello"]);
    drop(broken);

    let size = storage.metadata(path("a"), Links::Follow).unwrap().size;
    let read = storage.open(path("a"), Open::READ);
    let resumed = storage
        .open(path("a"), with_create(RESUME, Create::Never))
        .unwrap();
    write(resumed.file.as_ref(), size, &[" world"]);
    let before = resumed.before;
    resumed.file.finish().unwrap();

    assert_eq!((size, before), (5, Before::Size(5)));
    assert!(matches!(read, Err(Error::NotFound)));
    assert_eq!(get(&storage, "a"), b"hello world");
    let names: Vec<_> = storage
        .list(path(""))
        .unwrap()
        .next(10)
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, [".", "..", "a"]);
}

#[test]
fn a_second_writer_of_a_part_is_told_so() {
    let (_volume, storage) = user(Resolver::Kernel, Uploads::Atomic);
    let first = storage.open(path("a"), WHOLE).unwrap();
    write(first.file.as_ref(), 0, &["first"]);

    let whole = storage.open(path("a"), WHOLE);
    let resume = storage.open(path("a"), RESUME);
    first.file.finish().unwrap();
    drop(first);

    assert!(matches!(whole, Err(Error::Busy)));
    assert!(matches!(resume, Err(Error::Busy)));
    assert_eq!(get(&storage, "a"), b"first");
    put(&storage, "a", b"second");
    assert_eq!(get(&storage, "a"), b"second");
}

#[test]
fn an_exclusive_atomic_upload_never_replaces() {
    let (_volume, storage) = user(Resolver::Kernel, Uploads::Atomic);
    let exclusive = with_create(WHOLE, Create::Exclusive);

    let upload = storage.open(path("a"), exclusive).unwrap().file;
    storage.symlink(path("elsewhere"), path("a")).unwrap();
    let late = upload.finish();
    drop(upload);
    let early = storage.open(path("a"), exclusive);

    assert!(matches!(late, Err(Error::Exists)));
    assert!(matches!(early, Err(Error::Exists)));
}

#[test]
fn a_part_that_is_another_name_of_a_file_does_not_cut_that_file() {
    let (_volume, storage) = user(Resolver::Kernel, Uploads::Atomic);
    put(&storage, "victim", b"content");
    storage.hard_link(path("victim"), path(".a.part")).unwrap();

    put(&storage, "a", b"new");

    assert_eq!(get(&storage, "victim"), b"content");
    assert_eq!(get(&storage, "a"), b"new");
}

#[test]
fn a_part_that_was_renamed_is_not_published() {
    let (_volume, storage) = user(Resolver::Kernel, Uploads::Atomic);
    let file = storage.open(path("a"), WHOLE).unwrap().file;

    storage
        .rename(path(".a.part"), path("b"), Existing::Keep)
        .unwrap();
    let gone = file.finish();
    storage.open(path("a"), WHOLE).unwrap();
    let anothers = file.finish();

    assert!(matches!(gone, Err(Error::NotFound)));
    assert!(matches!(anothers, Err(Error::NotFound)));
    assert!(matches!(
        storage.open(path("a"), Open::READ),
        Err(Error::NotFound)
    ));
}

#[test]
fn the_part_of_a_long_name_has_the_names_digest() {
    let long = "n".repeat(250);

    assert_eq!(part_name(OsStr::new("a")), ".a.part");
    assert_eq!(part_name(OsStr::new(&"n".repeat(249))).len(), 255);
    // printf n%.0s {1..250} | sha256sum
    assert_eq!(
        part_name(OsStr::new(&long)),
        ".213b83271b358ed960938751e3f3f6d8.part"
    );
}
