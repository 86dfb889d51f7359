//! What every [`Storage`] must do, told by examples. An implementation runs [`check`] on itself.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;

use super::{
    Attributes, Before, Create, Entry, Error, Existing, File, Kind, Links, Open, Opened, Result,
    Storage, Truncate, Write,
};

/// To make or replace a file.
pub(super) const WHOLE: Open = Open {
    read: false,
    write: Some(Write {
        create: Create::IfMissing,
        truncate: Truncate::AtOpen,
        append: false,
    }),
    mode: None,
};
/// To go on with a file, or to make it.
pub(super) const RESUME: Open = Open {
    read: true,
    write: Some(Write {
        create: Create::IfMissing,
        truncate: Truncate::Never,
        append: false,
    }),
    mode: None,
};

/// Checks all rules, each on a fresh storage.
pub(super) fn check(fresh: &dyn Fn() -> Arc<dyn Storage>) {
    for rule in [
        what_was_written_is_read,
        reads_end_where_the_file_ends,
        several_pieces_are_one_write,
        no_offset_is_too_far,
        an_opening_tells_what_was_there,
        appending_goes_to_the_end,
        a_missing_file_is_not_found,
        a_folder_is_no_file,
        a_listing_begins_with_the_dots_and_comes_in_pages,
        names_are_bytes,
        renaming_keeps_or_replaces,
        only_empty_folders_are_removed,
        links_are_told_from_what_they_point_to,
        a_hard_link_is_a_second_name,
        attributes_are_changed,
        a_root_inside_is_made_with_its_parents,
        over_long_names_are_refused,
        the_root_itself_stays,
        what_could_be_made_is_told_and_not_made,
        space_is_told,
    ] {
        rule(fresh().as_ref());
    }
}

fn what_was_written_is_read(storage: &dyn Storage) {
    let content: Vec<u8> = (0..100_000_u32).map(|i| i.to_le_bytes()[1]).collect();

    put(storage, "a", &content);

    assert_eq!(get(storage, "a"), content);
    let metadata = storage.metadata(path("a"), Links::Keep).unwrap();
    assert_eq!((metadata.kind, metadata.size), (Kind::File, 100_000));
}

fn reads_end_where_the_file_ends(storage: &dyn Storage) {
    put(storage, "a", b"hello");

    let file = storage.open(path("a"), Open::READ).unwrap().file;

    assert_eq!(file.read_at(1, 3).unwrap(), "ell");
    assert_eq!(file.read_at(3, 100).unwrap(), "lo");
    assert_eq!(file.read_at(5, 100).unwrap(), "");
    assert_eq!(file.read_at(1000, 100).unwrap(), "");
    if let Some(now) = file.read_now(3, 100) {
        assert_eq!(now.unwrap(), "lo");
    }
}

fn several_pieces_are_one_write(storage: &dyn Storage) {
    let file = storage.open(path("a"), WHOLE).unwrap().file;

    write(file.as_ref(), 2, &["cd", "", "ef"]);
    write(file.as_ref(), 0, &["ab"]);
    file.finish().unwrap();

    assert_eq!(get(storage, "a"), b"abcdef");
}

fn no_offset_is_too_far(storage: &dyn Storage) {
    put(storage, "a", b"hello");
    let file = storage.open(path("a"), RESUME).unwrap().file;
    let size = Attributes {
        size: Some(u64::MAX),
        ..Attributes::default()
    };

    assert_eq!(file.read_at(u64::MAX, 10).unwrap(), "");
    let written = file.write_at(u64::MAX, &[Bytes::from_static(b"x")]);
    assert!(matches!(written.unwrap_err().error, Error::TooLarge));
    assert!(matches!(file.set_attributes(size), Err(Error::TooLarge)));
    assert_eq!(get(storage, "a"), b"hello");
}

fn an_opening_tells_what_was_there(storage: &dyn Storage) {
    let before = |how| {
        let Opened { file, before } = storage.open(path("a"), how)?;
        file.finish()?;
        Result::Ok(before)
    };
    let exclusive = with_create(RESUME, Create::Exclusive);
    let never = with_create(RESUME, Create::Never);

    assert!(matches!(before(never), Err(Error::NotFound)));
    assert_eq!(before(RESUME).unwrap(), Before::Nothing);
    assert!(matches!(before(exclusive), Err(Error::Exists)));
    put(storage, "a", b"hello");
    assert_eq!(before(RESUME).unwrap(), Before::Size(5));
    assert_eq!(before(never).unwrap(), Before::Size(5));
    assert_eq!(get(storage, "a"), b"hello");
    before(WHOLE).unwrap();
    assert_eq!(get(storage, "a"), b"");
}

