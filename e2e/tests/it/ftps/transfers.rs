//! What goes up comes down, much of it, in bounded memory.

use std::{collections::BTreeSet, fs};

use anyhow::{Result, ensure};
use e2e::{
    clients::{
        ftp::{
            curl::{curl, url},
            ftplib::run_ftplib,
            lftp::lftp,
            rclone::run_rclone,
            wget::wget,
        },
        openssh::run_sftp,
    },
    door::{Door, Start, Version},
    figures,
    files::{self, MIB},
    gateway::Gateway,
    program::run,
    setup::{Ftps, Setup},
};

/// How much every client carries each way; curl by TLS 1.3 carries more, see below.
const MUCH: u64 = 256 * MIB;

/// Carries a file up and down: `carry(door, local, name, back)` uploads `local` as `name` and downloads it to `back`.
fn check_round_trip(
    door: impl Fn(&Gateway) -> Door,
    carry: impl Fn(&Door, &str, &str, &str) -> Result<()>,
) -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let (local, back) = (gateway.desk()?.join("local"), gateway.desk()?.join("back"));
    files::make(&local, MUCH)?;

    carry(
        &door(&gateway),
        &local.to_string_lossy(),
        "much.bin",
        &back.to_string_lossy(),
    )?;

    files::ensure_same(&gateway.on_volume("much.bin"), &local)?;
    files::ensure_same(&back, &local)?;
    Ok(())
}

fn explicit_1_2(gateway: &Gateway) -> Door {
    gateway.door(Start::Explicit).by(Version::V1_2)
}

fn explicit_1_3(gateway: &Gateway) -> Door {
    gateway.door(Start::Explicit)
}

fn implicit_1_3(gateway: &Gateway) -> Door {
    gateway.door(Start::Implicit)
}

fn carry_with_curl(door: &Door, local: &str, name: &str, back: &str) -> Result<()> {
    run(curl(door)
        .args(["--upload-file", local])
        .arg(url(door, name)))?
    .success()?;
    run(curl(door).args(["--output", back]).arg(url(door, name)))?.success()?;
    Ok(())
}

#[test]
fn curl_carries_256_mib_both_ways_by_tls_1_2() -> Result<()> {
    check_round_trip(explicit_1_2, carry_with_curl)
}

#[test]
fn lftp_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip(explicit_1_3, |door, local, name, back| {
        let script = format!("put {local} -o {name}\nget {name} -o {back}");
        run(&mut lftp(door, &script))?.success()?;
        Ok(())
    })
}

#[test]
fn rclone_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip(explicit_1_3, |door, local, name, back| {
        run_rclone(door, &["copyto", local, &format!(":ftp:{name}")])?.success()?;
        run_rclone(door, &["copyto", &format!(":ftp:{name}"), back])?.success()?;
        Ok(())
    })
}

#[test]
fn ftplib_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip(implicit_1_3, |door, local, name, back| {
        let script = "local, name, back = ARGUMENTS\nclient = Plain()\nclient.put(local, name)\n\
                      client.get(name, back)\nclient.quit()";
        run_ftplib(door, script, &[local, name, back])?.success()?;
        Ok(())
    })
}

#[test]
fn wget_carries_256_mib_down() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let door = gateway.door(Start::Explicit);
    let back = gateway.desk()?.join("back");
    // The first login makes the folder.
    run(&mut wget(&door, "", "-"))?.success()?;
    files::make(&gateway.on_volume("much.bin"), MUCH)?;

    run(&mut wget(&door, "much.bin", &back.to_string_lossy()))?.success()?;

    files::ensure_same(&back, &gateway.on_volume("much.bin"))
}

/// One GiB up and down by curl, and what the gateway then holds.
fn check_memory(start: Start, name: &str) -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let door = gateway.door(start);
    let (local, back) = (gateway.desk()?.join("local"), gateway.desk()?.join("back"));
    files::make(&local, 1024 * MIB)?;

    carry_with_curl(
        &door,
        &local.to_string_lossy(),
        "much.bin",
        &back.to_string_lossy(),
    )?;

    files::ensure_same(&gateway.on_volume("much.bin"), &local)?;
    files::ensure_same(&back, &local)?;
    let memory = gateway.memory()?;
    figures::tell(
        &format!("memory after 1 GiB up and down, {name}"),
        &memory.to_string(),
    )?;
    ensure!(memory.peak < 64 * 1024, "{memory}");
    Ok(())
}

#[test]
fn carrying_1_gib_up_and_down_by_explicit_ftps_takes_less_than_64_mib_of_memory() -> Result<()> {
    check_memory(Start::Explicit, "explicit FTPS")
}

#[test]
fn carrying_1_gib_up_and_down_by_implicit_ftps_takes_less_than_64_mib_of_memory() -> Result<()> {
    check_memory(Start::Implicit, "implicit FTPS")
}

#[test]
fn a_file_is_the_same_over_ftps_and_sftp() -> Result<()> {
    let gateway = Gateway::start(Setup::with_ftps(Ftps::default()))?;
    let door = gateway.door(Start::Explicit);
    let (local, back) = (gateway.desk()?.join("local"), gateway.desk()?.join("back"));
    files::make(&local, 3 * MIB + 1)?;
    let (local, back) = (local.to_string_lossy(), back.to_string_lossy());

    run(curl(&door)
        .args(["--upload-file", &local])
        .arg(url(&door, "by-ftps")))?
    .success()?;
    run_sftp(
        gateway.place(),
        format!("get by-ftps {back}\nput {local} by-sftp\nrename by-ftps renamed\n"),
    )?
    .success()?;
    assert_eq!(fs::read(&*back)?, fs::read(&*local)?);

    run(curl(&door)
        .args(["--output", &back])
        .arg(url(&door, "by-sftp")))?
    .success()?;
    assert_eq!(fs::read(&*back)?, fs::read(&*local)?);
    let listed = run(curl(&door).arg("--list-only").arg(url(&door, "")))?
        .success()?
        .said();
    let listed: BTreeSet<&str> = listed.split_whitespace().collect();
    assert_eq!(listed, BTreeSet::from(["by-sftp", "renamed"]));
    Ok(())
}
