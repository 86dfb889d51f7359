//! Each client does the things of every day, every way it knows: list, put, get, resume, rename, delete.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use e2e::{
    clients::ftp::{
        curl::{curl, url},
        ftplib::run_ftplib,
        lftp::lftp,
        ncftp::{ncftpget, ncftpls, ncftpput},
        rclone::run_rclone,
        s_client::run_s_client,
        tnftp::run_tnftp,
        wget::wget,
    },
    door::{Door, Passive, Start},
    gateway::Gateway,
    program::run,
    setup::{Ftps, PASSWORD, Setup},
};

const WHOLE: &[u8] = b"the whole of it\n";
const BEGINNING: &[u8] = b"the whole";

/// The files of one day: `local` to send, `back` to receive, and what is on the volume.
struct Day<'a> {
    door: &'a Door,
    gateway: &'a Gateway,
    local: String,
    back: String,
}

impl Day<'_> {
    fn on_volume(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.gateway.on_volume(name)).ok()
    }

    /// What came back; the next download begins anew.
    fn received(&self) -> Result<Vec<u8>> {
        let received = fs::read(&self.back)?;
        fs::remove_file(&self.back)?;
        Ok(received)
    }

    /// Leaves the first half of a download where a broken one would have.
    fn break_download(&self) -> Result<()> {
        Ok(fs::write(&self.back, BEGINNING)?)
    }

    /// Leaves the first half of an upload where a broken one would have.
    fn break_upload(&self, name: &str) -> Result<()> {
        Ok(fs::write(self.gateway.on_volume(name), BEGINNING)?)
    }
}