fn appending_goes_to_the_end(storage: &dyn Storage) {
    put(storage, "a", b"hello");
    let mut how = RESUME;
    how.write = how.write.map(|write| Write {
        append: true,
        ..write
    });

    let file = storage.open(path("a"), how).unwrap().file;
    write(file.as_ref(), 0, &[" world"]);
    file.finish().unwrap();

    assert_eq!(get(storage, "a"), b"hello world");
}

fn a_missing_file_is_not_found(storage: &dyn Storage) {
    let missing = path("missing");

    assert!(matches!(
        storage.open(missing, Open::READ),
        Err(Error::NotFound)
    ));
    assert!(matches!(
        storage.metadata(missing, Links::Keep),
        Err(Error::NotFound)
    ));
    assert!(matches!(storage.list(missing), Err(Error::NotFound)));
    assert!(matches!(storage.remove_file(missing), Err(Error::NotFound)));
    assert!(matches!(
        storage.remove_folder(missing),
        Err(Error::NotFound)
    ));
    assert!(matches!(storage.read_link(missing), Err(Error::NotFound)));
    assert!(matches!(
        storage.rename(missing, path("b"), Existing::Replace),
        Err(Error::NotFound)
    ));
    assert!(matches!(
        storage.open(path("no/a"), WHOLE),
        Err(Error::NotFound)
    ));
}

fn a_folder_is_no_file(storage: &dyn Storage) {
    storage.make_folder(path("d"), 0o750).unwrap();
    put(storage, "a", b"hello");

    assert!(matches!(
        storage.open(path("d"), Open::READ),
        Err(Error::IsAFolder)
    ));
    assert!(matches!(
        storage.open(path("d"), WHOLE),
        Err(Error::IsAFolder)
    ));
    assert!(matches!(
        storage.remove_file(path("d")),
        Err(Error::IsAFolder)
    ));
    assert!(matches!(storage.list(path("a")), Err(Error::NotAFolder)));
    assert!(matches!(
        storage.open(path("a/b"), WHOLE),
        Err(Error::NotAFolder)
    ));
    assert!(matches!(
        storage.remove_folder(path("a")),
        Err(Error::NotAFolder)
    ));
    assert!(matches!(
        storage.make_folder(path("d"), 0o750),
        Err(Error::Exists)
    ));
}

fn a_listing_begins_with_the_dots_and_comes_in_pages(storage: &dyn Storage) {
    for number in 0..25 {
        put(storage, &format!("file {number:02}"), &[0; 7]);
    }
    storage.make_folder(path("folder"), 0o750).unwrap();

    let mut folder = storage.list(path("")).unwrap();
    let first = folder.next(10).unwrap();
    let mut entries = first.clone();
    loop {
        let page = folder.next(10).unwrap();
        if page.is_empty() {
            break;
        }
        entries.extend(page);
    }

    assert_eq!(first.len(), 10);
    let names: Vec<_> = entries.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(names[..2], [OsString::from("."), OsString::from("..")]);
    assert_eq!(names.len(), 28);
    let of = |name: &str| find(&entries, OsStr::new(name));
    assert_eq!(of("file 07").metadata.size, 7);
    assert_eq!(of("folder").metadata.kind, Kind::Folder);
    assert_eq!(of(".").metadata.kind, Kind::Folder);
}

fn names_are_bytes(storage: &dyn Storage) {
    let name = OsStr::from_bytes(b"caf\xe9 \xff\n");

    let file = storage.open(name, WHOLE).unwrap().file;
    file.finish().unwrap();

    let entries = storage.list(path("")).unwrap().next(100).unwrap();
    assert_eq!(find(&entries, name).metadata.kind, Kind::File);
    storage.remove_file(name).unwrap();
    assert!(matches!(
        storage.metadata(name, Links::Keep),
        Err(Error::NotFound)
    ));
}

