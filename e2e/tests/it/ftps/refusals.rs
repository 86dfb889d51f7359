//! What policy forbids is refused at once, in words.

use std::process::Command;

use anyhow::Result;
use e2e::{
    clients::ftp::{
        clear::Clear,
        curl::{curl, url},
        ftplib::run_ftplib,
    },
    door::{Start, Version},
    gateway::Gateway,
    program::run,
    setup::{Ftps, Setup, User},
};

#[test]
fn a_login_in_clear_is_refused_before_the_password_travels() -> Result<()> {
    for encryption in ["Required", "ControlRequired"] {
        let gateway = Gateway::start(Setup::with_ftps(Ftps {
            encryption,
            ..Ftps::default()
        }))?;
        let mut client = Clear::open(&gateway.door(Start::Never))?;

        let known = client.ask("USER alice")?;
        let unknown = client.ask("USER nobody-here")?;

        assert!(
            known.starts_with("530 ") || known.starts_with("534 "),
            "{known}"
        );
        assert!(known.contains("AUTH TLS"), "{known}");
        assert_eq!(unknown, known);
        assert!(client.ask("PASS secret")?.starts_with("530 "));
        assert!(client.ask("LIST")?.starts_with("530 "));
    }
    Ok(())
}

#[test]
fn a_user_may_demand_tls_where_the_endpoint_does_not() -> Result<()> {
    let careful = User {
        require_tls: true,
        ..User::new("carol")
    };
    let gateway = Gateway::start(Setup {
        users: vec![User::new("alice"), careful],
        ..Setup::with_ftps(Ftps {
            encryption: "Optional",
            ..Ftps::default()
        })
    })?;
    let clear = gateway.door(Start::Never);

    assert!(Clear::open(&clear)?.ask("USER alice")?.starts_with("331 "));
    let careful = Clear::open(&clear)?.ask("USER carol")?;
    assert!(
        careful.starts_with("530 ") || careful.starts_with("534 "),
        "{careful}"
    );

    let door = gateway.door(Start::Explicit).as_user("carol");
    run(curl(&door).arg(url(&door, "")))?.success()?;
    run(curl(&clear).arg(url(&clear, "")))?.success()?;
    Ok(())
}

#[test]
fn data_in_clear_is_refused_where_policy_wants_tls_and_served_elsewhere() -> Result<()> {
    for (encryption, then) in [
        ("Required", "refused(client.prot_c, '534')"),
        ("ControlRequired", "client.prot_c()\nclient.nlst()"),
        ("Optional", "client.prot_c()\nclient.nlst()"),
    ] {
        let gateway = Gateway::start(Setup::with_ftps(Ftps {
            encryption,
            ..Ftps::default()
        }))?;
        let script = format!("client = Plain()\n{then}\nclient.voidcmd('NOOP')\nclient.quit()");
        run_ftplib(&gateway.door(Start::Explicit), &script, &[])?.success()?;
    }
    Ok(())
}

#[test]
fn an_old_version_of_tls_is_refused_where_the_endpoint_wants_the_new_one() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps {
        min_version: "1.3",
        ..Ftps::default()
    }))?;
    for start in [Start::Explicit, Start::Implicit] {
        let door = gateway.door(start);
        run(curl(&door).arg(url(&door, "")))?.success()?;
        let old = door.by(Version::V1_2);
        let said = run(curl(&old).arg(url(&old, "")))?.failure()?;
        assert!(said.contains("protocol version"), "{said}");
    }
    Ok(())
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let script = r#"
def answer(user):
    client = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=AUTHORITY), timeout=TIMEOUT)
    client.connect(HOST, PORT)
    client.auth()
    asked = client.sendcmd("USER " + user)
    return asked, refused(lambda: client.sendcmd("PASS wrong"), "530")

assert answer(USER) == answer("nobody-here"), (answer(USER), answer("nobody-here"))
"#;
    run_ftplib(&gateway.door(Start::Explicit), script, &[])?.success()?;
    Ok(())
}

#[test]
fn what_is_sent_before_tls_begins_is_not_obeyed() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps {
        encryption: "Optional",
        ..Ftps::default()
    }))?;
    let script = r#"
tcp = socket.create_connection((HOST, PORT), TIMEOUT)

def line():
    read = b""
    while not read.endswith(b"\r\n"):
        read += tcp.recv(1)
    return read

assert line().startswith(b"220")
# In one segment with AUTH, as somebody in the middle would add it.
tcp.sendall(b"AUTH TLS\r\nUSER mallory\r\nPASS guess\r\nNOOP\r\n")
assert line().startswith(b"234")
tls = ssl.create_default_context(cafile=AUTHORITY).wrap_socket(tcp, server_hostname=HOST)
tls.sendall(b"SYST\r\n")
assert tls.recv(100).startswith(b"215"), "something else was answered first"
tls.sendall(b"PASS guess\r\n")
assert tls.recv(100).startswith(b"503"), "USER was obeyed"
"#;
    run_ftplib(&gateway.door(Start::Explicit), script, &[])?.success()?;
    Ok(())
}

#[test]
fn active_mode_is_refused_at_once_with_the_way_out() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let script = r#"
client = Plain()
for command in ["PORT 127,0,0,1,200,10", "EPRT |1|127.0.0.1|51210|"]:
    refused(lambda: client.sendcmd(command), "534", "EPSV")
client.quit()
"#;
    run_ftplib(&gateway.door(Start::Explicit), script, &[])?.success()?;

    let door = gateway.door(Start::Explicit);
    let mut active: Command = curl(&door);
    active
        .args(["--max-time", "30", "--ftp-port", "-"])
        .arg(url(&door, ""));
    run(&mut active)?.failure()?;
    Ok(())
}

#[test]
fn a_certificate_of_another_authority_is_not_believed() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let other = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    for start in [Start::Explicit, Start::Implicit] {
        let mut door = gateway.door(start);
        door.authority = other.door(start).authority;
        let said = run(curl(&door).arg(url(&door, "")))?.failure()?;
        assert!(said.contains("certificate"), "{said}");
    }
    Ok(())
}
