//! How transfers end: cut, wrongly closed, on a full disk, in a drain.

use std::{fs, path::Path};

use anyhow::Result;
use e2e::{
    clients::ftp::{
        clear::Clear,
        curl::{curl, url},
        ftplib::run_ftplib,
    },
    disk::{Mount, may_mount},
    door::{Start, Version},
    files::{self, MIB},
    gateway::{Gateway, Prepared},
    program::{Program, run},
    setup::{Ftps, Setup},
    wait::until,
};
use rustix::process::Signal;

/// An upload by curl of some seconds that has begun; `seen` is where its bytes lie.
fn begin_upload(gateway: &Gateway, local: &Path, seen: &str) -> Result<Program> {
    files::make(local, 24 * MIB)?;
    let door = gateway.door(Start::Explicit);
    let mut upload = curl(&door);
    upload
        .args(["--limit-rate", "4M", "--upload-file"])
        .arg(local)
        .arg(url(&door, "report.bin"));
    let client = Program::start(&mut upload, b"")?;
    until("the first bytes on the volume", || {
        let length = fs::metadata(gateway.on_volume(seen)).map_or(0, |metadata| metadata.len());
        Ok((length > MIB).then_some(()))
    })?;
    Ok(client)
}

fn kill_in_the_middle(gateway: &Gateway, local: &Path, seen: &str) -> Result<()> {
    let client = begin_upload(gateway, local, seen)?;
    client.signal_all(Signal::KILL)?;
    drop(client);
    until("the end of the session", || {
        Ok((gateway.metric("secureftp_sessions")? == 0.0).then_some(()))
    })
}

/// What lies on the volume is the beginning of what was sent, and `curl -C -` completes it.
fn check_resumes(gateway: &Gateway, local: &Path, part: &str) -> Result<()> {
    let (begun, whole) = (fs::read(gateway.on_volume(part))?, fs::read(local)?);
    assert!(begun.len() < whole.len(), "the client was killed too late");
    assert!(whole.starts_with(&begun));

    let door = gateway.door(Start::Explicit);
    let mut resume = curl(&door);
    resume
        .args(["--continue-at", "-", "--upload-file"])
        .arg(local);
    run(resume.arg(url(&door, "report.bin")))?.success()?;
    files::ensure_same(&gateway.on_volume("report.bin"), local)?;
    Ok(())
}

#[test]
fn a_killed_client_leaves_the_part_under_its_name_when_uploads_are_direct() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let local = gateway.desk()?.join("local");

    kill_in_the_middle(&gateway, &local, "report.bin")?;

    check_resumes(&gateway, &local, "report.bin")
}

#[test]
fn a_killed_client_leaves_a_hidden_part_when_uploads_are_atomic() -> Result<()> {
    let gateway = Gateway::start(Setup {
        uploads: "Atomic",
        ..Setup::with_ftps(Ftps::default())
    })?;
    let local = gateway.desk()?.join("local");

    kill_in_the_middle(&gateway, &local, ".report.bin.part")?;

    assert!(!gateway.on_volume("report.bin").exists());
    check_resumes(&gateway, &local, ".report.bin.part")?;
    assert!(!gateway.on_volume(".report.bin.part").exists());
    Ok(())
}

/// An upload whose TLS never says that it is complete, and then the same upload as it should be.
const WITHOUT_CLOSE_NOTIFY: &str = r#"
client = Resuming()
connection, _ = client.ntransfercmd("STOR report.csv")
connection.sendall(b"half of it")
# SSLSocket.shutdown is that of TCP: the stream ends, and TLS has not said so.
connection.shutdown(socket.SHUT_WR)
assert connection.recv(100) == b""
connection.close()
print(refused(client.voidresp, "426", "close_notify"))
client.voidcmd("NOOP")
client.quit()
"#;

#[test]
fn an_upload_without_close_notify_is_no_success() -> Result<()> {
    let gateway = Gateway::start(Setup {
        uploads: "Atomic",
        ..Setup::with_ftps(Ftps::default())
    })?;
    for start in [Start::Explicit, Start::Implicit] {
        for door in gateway.door(start).every_way() {
            run_ftplib(&door, WITHOUT_CLOSE_NOTIFY, &[])?.success()?;
            assert!(!gateway.on_volume("report.csv").exists(), "{door}");
        }
    }
    Ok(())
}

/// A client that has read nothing on its data connections when it closes them: what the server has said there makes
/// the kernel answer with a reset.
const CLOSES_WITHOUT_READING: &str = r#"
client = Resuming() if ARGUMENTS == ["resuming"] else Plain()
for number in range(100):
    content = os.urandom(200_000) + b"%d" % number
    client.voidcmd("TYPE I")
    connection, _ = client.ntransfercmd("STOR file-%d" % number)
    connection.sendall(content)
    connection.settimeout(0)
    try:
        connection.unwrap()
    except ssl.SSLWantReadError:
        # Its close_notify is sent; the server's is not awaited.
        pass
    connection.close()
    client.voidresp()
    # Also the ticket for the next upload.
    assert client.read("file-%d" % number) == content
client.quit()
"#;

#[test]
fn uploads_of_clients_that_close_without_reading_survive() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let door = gateway.door(Start::Explicit).by(Version::V1_3);

    run_ftplib(&door, CLOSES_WITHOUT_READING, &["resuming"])?.success()?;
    run_ftplib(&door, CLOSES_WITHOUT_READING, &["full"])?.success()?;
    Ok(())
}

#[test]
fn a_full_disk_is_reported_and_what_was_there_stays() -> Result<()> {
    if !may_mount("a full disk is reported over FTPS")? {
        return Ok(());
    }
    let prepared = Prepared::new(Setup::with_ftps(Ftps::default()))?;
    let disk = Mount::small(&prepared.volume(), 8 * MIB)?;
    let gateway = prepared.start()?;
    let door = gateway.door(Start::Explicit);
    let large = gateway.desk()?.join("large");
    files::make(&large, 32 * MIB)?;
    let script = "client = Plain()\nclient.write('small', b'was there before')\n\
                  try:\n    client.put(ARGUMENTS[0], 'large')\n\
                  except ftplib.Error as error:\n    answer = str(error)\n\
                  except OSError:\n    answer = refused(client.voidresp)\n\
                  else:\n    raise AssertionError('it fits')\n\
                  assert answer.startswith('552') and 'space' in answer, answer\n\
                  client.delete('large')\nclient.write('again', client.read('small'))\nclient.quit()";

    run_ftplib(&door, script, &[&large.to_string_lossy()])?.success()?;

    assert_eq!(fs::read(gateway.on_volume("small"))?, b"was there before");
    assert_eq!(fs::read(gateway.on_volume("again"))?, b"was there before");
    drop(gateway);
    drop(disk);
    Ok(())
}

#[test]
fn a_drain_lets_transfers_finish_and_tells_arrivals_why() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let local = gateway.desk()?.join("local");
    let upload = begin_upload(&gateway, &local, "report.bin")?;

    gateway.signal(Signal::TERM)?;
    gateway.wait_until_it_says("waiting for 1 transfer")?;

    let said = Clear::open(&gateway.door(Start::Explicit)).unwrap_err();
    assert!(said.to_string().contains("421"), "{said}");
    upload.end()?.success()?;
    let uploaded = gateway.on_volume("report.bin");
    let (ended, folder) = gateway.end()?;
    ended.success()?;
    files::ensure_same(&uploaded, &local)?;
    drop(folder);
    Ok(())
}
