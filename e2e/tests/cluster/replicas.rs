//! What nobody else can do: many gateways behind one address, and every file arrives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result};
use e2e::{
    clients::{
        ftp::{ftplib::start_ftplib, lftp::lftp},
        openssh::{quoted, sftp},
    },
    door::{Door, Start},
    figures, files,
    program::Program,
};

use crate::{endpoint::Endpoint, installation};

/// Sessions of each kind at once: an eighth of 200, for there are eight ways to speak FTPS.
const CROWD: usize = 25;

/// How many of a crowd are Python's.
const WITH_FTPLIB: usize = 13;

/// How many bytes a file has: more than fits into the buffers of a connection.
const BYTES: u64 = 3 << 20;

/// Sessions in threads; each lists, uploads and downloads.
const SESSIONS: &str = r#"
LOCAL, PREFIX, COUNT = ARGUMENTS
content = open(LOCAL, "rb").read()

def work(number):
    name = f"{PREFIX}-python-{number}"
    client = Resuming()
    client.nlst()
    client.write(name, content)
    assert client.read(name) == content, name
    assert name in client.nlst(), name
    client.quit()

crowd(work, range(int(COUNT)))
"#;

#[test]
fn two_hundred_sessions_of_each_protocol_go_through_one_address_of_three_gateways() -> Result<()> {
    let story = "two hundred sessions of each protocol go through one address of three gateways";
    let Some(stage) = installation::open(story, &[])? else {
        return Ok(());
    };
    let endpoint = Endpoint::serve(stage, "replicas", 3)?;
    let of_pods = "jsonpath={.items[*].spec.nodeName}";
    let of_pods = endpoint
        .namespace
        .ask(&["get", "pods", "--output", of_pods])?;
    let used: BTreeSet<&str> = of_pods.split_whitespace().collect();
    let nodes = stage
        .ask(["get", "nodes", "--output", "name"])?
        .lines()
        .count();
    assert!(used.len() >= nodes.min(2), "{used:?} of {nodes} nodes");

    check(&endpoint)
}

/// 200 sessions of FTPS, then 200 of SFTP; every gateway serves some of each.
pub(crate) fn check(endpoint: &Endpoint<'_>) -> Result<()> {
    let local = endpoint.desk().join("local");
    files::make(&local, BYTES)?;

    let by_ftps = served(endpoint, || ftps_sessions(endpoint, &local))?;
    let by_sftp = served(endpoint, || sftp_sessions(endpoint, &local))?;

    let told = format!("FTPS {by_ftps:?}, SFTP {by_sftp:?}");
    figures::tell("sessions by gateway", &told)?;
    for logins in [by_ftps, by_sftp] {
        assert_eq!(logins.len(), 3, "{told}");
        assert!(logins.values().all(|count| *count > 0), "{told}");
        assert_eq!(logins.values().sum::<u64>(), 200, "{told}");
    }
    Ok(())
}

/// Lets clients work outside; answers how many logins each gateway had meanwhile.
fn served(
    endpoint: &Endpoint<'_>,
    work: impl FnOnce() -> Result<()> + Send,
) -> Result<BTreeMap<String, u64>> {
    let before = endpoint.logins()?;
    endpoint.stage.from_outside(work)?;
    let mut logins = endpoint.logins()?;
    for (pod, count) in &mut logins {
        *count -= before.get(pod).unwrap_or(&0);
    }
    Ok(logins)
}

fn ftps_sessions(endpoint: &Endpoint<'_>, local: &Path) -> Result<()> {
    for start in [Start::Explicit, Start::Implicit] {
        for (number, door) in endpoint.door(start).every_way().iter().enumerate() {
            let prefix = format!("{start:?}-{number}");
            crowd(door, local, &prefix).with_context(|| door.to_string())?;
        }
    }
    Ok(())
}

/// 25 sessions at once: 13 by Python, 12 by lftp.
fn crowd(door: &Door, local: &Path, prefix: &str) -> Result<()> {
    let count = WITH_FTPLIB.to_string();
    let arguments = [&*local.to_string_lossy(), prefix, &count];
    let python = start_ftplib(door, SESSIONS, &arguments)?;
    let others = (WITH_FTPLIB..CROWD)
        .map(|number| {
            let name = format!("{prefix}-lftp-{number}");
            let back = door.home.join(&name);
            let script = format!(
                "cls\nput {} -o {name}\nget {name} -o {}\ncls {name}",
                local.display(),
                back.display()
            );
            Ok((Program::start(&mut lftp(door, &script), b"")?, back))
        })
        .collect::<Result<Vec<_>>>()?;
    for (client, back) in others {
        client.end()?.success()?;
        files::ensure_same(local, &back)?;
        fs::remove_file(back)?;
    }
    python.end()?.success()?;
    Ok(())
}

fn sftp_sessions(endpoint: &Endpoint<'_>, local: &Path) -> Result<()> {
    for round in 0..200 / CROWD {
        let clients = (0..CROWD)
            .map(|number| {
                let name = format!("sftp-{round}-{number}");
                let back = endpoint.desk().join(&name);
                let batch = format!(
                    "ls\nput {} {name}\nget {name} {}\n",
                    quoted(local),
                    quoted(&back)
                );
                let client = Program::start(&mut sftp(&endpoint.place()), batch.as_bytes())?;
                Ok((client, back))
            })
            .collect::<Result<Vec<_>>>()?;
        for (client, back) in clients {
            client.end()?.success()?;
            files::ensure_same(local, &back)?;
            fs::remove_file(back)?;
        }
    }
    Ok(())
}
