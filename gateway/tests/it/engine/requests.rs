//! Every request of version 3, and what its answer says.

use sftp::{Answer, Attributes, Code, OpenFlags, Request};

use super::client::{Client, Home};

const CREATE: OpenFlags = OpenFlags::WRITE
    .with(OpenFlags::CREATE)
    .with(OpenFlags::TRUNCATE);

async fn upload(client: &mut Client, path: &[u8], data: &[u8]) {
    let handle = client.open(path, CREATE).await;
    let write = Request::Write {
        handle: &handle,
        offset: 0,
        data,
    };
    client.done(write).await;
    client.done(Request::Close { handle: &handle }).await;
}

async fn download(client: &mut Client, path: &[u8]) -> Vec<u8> {
    let handle = client.open(path, OpenFlags::READ).await;
    let mut content = Vec::new();
    loop {
        let offset = content.len() as u64;
        let read = Request::Read {
            handle: &handle,
            offset,
            length: 1000,
        };
        match client.ask(read).await {
            Answer::Data(data) => content.extend_from_slice(data),
            Answer::Status {
                code: Code::Eof, ..
            } => break,
            other => panic!("{other:?}"),
        }
    }
    client.done(Request::Close { handle: &handle }).await;
    content
}

async fn names(client: &mut Client, path: &[u8]) -> Vec<(Vec<u8>, String)> {
    let handle = client.handle(Request::OpenFolder { path }).await;
    let mut names = Vec::new();
    loop {
        match client.ask(Request::ReadFolder { handle: &handle }).await {
            Answer::Names(page) => names.extend(page.into_iter().map(|name| {
                let line = String::from_utf8_lossy(&name.line).into_owned();
                (name.name.into_owned(), line)
            })),
            Answer::Status {
                code: Code::Eof, ..
            } => break,
            other => panic!("{other:?}"),
        }
    }
    client.done(Request::Close { handle: &handle }).await;
    names
}

#[tokio::test]
async fn what_is_written_is_read_in_memory_and_on_disk() {
    for home in [Home::in_memory().await, Home::on_disk().await] {
        let mut client = home.client().await;
        let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();

        upload(&mut client, b"/file", &content).await;

        assert_eq!(
            std::fs::read(home.folder.path().join("file")).unwrap(),
            content
        );
        assert_eq!(download(&mut client, b"file").await, content);
        assert_eq!(client.leave().await, Ok(()));
    }
}

