//! Files up and down.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use gateway_config::Uploads;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    client::Client,
    fixture::{Gateway, eventually, unchanged},
};

/// Bytes that show it when a piece is lost, doubled or moved.
fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| u8::try_from((index ^ (index >> 8) ^ (index >> 16)) & 0xff).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_as_they_went() {
    let gateway = Gateway::start(unchanged).await;
    let mut explicit = Client::explicit(&gateway).await;
    let mut implicit = Client::implicit(&gateway).await;

    for length in [0, 1, 4096, 256 * 1024 - 1, 256 * 1024, 3 * 1024 * 1024 + 7] {
        let content = content(length);
        explicit.send("STOR file", &content).await;
        assert!(gateway.read("file") == content, "{length} up");
        assert!(
            implicit.fetch("RETR file").await == content,
            "{length} down"
        );
        implicit.send("STOR other", &content).await;
        assert!(explicit.fetch("RETR other").await == content, "{length}");
    }

    let metric = |series: &str| gateway.metric(&format!("secureftp_{series}"));
    let transfers = |direction: &str| {
        let labels = format!("direction=\"{direction}\",endpoint=\"test/ftps\"");
        metric(&format!(
            "transfers_total{{{labels},outcome=\"completed\"}}"
        ))
    };
    assert_eq!(transfers("upload"), 12);
    assert_eq!(transfers("download"), 12);
    let received = "network_bytes_total{direction=\"received\",endpoint=\"test/ftps\"}";
    assert!(metric(received) > 6 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_broken_off_can_go_on() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    let content = content(1024 * 1024);
    gateway.write("file", &content[..300_000]);

    let size = client.check("SIZE file", 213).await;
    assert_eq!(size, "213 300000");
    client.check("REST 300000", 350).await;
    client.send("STOR file", &content[300_000..600_000]).await;
    client.send("APPE file", &content[600_000..]).await;
    assert!(gateway.read("file") == content);

    client.check("REST 1000000", 350).await;
    assert!(client.fetch("RETR file").await == content[1_000_000..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_ends_where_an_upload_that_went_on_ends() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"0123456789");

    client.check("REST 4", 350).await;
    client.send("STOR file", b"xy").await;

    assert_eq!(gateway.read("file"), b"0123xy");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_on_beyond_the_end() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"0123");

    for command in ["STOR file", "RETR file"] {
        let _data = client.data_port().await;
        client.check("REST 5", 350).await;
        client.check(command, 554).await;
    }
    assert_eq!(gateway.read("file"), b"0123");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_name_is_told_and_is_new() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;

    let (promise, mut stream) = client.begin_told("STOU").await;
    stream.write_all(b"content").await.unwrap();
    stream.shutdown().await.unwrap();
    client.expect(226).await;

    let name = promise.strip_prefix("150 FILE: ").unwrap();
    assert_eq!(gateway.read(name), b"content");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_has_other_line_endings_on_the_wire() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    client.check("TYPE A", 200).await;

    client.send("STOR text", b"one\r\ntwo\r\n").await;

    assert_eq!(gateway.read("text"), b"one\ntwo\n");
    assert_eq!(client.fetch("RETR text").await, b"one\r\ntwo\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_show_every_entry_once() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    std::fs::create_dir(gateway.volume().join("many")).unwrap();
    for number in 0..1000 {
        gateway.write(&format!("many/file-{number:04}"), b"x");
    }

    let names = String::from_utf8(client.fetch("NLST many").await).unwrap();
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    assert_eq!(names.len(), 1000);
    assert!(names[999].ends_with("file-0999"), "{}", names[999]);

    client.check("CWD many", 250).await;
    let long = String::from_utf8(client.fetch("LIST").await).unwrap();
    assert_eq!(long.lines().count(), 1000);
    let facts = String::from_utf8(client.fetch("MLSD").await).unwrap();
    assert!(facts.contains("; file-0500\r\n"), "{facts}");
    let one = String::from_utf8(client.fetch("LIST file-0007").await).unwrap();
    assert!(one.ends_with(" file-0007\r\n"), "{one}");
    let status = client.check("STAT file-0007", 213).await;
    assert!(status.contains(" file-0007\n"), "{status}");
    let beginning = client.check("STAT .", 213).await;
    assert!(beginning.lines().count() > 500, "{beginning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_lists_what_it_matches() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    std::fs::create_dir(gateway.volume().join("sub")).unwrap();
    for name in ["a.txt", "b.txt", "c.csv", ".d.txt", "[x].txt", "sub/e.txt"] {
        gateway.write(name, b"x");
    }
    let mut names = async |command: &str| {
        let names = String::from_utf8(client.fetch(command).await).unwrap();
        let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
        names.sort_unstable();
        names
    };

    assert_eq!(names("NLST ?.txt").await, ["a.txt", "b.txt"]);
    assert_eq!(names("NLST *.txt").await, ["[x].txt", "a.txt", "b.txt"]);
    assert_eq!(names("NLST .*").await, [".d.txt"]);
    assert_eq!(names("NLST sub/*.t[x]t").await, ["sub/e.txt"]);
    // What has this very name is no pattern.
    assert_eq!(names("NLST [x].txt").await, ["[x].txt"]);
    assert!(names("NLST *.zip").await.is_empty());
    let long = names("LIST *.csv").await;
    assert!(long.len() == 1 && long[0].ends_with(" c.csv"), "{long:?}");
    client.data_port().await;
    client.check("NLST missing/*", 550).await;
    client.data_port().await;
    client.check("MLSD s*", 550).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_bytes() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    let name = b"caf\xe9 \xff\xff".as_slice();

    // Telnet doubles 0xff (RFC 854).
    client.say_bytes(b"MKD caf\xe9 \xff\xff\xff\xff\r\n").await;
    client.expect(257).await;

    assert!(gateway.volume().join(OsStr::from_bytes(name)).is_dir());
    assert!(client.fetch("NLST").await.starts_with(name));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_renamed_dated_and_removed() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("old", b"content");

    client.check("MKD folder", 257).await;
    client.check("RNFR old", 350).await;
    client.check("RNTO folder/new", 250).await;
    assert_eq!(gateway.read("folder/new"), b"content");
    client.check("CWD folder", 250).await;
    let folder = client.check("PWD", 257).await;
    assert!(folder.starts_with("257 \"/folder\""), "{folder}");
    client.check("MFMT 20200229123456 new", 213).await;
    assert_eq!(client.check("MDTM new", 213).await, "213 20200229123456");
    client.check("SITE CHMOD 600 new", 200).await;
    let facts = client.check("MLST new", 250).await;
    assert!(facts.contains("unix.mode=0600"), "{facts}");
    client.check("DELE new", 250).await;
    client.check("CDUP", 250).await;
    client.check("RMD folder", 250).await;
    client.check("RNFR folder", 550).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_stops_a_transfer_at_once() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", &content(64 * 1024 * 1024));

    let mut stream = client.begin("RETR file").await;
    stream.read_u8().await.unwrap();
    client.say("ABOR").await;

    client.expect(426).await;
    client.expect(226).await;
    client.check("NOOP", 200).await;
    assert!(client.fetch("NLST").await == b"file\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_how_far_a_transfer_is() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;

    let mut stream = client.begin("STOR file").await;
    stream.write_all(&[7; 12_345]).await.unwrap();
    stream.flush().await.unwrap();
    loop {
        let status = client.check("STAT", 211).await;
        if status.contains("12345") {
            break;
        }
    }

    stream.shutdown().await.unwrap();
    client.expect(226).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_goodbye_is_not_complete() {
    let gateway = Gateway::start(|configuration| {
        configuration.endpoint.storage.uploads = Uploads::Atomic;
    })
    .await;
    let mut client = Client::explicit(&gateway).await;
    gateway.write("file", b"whole");

    let mut stream = client.begin("STOR file").await;
    stream.write_all(b"cut sho").await.unwrap();
    stream.flush().await.unwrap();
    // The end of the connection, but not of TLS.
    stream.get_mut().0.shutdown().await.unwrap();

    let reply = client.expect(426).await;
    assert!(reply.contains("close_notify"), "{reply}");
    assert_eq!(gateway.read("file"), b"whole");
    assert_eq!(gateway.read(".file.part"), b"cut sho");
    // The session lives on, and the next upload replaces the file.
    client.send("STOR file", b"new").await;
    assert_eq!(gateway.read("file"), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_a_client_that_closes_without_reading() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    let content = content(1_000_000);

    for _ in 0..20 {
        let mut stream = client.begin("STOR file").await;
        stream.write_all(&content).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
        client.expect(226).await;
        assert!(gateway.read("file") == content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_sent_whole_is_kept_when_it_hangs_up_at_once() {
    let gateway = Gateway::start(|configuration| {
        configuration.endpoint.storage.uploads = Uploads::Atomic;
    })
    .await;
    let mut client = Client::explicit(&gateway).await;
    let content = content(5_000_000);

    let mut stream = client.begin("STOR file").await;
    stream.write_all(&content).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(client);
    drop(stream);

    let path = gateway.volume().join("file");
    eventually("the file is there", || path.exists()).await;
    assert!(gateway.read("file") == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_killed_leaves_what_it_has_sent() {
    let gateway = Gateway::start(unchanged).await;
    let mut client = Client::explicit(&gateway).await;
    let content = content(5_000_000);

    let mut stream = client.begin("STOR file").await;
    stream.write_all(&content).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    drop(client);

    let path = gateway.volume().join("file");
    eventually("all has been written", || {
        std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == 5_000_000)
    })
    .await;
    let broken =
        "secureftp_transfers_total{direction=\"upload\",endpoint=\"test/ftps\",outcome=\"broken\"}";
    eventually("it is counted", || gateway.metric(broken) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_although_the_client_goes_on_sending() {
    let Some((gateway, _mount)) = Gateway::start_on_small_disk().await else {
        return;
    };
    let mut client = Client::explicit(&gateway).await;

    let mut stream = client.begin("STOR file").await;
    stream.write_all(&content(8 << 20)).await.unwrap();
    stream.shutdown().await.unwrap();

    client.expect(552).await;
    client.check("DELE file", 250).await;
    client.send("STOR small", b"fits").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_does_not_move_ends() {
    let gateway = Gateway::start(|configuration| {
        configuration.endpoint.limits.idle_seconds = 1;
    })
    .await;
    let mut client = Client::explicit(&gateway).await;

    let mut stream = client.begin("STOR file").await;
    stream.write_all(b"and then?").await.unwrap();
    stream.flush().await.unwrap();

    let reply = client.expect(426).await;
    assert!(reply.contains("Nothing moved"), "{reply}");
    client.check("NOOP", 200).await;
}
