//! A data connection proves that it belongs to its session, as the endpoint wants it.

use anyhow::{Context, Result};
use e2e::{
    clients::ftp::{ftplib::run_ftplib, rclone::run_rclone, wget::wget},
    door::{Door, Passive, Start, Version},
    gateway::Gateway,
    program::run,
    setup::{Ftps, Setup},
};

/// Runs `script` against an endpoint with this binding: by both starts, both versions of TLS, EPSV and PASV.
fn check(binding: &'static str, script: &str) -> Result<()> {
    check_at(binding, script, |gateway| {
        let doors = [Start::Explicit, Start::Implicit].map(|start| gateway.door(start));
        doors.iter().flat_map(Door::every_way).collect()
    })
}

/// As [`check`], two ways only: what is never served takes its time.
fn check_refusal(binding: &'static str, script: &str) -> Result<()> {
    check_at(binding, script, |gateway| {
        let old = gateway.door(Start::Explicit).by(Version::V1_2);
        vec![old.asking(Passive::Pasv), gateway.door(Start::Implicit)]
    })
}

fn check_at(
    binding: &'static str,
    script: &str,
    doors: impl Fn(&Gateway) -> Vec<Door>,
) -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps {
        binding,
        connect_seconds: 1,
        ..Ftps::default()
    }))?;
    for door in doors(&gateway) {
        let script = format!("{HELP}{script}");
        let ended = run_ftplib(&door, &script, &[])?.success();
        ended.with_context(|| format!("{binding}, {door}"))?;
    }
    Ok(())
}

/// `elsewhere(client)`: its data connections come from another address than its control connection.
const HELP: &str = r#"
def elsewhere(client):
    dial = socket.create_connection
    socket.create_connection = lambda *a, **k: dial(*a, **{**k, "source_address": ("127.0.0.77", 0)})
    return client

def whatever_is_bound(client):
    for round in range(3):
        client.write("name", b"content %d" % round)
        assert client.read("name") == b"content %d" % round
    assert client.nlst() == ["name"], client.nlst()
    client.quit()
"#;

#[test]
fn tls_required_is_met_by_a_client_that_resumes() -> Result<()> {
    check("TLSRequired", "whatever_is_bound(Resuming())")
}

#[test]
fn tls_required_explains_itself_to_a_client_that_does_not_resume() -> Result<()> {
    check_refusal(
        "TLSRequired",
        r#"
resuming = Resuming()
resuming.write("name", b"content")
client = Plain()
for what in [lambda: client.nlst(), lambda: client.write("forged", b"x"), lambda: client.read("name")]:
    try:
        what()
    except ftplib.Error as error:
        answer = str(error)
    except OSError:
        # The connection was closed under way; the reply follows on the control connection.
        answer = refused(client.voidresp)
    else:
        raise AssertionError("it was served")
    assert answer.startswith("522") and "resume" in answer, answer
client.voidcmd("NOOP")
client.quit()
"#,
    )
}

#[test]
fn tls_required_explains_itself_to_rclone_over_tls_1_2() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps {
        binding: "TLSRequired",
        ..Ftps::default()
    }))?;
    for start in [Start::Explicit, Start::Implicit] {
        let door = gateway.door(start);
        run_rclone(&door, &["lsf", ":ftp:"])?.success()?;
        let said = run_rclone(&door.by(Version::V1_2), &["lsf", ":ftp:"])?.failure()?;
        assert!(said.contains("522") && said.contains("resume"), "{said}");
    }
    Ok(())
}

#[test]
fn tls_required_is_met_by_wget() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps {
        binding: "TLSRequired",
        ..Ftps::default()
    }))?;
    for start in [Start::Explicit, Start::Implicit] {
        for version in [Version::V1_2, Version::V1_3] {
            let door = gateway.door(start).by(version).asking(Passive::Pasv);
            run(&mut wget(&door, "", "-"))?.success()?;
        }
    }
    Ok(())
}

#[test]
fn tls_preferred_is_met_by_a_client_at_its_own_address() -> Result<()> {
    check("TLSPreferred", "whatever_is_bound(Plain())")
}

#[test]
fn tls_preferred_is_met_from_another_address_by_a_client_that_resumes() -> Result<()> {
    check("TLSPreferred", "whatever_is_bound(elsewhere(Resuming()))")
}

/// A data connection from elsewhere that proves nothing gets nothing and gives nothing.
const FROM_ELSEWHERE: &str = r#"
client = Plain()
client.write("name", b"content")
elsewhere(client)
for what in [lambda: client.nlst(), lambda: client.write("forged", b"x"), lambda: client.read("name")]:
    try:
        what()
    except ftplib.Error as error:
        answer = str(error)
    except OSError:
        answer = refused(client.voidresp)
    else:
        raise AssertionError("it was served")
    assert answer[:3] in ("425", "522"), answer
client.voidcmd("NOOP")
client.quit()
"#;

#[test]
fn tls_preferred_does_not_serve_a_stranger_from_another_address() -> Result<()> {
    check_refusal("TLSPreferred", FROM_ELSEWHERE)
}

#[test]
fn address_is_met_by_a_client_at_its_own_address() -> Result<()> {
    check("Address", "whatever_is_bound(Plain())")
}

#[test]
fn address_does_not_serve_a_stranger_from_another_address() -> Result<()> {
    check_refusal("Address", FROM_ELSEWHERE)
}

#[test]
fn none_is_met_by_anybody() -> Result<()> {
    check("None", "whatever_is_bound(elsewhere(Plain()))")
}

/// A stranger dials every port again and again, from the client's own address, and speaks TLS as well as anybody.
const RACE: &str = r#"
first, last = map(int, ARGUMENTS)
context = ssl.create_default_context(cafile=AUTHORITY)
done = threading.Event()
stolen = []
dialled = 0

def race(port):
    global dialled
    while not done.is_set():
        try:
            with socket.create_connection((HOST, port), 5) as tcp:
                dialled += 1
                with context.wrap_socket(tcp, server_hostname=HOST) as tls:
                    tls.sendall(b"forged")
                    stolen.append(tls.recv(100))
        except OSError:
            pass

strangers = [threading.Thread(target=race, args=(port,)) for port in range(first, last + 1)]
for stranger in strangers:
    stranger.start()
try:
    client = Resuming()
    for round in range(40):
        content = b"secret %d" % round
        client.write("name", content)
        assert client.read("name") == content, round
    client.quit()
finally:
    done.set()
    for stranger in strangers:
        stranger.join()
assert dialled > 0
assert not any(stolen), stolen
"#;

#[test]
fn a_stranger_who_races_for_a_port_is_never_served_and_interrupts_nobody() -> Result<()> {
    let ftps = Ftps {
        binding: "TLSRequired",
        passive_ports: 2,
        ..Ftps::default()
    };
    let gateway = Gateway::start(Setup::with_ftps(ftps))?;
    let (first, last) = gateway.passive_ports()?;

    for door in gateway.door(Start::Explicit).every_way() {
        let ports = [first.to_string(), last.to_string()];
        run_ftplib(&door, RACE, &ports.each_ref().map(String::as_str))?
            .success()
            .with_context(|| door.to_string())?;
    }
    Ok(())
}