#[tokio::test]
async fn transfers_are_counted_when_they_end() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;

    upload(&mut client, b"/file", b"content").await;
    download(&mut client, b"/file").await;
    let handle = client.open(b"/file", OpenFlags::READ).await;
    let read = Request::Read {
        handle: &handle,
        offset: 0,
        length: 1,
    };
    client.ask(read).await;
    assert_eq!(client.leave().await, Ok(()));

    let metrics = prometheus::TextEncoder::new()
        .encode_to_string(&home.registry.gather())
        .unwrap();
    for (direction, outcome) in [
        ("upload", "completed"),
        ("download", "completed"),
        ("download", "broken"),
    ] {
        let line = format!(
            "secureftp_transfers_total{{direction=\"{direction}\",endpoint=\"test/engine\",outcome=\"{outcome}\"}} 1"
        );
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn an_atomic_upload_that_lost_a_write_stays_a_part() {
    let home = Home::atomic().await;
    let mut client = home.client().await;
    let flags = OpenFlags::WRITE
        .with(OpenFlags::CREATE)
        .with(OpenFlags::TRUNCATE);
    let handle = &client.open(b"report", flags).await;
    let write = |offset| Request::Write {
        handle,
        offset,
        data: b"part",
    };

    client.done(write(0)).await;
    let (refused, _) = client.status(write(u64::MAX)).await;
    let (closed, words) = client.status(Request::Close { handle }).await;

    assert_eq!((refused, closed), (Code::Failure, Code::Failure), "{words}");
    assert!(!home.folder.path().join("report").exists());
    let part = std::fs::read(home.folder.path().join(".report.part"));
    assert_eq!(part.unwrap(), b"part");
}

#[tokio::test]
async fn names_are_bytes() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;

    upload(&mut client, b"caf\xe9\n", b"x").await;

    let names = names(&mut client, b"/").await;
    assert!(
        names.iter().any(|(name, _)| name == b"caf\xe9\n"),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_listing_has_every_entry_once_with_a_line_of_ls() {
    let home = Home::in_memory().await;
    for number in 0..250 {
        std::fs::write(
            home.folder.path().join(format!("file-{number:03}")),
            "12345",
        )
        .unwrap();
    }
    let mut client = home.client().await;

    let mut listed = names(&mut client, b"/").await;

    listed.sort();
    let (dots, files) = listed.split_at(2);
    assert_eq!([&dots[0].0[..], &dots[1].0[..]], [&b"."[..], &b".."[..]]);
    assert_eq!(files.len(), 250);
    let (name, line) = &files[249];
    assert_eq!(name, b"file-249");
    assert!(line.starts_with("-rw-"), "{line}");
    assert!(line.ends_with(" file-249"), "{line}");
}

#[tokio::test]
async fn open_does_what_its_flags_say() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    upload(&mut client, b"there", b"content").await;
    let open = |path, flags| Request::Open {
        path,
        flags,
        attributes: Attributes::default(),
    };
    let exclusive = CREATE.with(OpenFlags::EXCLUSIVE);

    let (missing, _) = client.status(open(b"missing", OpenFlags::WRITE)).await;
    let (existing, words) = client.status(open(b"there", exclusive)).await;
    let handle = client
        .open(b"there", OpenFlags::WRITE.with(OpenFlags::APPEND))
        .await;
    client
        .done(Request::Write {
            handle: &handle,
            offset: 0,
            data: b" and more",
        })
        .await;
    client.done(Request::Close { handle: &handle }).await;

    assert_eq!(missing, Code::NoSuchFile);
    assert_eq!(
        (existing, words.as_str()),
        (Code::Failure, "it exists already")
    );
    assert_eq!(download(&mut client, b"there").await, b"content and more");
    upload(&mut client, b"there", b"new").await;
    assert_eq!(download(&mut client, b"there").await, b"new");
}

#[tokio::test]
async fn attributes_are_read_and_set() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    upload(&mut client, b"file", b"content").await;
    let attributes = Attributes {
        size: Some(4),
        mode: Some(0o100_600),
        times: Some((1_000_000_000, 1_500_000_000)),
        owner: None,
    };

    client
        .done(Request::SetStat {
            path: b"file",
            attributes,
        })
        .await;
    let handle = client
        .open(b"file", OpenFlags::READ.with(OpenFlags::WRITE))
        .await;
    let by_path = client.stat(Request::Stat { path: b"file" }).await;
    let by_handle = client.stat(Request::HandleStat { handle: &handle }).await;
    let shorter = Attributes {
        size: Some(2),
        ..Attributes::default()
    };
    client
        .done(Request::HandleSetStat {
            handle: &handle,
            attributes: shorter,
        })
        .await;

    assert_eq!(by_path, by_handle);
    assert_eq!(
        by_path,
        Attributes {
            owner: by_path.owner,
            ..attributes
        }
    );
    assert_eq!(
        client
            .stat(Request::HandleStat { handle: &handle })
            .await
            .size,
        Some(2)
    );
}

#[tokio::test]
async fn rename_keeps_what_exists_and_posix_rename_replaces_it() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    upload(&mut client, b"one", b"1").await;
    upload(&mut client, b"two", b"2").await;
    let (source, target) = (&b"one"[..], &b"two"[..]);

    let (refused, _) = client.status(Request::Rename { source, target }).await;
    let kept = download(&mut client, b"two").await;
    client.done(Request::PosixRename { source, target }).await;
    let replaced = download(&mut client, b"two").await;
    client
        .done(Request::Rename {
            source: b"two",
            target: b"three",
        })
        .await;

    assert_eq!(refused, Code::Failure);
    assert_eq!((kept, replaced), (b"2".to_vec(), b"1".to_vec()));
    assert_eq!(
        client.status(Request::Stat { path: b"two" }).await.0,
        Code::NoSuchFile
    );
}

#[tokio::test]
async fn folders_are_made_and_removed() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    let attributes = Attributes {
        mode: Some(0o700),
        ..Attributes::default()
    };

    client
        .done(Request::MakeFolder {
            path: b"folder",
            attributes,
        })
        .await;
    upload(&mut client, b"folder/file", b"").await;
    let made = client.stat(Request::Stat { path: b"folder" }).await;
    let (full, words) = client
        .status(Request::RemoveFolder { path: b"folder" })
        .await;
    client
        .done(Request::Remove {
            path: b"folder/file",
        })
        .await;
    client.done(Request::RemoveFolder { path: b"folder" }).await;

    assert_eq!(made.mode, Some(0o040_700));
    assert_eq!(
        (full, words.as_str()),
        (Code::Failure, "the folder is not empty")
    );
    assert_eq!(
        client
            .status(Request::OpenFolder { path: b"folder" })
            .await
            .0,
        Code::NoSuchFile
    );
}