fn renaming_keeps_or_replaces(storage: &dyn Storage) {
    put(storage, "a", b"a");
    put(storage, "b", b"b");
    storage.make_folder(path("d"), 0o750).unwrap();

    let kept = storage.rename(path("a"), path("b"), Existing::Keep);
    let kept_folder = storage.rename(path("a"), path("d"), Existing::Keep);
    storage
        .rename(path("a"), path("d/a"), Existing::Keep)
        .unwrap();
    storage
        .rename(path("d/a"), path("b"), Existing::Replace)
        .unwrap();
    let into_itself = storage.rename(path("d"), path("d/e"), Existing::Keep);

    assert!(matches!(kept, Err(Error::Exists)));
    assert!(matches!(kept_folder, Err(Error::Exists)));
    assert!(matches!(into_itself, Err(Error::InvalidName)));
    assert_eq!(get(storage, "b"), b"a");
    assert!(matches!(
        storage.metadata(path("a"), Links::Keep),
        Err(Error::NotFound)
    ));
}

fn only_empty_folders_are_removed(storage: &dyn Storage) {
    storage.make_folder(path("d"), 0o750).unwrap();
    put(storage, "d/a", b"");

    let full = storage.remove_folder(path("d"));
    storage.remove_file(path("d/a")).unwrap();
    storage.remove_folder(path("d")).unwrap();

    assert!(matches!(full, Err(Error::NotEmpty)));
    assert!(matches!(
        storage.metadata(path("d"), Links::Keep),
        Err(Error::NotFound)
    ));
}

fn links_are_told_from_what_they_point_to(storage: &dyn Storage) {
    put(storage, "a", b"hello");
    storage.symlink(OsStr::new("/a"), path("link")).unwrap();
    storage
        .symlink(OsStr::new("nowhere"), path("dangling"))
        .unwrap();

    let itself = storage.metadata(path("link"), Links::Keep).unwrap();
    let pointed = storage.metadata(path("link"), Links::Follow).unwrap();
    let dangling = storage.metadata(path("dangling"), Links::Follow);
    storage.remove_file(path("link")).unwrap();

    assert_eq!((itself.kind, pointed.kind), (Kind::Symlink, Kind::File));
    assert_eq!(pointed.size, 5);
    assert!(matches!(dangling, Err(Error::NotFound)));
    assert_eq!(storage.read_link(path("dangling")).unwrap(), b"nowhere");
    assert!(storage.read_link(path("a")).is_err());
    assert_eq!(get(storage, "a"), b"hello");
}

fn a_hard_link_is_a_second_name(storage: &dyn Storage) {
    put(storage, "a", b"hello");

    storage.hard_link(path("a"), path("b")).unwrap();
    let again = storage.hard_link(path("a"), path("b"));
    storage.remove_file(path("a")).unwrap();

    assert!(matches!(again, Err(Error::Exists)));
    assert_eq!(get(storage, "b"), b"hello");
}

fn attributes_are_changed(storage: &dyn Storage) {
    put(storage, "a", b"hello");
    storage.make_folder(path("d"), 0o750).unwrap();
    let accessed = UNIX_EPOCH + Duration::new(1_000_000_000, 5);
    let modified = UNIX_EPOCH - Duration::from_millis(1500);
    let attributes = Attributes {
        size: Some(3),
        mode: Some(0o604),
        owner: None,
        times: Some((accessed, modified)),
    };

    storage
        .set_attributes(path("a"), attributes, Links::Follow)
        .unwrap();
    let by_path = storage.metadata(path("a"), Links::Keep).unwrap();
    let file = storage.open(path("a"), RESUME).unwrap().file;
    file.set_attributes(Attributes {
        size: Some(10),
        mode: Some(0o640),
        ..Attributes::default()
    })
    .unwrap();
    let by_handle = file.metadata().unwrap();
    let of_folder = Attributes {
        mode: Some(0o700),
        ..Attributes::default()
    };
    storage
        .set_attributes(path("d"), of_folder, Links::Keep)
        .unwrap();
    let sized_folder = Attributes {
        size: Some(0),
        ..Attributes::default()
    };

    assert_eq!((by_path.size, by_path.mode), (3, 0o604));
    assert_eq!((by_path.accessed, by_path.modified), (accessed, modified));
    assert_eq!((by_handle.size, by_handle.mode), (10, 0o640));
    assert_eq!(file.read_at(0, 100).unwrap(), "hel\0\0\0\0\0\0\0");
    assert_eq!(
        storage.metadata(path("d"), Links::Keep).unwrap().mode,
        0o700
    );
    assert!(matches!(
        storage.set_attributes(path("d"), sized_folder, Links::Follow),
        Err(Error::IsAFolder)
    ));
}