/// `spend(day)` goes through one day; it is spent at every one of `doors`.
fn check_days(ftps: Ftps, starts: &[Start], spend: impl Fn(&Day<'_>) -> Result<()>) -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(ftps))?;
    let desk = gateway.desk()?;
    let local = desk.join("local");
    fs::write(&local, WHOLE)?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    for start in starts {
        for door in gateway.door(*start).every_way() {
            let day = Day {
                door: &door,
                gateway: &gateway,
                local: text(&local),
                back: text(&desk.join("back")),
            };
            spend(&day).with_context(|| door.to_string())?;
            // The first login makes the folder.
            let left = fs::read_dir(gateway.on_volume("")).map_or(0, Iterator::count);
            assert_eq!(left, 0, "{door}: everything was deleted");
        }
    }
    Ok(())
}

const ENCRYPTED: &[Start] = &[Start::Explicit, Start::Implicit];

fn optional() -> Ftps {
    Ftps {
        encryption: "Optional",
        ..Ftps::default()
    }
}

fn resumed() -> Ftps {
    Ftps {
        binding: "TLSRequired",
        ..Ftps::default()
    }
}

fn spend_with_curl(day: &Day<'_>) -> Result<()> {
    let Day {
        door, local, back, ..
    } = day;
    run(curl(door)
        .args(["--upload-file", local])
        .arg(url(door, "one")))?
    .success()?;
    assert_eq!(day.on_volume("one").unwrap(), WHOLE);
    run(curl(door).args(["--output", back]).arg(url(door, "one")))?.success()?;
    assert_eq!(day.received()?, WHOLE);

    day.break_download()?;
    run(curl(door)
        .args(["--continue-at", "-", "--output", back])
        .arg(url(door, "one")))?
    .success()?;
    assert_eq!(day.received()?, WHOLE);
    day.break_upload("one")?;
    run(curl(door)
        .args(["--continue-at", "-", "--upload-file", local])
        .arg(url(door, "one")))?
    .success()?;
    assert_eq!(day.on_volume("one").unwrap(), WHOLE);

    let rename = ["--quote", "RNFR one", "--quote", "RNTO two", "--list-only"];
    let listed = run(curl(door).args(rename).arg(url(door, "")))?.success()?;
    assert_eq!(listed.said().trim(), "two");
    run(curl(door)
        .args(["--quote", "DELE two", "--list-only"])
        .arg(url(door, "")))?
    .success()?;
    Ok(())
}

#[test]
fn curl_spends_its_day() -> Result<()> {
    check_days(Ftps::default(), ENCRYPTED, spend_with_curl)
}

#[test]
fn curl_spends_its_day_where_data_connections_must_resume() -> Result<()> {
    check_days(resumed(), ENCRYPTED, spend_with_curl)
}

#[test]
fn curl_spends_its_day_in_clear() -> Result<()> {
    check_days(optional(), &[Start::Never], spend_with_curl)
}

fn spend_with_lftp(day: &Day<'_>) -> Result<()> {
    let Day {
        door, local, back, ..
    } = day;
    let script = format!("put {local} -o one\nget one -o {back}\ncls -1\nmv one two");
    let listed = run(&mut lftp(door, &script))?.success()?;
    assert_eq!(String::from_utf8(listed.stdout)?.trim(), "one");
    assert_eq!(day.on_volume("two").unwrap(), WHOLE);
    assert_eq!(day.received()?, WHOLE);

    day.break_download()?;
    run(&mut lftp(door, &format!("get -c two -o {back}")))?.success()?;
    assert_eq!(day.received()?, WHOLE);
    day.break_upload("two")?;
    run(&mut lftp(door, &format!("put -c {local} -o two")))?.success()?;
    assert_eq!(day.on_volume("two").unwrap(), WHOLE);
    run(&mut lftp(door, "rm two"))?.success()?;
    Ok(())
}

#[test]
fn lftp_spends_its_day() -> Result<()> {
    check_days(Ftps::default(), ENCRYPTED, spend_with_lftp)
}

#[test]
fn lftp_spends_its_day_where_data_connections_must_resume() -> Result<()> {
    check_days(resumed(), ENCRYPTED, spend_with_lftp)
}

#[test]
fn rclone_spends_its_day() -> Result<()> {
    check_days(Ftps::default(), ENCRYPTED, |day| {
        let Day {
            door, local, back, ..
        } = day;
        run_rclone(door, &["copyto", local, ":ftp:one"])?.success()?;
        assert_eq!(day.on_volume("one").unwrap(), WHOLE);
        run_rclone(door, &["copyto", ":ftp:one", back])?.success()?;
        assert_eq!(day.received()?, WHOLE);
        run_rclone(door, &["moveto", ":ftp:one", ":ftp:two"])?.success()?;
        let listed = run_rclone(door, &["lsf", ":ftp:"])?.success()?;
        assert_eq!(listed.said().trim(), "two");
        run_rclone(door, &["deletefile", ":ftp:two"])?.success()?;
        Ok(())
    })
}

/// What wget cannot, which is all but reading, is done on the volume.
#[test]
fn wget_spends_its_day() -> Result<()> {
    check_days(Ftps::default(), ENCRYPTED, |day| {
        let Day {
            door,
            back,
            gateway,
            ..
        } = day;
        if door.passive == Passive::Epsv {
            return Ok(());
        }
        // The first login makes the folder.
        run(&mut wget(door, "", "-"))?.success()?;
        fs::write(gateway.on_volume("one"), WHOLE)?;
        let listed = run(&mut wget(door, "", "-"))?.success()?;
        assert!(listed.said().contains(">one</a>"), "{}", listed.said());
        run(&mut wget(door, "one", back))?.success()?;
        assert_eq!(day.received()?, WHOLE);
        day.break_download()?;
        run(wget(door, "one", back).arg("--continue"))?.success()?;
        assert_eq!(day.received()?, WHOLE);
        fs::remove_file(gateway.on_volume("one"))?;
        Ok(())
    })
}

/// One session for everything; `CLIENT` is put before it.
const FTPLIB_DAY: &str = r#"
local, back = ARGUMENTS
client.put(local, "one")
client.get("one", back)
client.get("one", back)
assert client.nlst() == ["one"], client.nlst()
assert [name for name, facts in client.mlsd() if facts["type"] == "file"] == ["one"]
lines = []
client.retrlines("LIST", lines.append)
assert len(lines) == 1 and lines[0].endswith(" one"), lines
client.voidcmd("TYPE I")
assert client.size("one") == os.path.getsize(local)
client.rename("one", "two")
client.put(local, "half")
client.put(local, "half", rest=4)
client.mkd("folder")
client.cwd("folder")
assert client.pwd() == "/folder", client.pwd()
client.cwd("..")
client.rmd("folder")
assert client.read("half") == client.read("two") == open(local, "rb").read()
client.delete("half")
client.delete("two")
client.quit()
"#;

#[test]
fn ftplib_spends_its_day() -> Result<()> {
    check_days(Ftps::default(), ENCRYPTED, |day| {
        let script = format!("client = Plain()\n{FTPLIB_DAY}");
        run_ftplib(day.door, &script, &[&day.local, &day.back])?.success()?;
        assert_eq!(day.received()?, WHOLE);
        Ok(())
    })
}

#[test]
fn ftplib_spends_its_day_in_clear() -> Result<()> {
    check_days(optional(), &[Start::Never], |day| {
        let script = format!("client = Plain()\n{FTPLIB_DAY}");
        run_ftplib(day.door, &script, &[&day.local, &day.back])?.success()?;
        assert_eq!(day.received()?, WHOLE);
        Ok(())
    })
}

#[test]
fn ncftp_spends_its_day_in_clear() -> Result<()> {
    check_days(optional(), &[Start::Never], |day| {
        let Day {
            door, local, back, ..
        } = day;
        if door.passive == Passive::Epsv {
            return Ok(());
        }
        run(ncftpput(door).args([local, "one"]))?.success()?;
        assert_eq!(day.on_volume("one").unwrap(), WHOLE);
        run(ncftpget(door).args(["one", back]))?.success()?;
        assert_eq!(day.received()?, WHOLE);
        day.break_download()?;
        run(ncftpget(door).args(["one", back]))?.success()?;
        assert_eq!(day.received()?, WHOLE);
        let listed = run(&mut ncftpls(door, &["RNFR one", "RNTO two"]))?.success()?;
        assert_eq!(String::from_utf8(listed.stdout)?.trim(), "two");
        run(&mut ncftpls(door, &["DELE two"]))?.success()?;
        Ok(())
    })
}

#[test]
fn tnftp_spends_its_day_in_clear() -> Result<()> {
    check_days(optional(), &[Start::Never], |day| {
        let Day {
            door, local, back, ..
        } = day;
        let said = run_tnftp(
            door,
            &format!("put {local} one\nrename one two\nls\nget two {back}\n"),
        )?
        .said();
        assert_eq!(day.on_volume("two").with_context(|| said.clone())?, WHOLE);
        assert_eq!(day.received()?, WHOLE);
        assert!(said.contains(" two\n"), "{said}");
        day.break_download()?;
        run_tnftp(door, &format!("reget two {back}\ndelete two\n"))?;
        assert_eq!(day.received()?, WHOLE);
        Ok(())
    })
}

#[test]
fn a_control_connection_is_typed_by_hand() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    for start in ENCRYPTED {
        for door in gateway.door(*start).every_way() {
            let script =
                format!("USER alice\nPASS {PASSWORD}\nPWD\nMKD drawer\nRMD drawer\nQUIT\n");
            let said = run_s_client(&door, &script)?.said();
            for code in [
                "331 ",
                "230 ",
                "257 \"/\"",
                "257 \"/drawer\"",
                "250 ",
                "221 ",
            ] {
                assert!(said.contains(code), "{door}: no {code} in {said}");
            }
        }
    }
    Ok(())
}