#[tokio::test]
async fn links_are_made_and_read_in_the_order_of_openssh() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    upload(&mut client, b"file", b"content").await;

    client
        .done(Request::Symlink {
            text: b"file",
            link: b"soft",
        })
        .await;
    client
        .done(Request::HardLink {
            source: b"file",
            target: b"hard",
        })
        .await;

    let text = client.ask(Request::ReadLink { path: b"soft" }).await;
    let Answer::Names(names) = text else {
        panic!("{text:?}")
    };
    assert_eq!(&*names[0].name, b"file");
    let itself = client.stat(Request::LinkStat { path: b"soft" }).await;
    assert_eq!(itself.mode.map(|mode| mode & 0o170_000), Some(0o120_000));
    assert_eq!(
        client.stat(Request::Stat { path: b"soft" }).await.size,
        Some(7)
    );
    assert_eq!(download(&mut client, b"hard").await, b"content");
}

#[tokio::test]
async fn realpath_stays_inside_the_root() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;

    for (path, expected) in [
        (&b"."[..], &b"/"[..]),
        (b"", b"/"),
        (b"../../etc", b"/etc"),
        (b"/a/./b//../c", b"/a/c"),
    ] {
        let answer = client.ask(Request::RealPath { path }).await;
        let Answer::Names(names) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(&*names[0].name, expected);
    }
    let home = client.ask(Request::ExpandPath { path: b"~/x" }).await;
    let Answer::Names(names) = home else {
        panic!("{home:?}")
    };
    assert_eq!(&*names[0].name, b"/x");
    assert_eq!(
        client.status(Request::ExpandPath { path: b"~bob" }).await.0,
        Code::NoSuchFile
    );
}

#[tokio::test]
async fn space_sync_and_limits_are_answered() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    let handle = client.open(b"file", CREATE).await;

    client.done(Request::Sync { handle: &handle }).await;

    for request in [
        Request::Space { path: b"/" },
        Request::HandleSpace { handle: &handle },
    ] {
        let answer = client.ask(request).await;
        let Answer::Extended(data) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(data.len(), 88);
    }
    let answer = client.ask(Request::Limits).await;
    let Answer::Extended(data) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        data[..],
        [
            &262_144_u64.to_be_bytes()[..],
            &261_120_u64.to_be_bytes(),
            &261_120_u64.to_be_bytes(),
            &16_u64.to_be_bytes()
        ]
        .concat()
    );
}

#[tokio::test]
async fn nonsense_gets_its_own_answer() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    let file = client.open(b"file", CREATE).await;
    let folder = client.handle(Request::OpenFolder { path: b"/" }).await;

    let (code, _) = client
        .status(Request::UnknownExtension {
            name: b"nobody@example.com",
        })
        .await;
    assert_eq!(code, Code::OpUnsupported);
    assert_eq!(
        client.status(Request::ReadFolder { handle: &file }).await.0,
        Code::Failure
    );
    let read = Request::Read {
        handle: &folder,
        offset: 0,
        length: 1,
    };
    assert_eq!(client.status(read).await.0, Code::Failure);
    assert_eq!(
        client.status(Request::Stat { path: b"a\0b" }).await.0,
        Code::Failure
    );

    client.send_bytes(b"\0\0\0\x06\x07\0\0\0\x63\0").await;
    let (id, answer) = client.receive().await.unwrap();
    assert_eq!(id, 0x63);
    assert!(
        matches!(
            answer,
            Answer::Status {
                code: Code::BadMessage,
                ..
            }
        ),
        "{answer:?}"
    );
    client.send_bytes(b"\0\0\0\x05\x2a\0\0\0\x64").await;
    let (id, answer) = client.receive().await.unwrap();
    assert_eq!(id, 0x64);
    assert!(
        matches!(
            answer,
            Answer::Status {
                code: Code::OpUnsupported,
                ..
            }
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_closed_handle_is_never_taken_for_its_successor() {
    let home = Home::in_memory().await;
    let mut client = home.client().await;
    let first = client.open(b"file", CREATE).await;
    client.done(Request::Close { handle: &first }).await;

    let second = client.open(b"file", CREATE).await;

    assert_ne!(first, second);
    let write = Request::Write {
        handle: &first,
        offset: 0,
        data: b"x",
    };
    assert_eq!(client.status(write).await.0, Code::Failure);
    for foreign in [&b""[..], b"x", b"\0\0\0\x09\0\0\0\0", &[0xff; 300]] {
        assert_eq!(
            client.status(Request::Close { handle: foreign }).await.0,
            Code::Failure
        );
    }
    client.done(Request::Close { handle: &second }).await;
}