fn a_root_inside_is_made_with_its_parents(storage: &dyn Storage) {
    let first = storage.inside(path("users/supplier")).unwrap();
    put(first.as_ref(), "a", b"hello");
    let again = storage.inside(path("users/supplier")).unwrap();

    assert_eq!(get(again.as_ref(), "a"), b"hello");
    assert_eq!(get(storage, "users/supplier/a"), b"hello");
    for folder in ["users", "users/supplier"] {
        let metadata = storage.metadata(path(folder), Links::Keep).unwrap();
        assert_eq!((metadata.kind, metadata.mode), (Kind::Folder, 0o750));
    }
    put(storage, "file", b"");
    assert!(matches!(
        storage.inside(path("file")),
        Err(Error::NotAFolder)
    ));
}

fn over_long_names_are_refused(storage: &dyn Storage) {
    let long = "n".repeat(256);

    assert!(matches!(
        storage.open(path(&long), WHOLE),
        Err(Error::InvalidName)
    ));
    assert!(matches!(
        storage.make_folder(path(&long), 0o750),
        Err(Error::InvalidName)
    ));
    let fitting = "n".repeat(255);
    put(storage, &fitting, b"fits");
    assert_eq!(get(storage, &fitting), b"fits");
}

fn the_root_itself_stays(storage: &dyn Storage) {
    let root = path("");
    storage.make_folder(path("d"), 0o750).unwrap();

    assert_eq!(
        storage.metadata(root, Links::Keep).unwrap().kind,
        Kind::Folder
    );
    assert!(storage.remove_folder(root).is_err());
    assert!(storage.remove_file(root).is_err());
    assert!(storage.make_folder(root, 0o750).is_err());
    assert!(storage.open(root, WHOLE).is_err());
    assert!(storage.open(root, Open::READ).is_err());
    assert!(
        storage
            .rename(root, path("d/e"), Existing::Replace)
            .is_err()
    );
    assert!(storage.rename(path("d"), root, Existing::Replace).is_err());
}

fn what_could_be_made_is_told_and_not_made(storage: &dyn Storage) {
    storage.make_folder(path("d"), 0o750).unwrap();
    put(storage, "a", b"hello");

    let would_make = |name: &str| storage.would_make(path(name), WHOLE.write.unwrap());
    assert!(would_make("b").unwrap());
    assert!(would_make("d/b").unwrap());

    assert!(matches!(would_make("no/b"), Err(Error::NotFound)));
    assert!(matches!(would_make("a/b"), Err(Error::NotAFolder)));
    let too_long = would_make(&"n".repeat(256));
    assert!(matches!(too_long, Err(Error::InvalidName)));
    assert!(would_make("").is_err());
    for unmade in ["b", "d/b"] {
        let found = storage.metadata(path(unmade), Links::Keep);
        assert!(matches!(found, Err(Error::NotFound)));
    }
}

fn space_is_told(storage: &dyn Storage) {
    put(storage, "a", b"hello");

    let space = storage.space(path("a")).unwrap();

    assert!(space.blocks >= space.blocks_free && space.fragment_size > 0);
    assert_eq!(space.name_max, 255);
}

/// A path as a test writes it.
pub(super) fn path(path: &str) -> &OsStr {
    OsStr::new(path)
}

/// Makes or replaces a file.
#[track_caller]
pub(super) fn put(storage: &dyn Storage, name: &str, content: &[u8]) {
    let file = storage.open(path(name), WHOLE).unwrap().file;
    file.write_at(0, &[Bytes::copy_from_slice(content)])
        .unwrap();
    file.finish().unwrap();
}

/// All that a file holds.
#[track_caller]
pub(super) fn get(storage: &dyn Storage, name: &str) -> Vec<u8> {
    let file = storage.open(path(name), Open::READ).unwrap().file;
    file.read_at(0, 1 << 20).unwrap().to_vec()
}

/// Writes text, piece by piece.
#[track_caller]
pub(super) fn write(file: &dyn File, offset: u64, pieces: &[&str]) {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| Bytes::copy_from_slice(piece.as_bytes()))
        .collect();
    file.write_at(offset, &pieces).unwrap();
}

/// The same opening, with another wish about what is there.
pub(super) fn with_create(how: Open, create: Create) -> Open {
    let write = how.write.map(|write| Write { create, ..write });
    Open { write, ..how }
}

#[track_caller]
fn find<'e>(entries: &'e [Entry], name: &OsStr) -> &'e Entry {
    entries.iter().find(|entry| entry.name == name).unwrap()
}
