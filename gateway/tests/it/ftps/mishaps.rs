//! What is left of a file, and what the client is told, when a transfer goes wrong.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
    os::unix::fs::symlink,
};

use gateway_config::{Configuration, Permission, Uploads};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    client::Client,
    fixture::{Gateway, PATIENCE, unchanged},
};

/// More than lies on the way between a file and a client that does not read.
const LONG: usize = 64 * 1024 * 1024;

/// Nobody is waited for long.
fn hasty(configuration: &mut Configuration) {
    let data = configuration.endpoint.data_connections.as_mut().unwrap();
    data.passive.connect_seconds = 1;
}

fn hasty_and_atomic(configuration: &mut Configuration) {
    hasty(configuration);
    configuration.endpoint.storage.uploads = Uploads::Atomic;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_data_connection_leaves_the_file_as_it_was() {
    let gateway = Gateway::start(hasty).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"old content");

    let stream = client.data_port().await;
    client.check("STOR file", 150).await;
    // No TLS: this is no data connection yet.
    drop(stream);

    let reply = client.reply().await.unwrap();
    assert!(reply.starts_with("42"), "{reply}");
    assert_eq!(gateway.read("file"), b"old content");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_upload_without_a_data_connection_leaves_everything_as_it_was() {
    let gateway = Gateway::start(hasty_and_atomic).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"old content");
    gateway.write(".broken.part", b"what had come");

    for command in ["STOR file", "STOR broken", "STOR new"] {
        let stream = client.data_port().await;
        client.check(command, 150).await;
        // No TLS: this is no data connection yet.
        drop(stream);

        let reply = client.reply().await.unwrap();
        assert!(reply.starts_with("42"), "{command}: {reply}");
        assert_eq!(gateway.read("file"), b"old content", "{command}");
        assert_eq!(gateway.read(".broken.part"), b"what had come", "{command}");
        let left = std::fs::read_dir(gateway.volume()).unwrap().count();
        assert_eq!(left, 2, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_stored_meanwhile_does_not_follow_an_upload() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"");

    let stream = client.data_port().await;
    client.check("STOR file", 150).await;
    gateway.write("file", b"much longer than what is about to come");
    let mut data = client.shake_hands(stream).await;
    data.write_all(b"new").await.unwrap();
    data.shutdown().await.unwrap();

    client.expect(226).await;
    assert_eq!(gateway.read("file"), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_behind_the_end_of_a_file_that_was_cut_meanwhile() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"old content");
    client.check("TYPE I", 200).await;

    let stream = client.data_port().await;
    client.check("REST 5", 350).await;
    client.check("STOR file", 150).await;
    gateway.write("file", b"");
    let mut data = client.shake_hands(stream).await;
    data.write_all(b"new").await.unwrap();
    // The gateway may have hung up already.
    let _said = data.shutdown().await.is_ok();

    let reply = client.reply().await.unwrap();
    assert!(reply.starts_with("451"), "{reply}");
    assert_eq!(gateway.read("file"), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_data_connection_makes_no_file() {
    let gateway = Gateway::start(hasty).await;
    let mut client = Client::explicit(&gateway).await;

    for command in ["STOR file", "APPE file", "STOU"] {
        let stream = client.data_port().await;
        client.check(command, 150).await;
        // No TLS: this is no data connection yet.
        drop(stream);

        let reply = client.reply().await.unwrap();
        assert!(reply.starts_with("42"), "{command}: {reply}");
        let left = std::fs::read_dir(gateway.volume()).unwrap().count();
        assert_eq!(left, 0, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_link_points_to_is_made_with_its_data_connection() {
    let gateway = Gateway::start(hasty).await;
    let mut client = Client::explicit(&gateway).await;
    symlink("target", gateway.volume().join("link")).unwrap();

    for command in ["STOR link", "APPE link"] {
        let stream = client.data_port().await;
        client.check(command, 150).await;
        // No TLS: this is no data connection yet.
        drop(stream);

        let reply = client.reply().await.unwrap();
        assert!(reply.starts_with("42"), "{command}: {reply}");
        assert!(!gateway.volume().join("target").exists(), "{command}");
    }

    client.send("STOR link", b"content").await;
    assert_eq!(gateway.read("target"), b"content");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_made_is_refused_before_the_150() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    std::fs::create_dir(gateway.volume().join("folder")).unwrap();
    gateway.write("file", b"content");
    let long = format!("STOR {}", "n".repeat(256));

    for (command, code) in [
        ("STOR folder", 550),
        ("STOR missing/file", 550),
        ("STOR file/below", 550),
        ("STOR /", 550),
        (long.as_str(), 553),
    ] {
        let _data = client.data_port().await;
        client.check(command, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_read_only_is_told_before_the_150() {
    let Some((gateway, mount)) = Gateway::start_on_small_disk().await else {
        return;
    };
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"content");
    mount.make_read_only();

    for command in ["STOR file", "STOR new", "APPE new", "STOU"] {
        let _data = client.data_port().await;
        let refusal = client.check(command, 550).await;
        assert!(refusal.contains("Nothing can be changed"), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_make_no_files_is_refused_before_the_150() {
    let gateway = Gateway::start(|configuration| {
        for user in configuration.users.values_mut() {
            user.permissions = BTreeSet::from([Permission::Overwrite]);
        }
    })
    .await;
    let mut client = Client::explicit(&gateway).await;

    for command in ["STOR file", "APPE file", "STOU"] {
        let _data = client.data_port().await;
        client.check(command, 550).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_replaces_a_longer_file_leaves_nothing_of_it() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"a long old content");

    client.send("STOR file", b"new").await;

    assert_eq!(gateway.read("file"), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_on_and_broke_off_ends_with_what_has_come() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"0123456789");

    client.check("REST 4", 350).await;
    let mut stream = client.begin("STOR file").await;
    stream.write_all(b"xy").await.unwrap();
    stream.flush().await.unwrap();
    // The end of the connection, but not of TLS.
    stream.get_mut().0.shutdown().await.unwrap();

    client.expect(426).await;
    assert_eq!(gateway.read("file"), b"0123xy");
}

#[tokio::test(flavor = "multi_thread")]
async fn going_on_with_a_missing_file_makes_none() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;

    let _data = client.data_port().await;
    client.check("REST 5", 350).await;
    client.check("STOR missing", 554).await;

    assert!(!gateway.volume().join("missing").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_make_files_goes_on_with_none() {
    let gateway = Gateway::start(|configuration| {
        for user in configuration.users.values_mut() {
            user.permissions = BTreeSet::from([Permission::Write]);
        }
    })
    .await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"0123456789");

    for (command, code) in [("STOR missing", 554), ("STOR file", 550)] {
        let _data = client.data_port().await;
        client.check("REST 5", 350).await;
        client.check(command, code).await;
    }

    assert!(!gateway.volume().join("missing").exists());
    assert_eq!(gateway.read("file"), b"0123456789");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_append_is_refused_a_cut_before_the_150() {
    let gateway = Gateway::start(|configuration| {
        for user in configuration.users.values_mut() {
            user.permissions = BTreeSet::from([Permission::Append]);
        }
    })
    .await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"0123456789");

    let _data = client.data_port().await;
    client.check("REST 5", 350).await;
    client.check("STOR file", 550).await;
    assert_eq!(gateway.read("file"), b"0123456789");

    client.check("REST 10", 350).await;
    client.send("STOR file", b"x").await;
    assert_eq!(gateway.read("file"), b"0123456789x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_shrinks_while_it_is_sent_is_not_sent_as_whole() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", &vec![7; LONG]);

    let mut stream = client.begin("RETR file").await;
    stream.read_u8().await.unwrap();
    let file = OpenOptions::new()
        .write(true)
        .open(gateway.volume().join("file"));
    file.unwrap().set_len(1).unwrap();
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .unwrap();

    assert!(rest.len() < LONG - 1);
    // Without a goodbye a client knows that something is missing.
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    client.expect(451).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_while_it_is_sent_is_sent_as_it_was_promised() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", &vec![7; LONG]);

    let mut stream = client.begin("RETR file").await;
    stream.read_u8().await.unwrap();
    let file = OpenOptions::new()
        .append(true)
        .open(gateway.volume().join("file"));
    file.unwrap().write_all(b"more").unwrap();
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;

    ended.unwrap().unwrap();
    assert_eq!(rest.len(), LONG - 1);
    client.expect(226).await;
}
