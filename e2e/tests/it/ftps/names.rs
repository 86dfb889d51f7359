//! Names are bytes, over FTP too.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use anyhow::Result;
use e2e::{
    clients::ftp::{
        curl::{curl, url},
        ftplib::run_ftplib,
        lftp::lftp,
        rclone::run_rclone,
    },
    door::Start,
    gateway::Gateway,
    program::run,
    setup::{Ftps, Setup},
};

#[test]
fn a_name_that_is_no_utf_8_survives_every_operation() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    // In Latin-1 every byte is a character. 255 begins a command of Telnet and is sent twice (RFC 854).
    let script = r#"
client = Plain()
client.encoding = "latin-1"
client.file = client.sock.makefile("r", encoding="latin-1", newline="\n")
name, sent = "na\xefve \xff\xfe", "na\xefve \xff\xff\xfe"
client.write(sent, b"contents")
assert client.nlst() == [name], client.nlst()
assert [name for name, facts in client.mlsd() if facts["type"] == "file"] == [name]
assert client.read(sent) == b"contents"
client.rename(sent, "plain")
client.rename("plain", sent)
client.mkd("d\xe9p\xf4t")
client.cwd("d\xe9p\xf4t")
assert client.pwd() == "/d\xe9p\xf4t", client.pwd()
client.quit()
"#;

    run_ftplib(&gateway.door(Start::Explicit), script, &[])?.success()?;

    let on_volume = |name: &[u8]| gateway.on_volume(OsStr::from_bytes(name));
    assert_eq!(fs::read(on_volume(b"na\xefve \xff\xfe"))?, b"contents");
    assert!(on_volume(b"d\xe9p\xf4t").is_dir());
    Ok(())
}

#[test]
fn a_very_long_name_is_a_name_and_a_longer_one_is_refused() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let script = r#"
client = Plain()
name = "n" * 255
client.write(name, b"contents")
assert client.nlst() == [name]
assert client.read(name) == b"contents"
for longer in ["n" * 256, "n/" * 2000 + "n", "n" * 100_000]:
    answer = refused(lambda: client.sendcmd("MLST " + longer))
    assert answer[0] == "5", answer
    answer = refused(lambda: client.write(longer, b"x"))
    assert answer[0] == "5", answer
assert client.nlst() == [name]
client.delete(name)
client.quit()
"#;

    run_ftplib(&gateway.door(Start::Explicit), script, &[])?.success()?;
    Ok(())
}

/// How many entries a client lists.
const MANY: usize = 10_000;

#[test]
fn clients_list_10_000_entries() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let door = gateway.door(Start::Explicit);
    run_ftplib(
        &door,
        "client = Plain()\nclient.mkd('many')\nclient.quit()",
        &[],
    )?
    .success()?;
    let names: Vec<String> = (0..MANY)
        .map(|number| format!("entry-{number:05}"))
        .collect();
    for name in &names {
        fs::write(gateway.on_volume("many").join(name), b"")?;
    }

    let by_curl = run(curl(&door).arg("--list-only").arg(url(&door, "many/")))?.success()?;
    let by_lftp = run(&mut lftp(&door, "cls -1 many"))?.success()?;
    let by_rclone = run_rclone(&door, &["lsf", ":ftp:many"])?.success()?;

    for listed in [by_curl, by_lftp, by_rclone] {
        let said = String::from_utf8(listed.stdout)?;
        let mut listed: Vec<&str> = said
            .lines()
            .filter_map(|line| line.trim().rsplit('/').next())
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, names);
    }
    Ok(())
}
