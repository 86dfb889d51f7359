//! What goes up comes down, with every client.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use e2e::{
    clients::{
        lftp::run_lftp,
        openssh::{remote, run_sftp, scp, sftp_with},
        paramiko::run_paramiko,
        psftp::run_psftp,
        rclone::run_rclone,
        sshfs::Mounted,
    },
    figures,
    files::{self, MIB},
    gateway::Gateway,
    place::Place,
    program::{run, run_with},
    setup::Setup,
};

/// How much every client carries each way; OpenSSH's sftp carries more, see below.
const MUCH: u64 = 256 * MIB;

/// Carries a file up and down: `carry(place, local, name, back)` uploads `local` as `name` and downloads it to `back`.
fn check_round_trip(carry: impl Fn(&Place, &str, &str, &str) -> Result<()>) -> Result<()> {
    check_round_trip_at(&Gateway::start(Setup::default())?, carry)
}

fn check_round_trip_at(
    gateway: &Gateway,
    carry: impl Fn(&Place, &str, &str, &str) -> Result<()>,
) -> Result<()> {
    let (local, back) = (gateway.desk()?.join("local"), gateway.desk()?.join("back"));
    files::make(&local, MUCH)?;

    carry(
        gateway.place(),
        &local.to_string_lossy(),
        "much.bin",
        &back.to_string_lossy(),
    )?;

    files::ensure_same(&gateway.on_volume("much.bin"), &local)?;
    files::ensure_same(&back, &local)?;
    Ok(())
}

#[test]
fn scp_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip(|place, local, name, back| {
        run(scp(place, &[]).arg(local).arg(remote(place, name)))?.success()?;
        run(scp(place, &[]).arg(remote(place, name)).arg(back))?.success()?;
        Ok(())
    })
}

#[test]
fn lftp_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip(|place, local, name, back| {
        run_lftp(
            place,
            &format!("put {local} -o {name}\nget {name} -o {back}"),
        )?
        .success()?;
        Ok(())
    })
}

#[test]
fn rclone_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip(|place, local, name, back| {
        run_rclone(place, &["copyto", local, &format!(":sftp:{name}")])?.success()?;
        run_rclone(place, &["copyto", &format!(":sftp:{name}"), back])?.success()?;
        Ok(())
    })
}

#[test]
fn psftp_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip(|place, local, name, back| {
        run_psftp(place, &format!("put {local} {name}\nget {name} {back}\n"))?.success()?;
        Ok(())
    })
}

#[test]
fn paramiko_carries_256_mib_both_ways() -> Result<()> {
    check_round_trip_at(
        &Gateway::start(Setup::for_old_clients())?,
        |place, local, name, back| {
            let script = "sftp.put(sys.argv[6], sys.argv[7])\nsftp.get(sys.argv[7], sys.argv[8])";
            run_paramiko(place, script, &[local, name, back])?.success()?;
            Ok(())
        },
    )
}

#[test]
fn sshfs_carries_256_mib_both_ways() -> Result<()> {
    if !e2e::disk::may_mount("sshfs carries 256 MiB both ways")? {
        return Ok(());
    }
    check_round_trip(|place, local, name, back| {
        let mounted = Mounted::at(place, &place.home.join("mounted"))?;
        fs::copy(local, mounted.folder().join(name))?;
        fs::copy(mounted.folder().join(name), back)?;
        Ok(())
    })
}

#[test]
fn many_large_requests_at_once_do_not_hang() -> Result<()> {
    check_round_trip(|place, local, name, back| {
        // OpenSSH's own limit for a whole packet is 256 KiB, so an upload of 256 KiB pieces cannot leave it.
        let mut upload = sftp_with(place, &["-R", "1024", "-B", "261120"]);
        run_with(&mut upload, format!("put {local} {name}\n").as_bytes())?.success()?;
        let mut download = sftp_with(place, &["-R", "1024", "-B", "262144"]);
        run_with(&mut download, format!("get {name} {back}\n").as_bytes())?.success()?;
        Ok(())
    })
}

#[test]
fn a_prefetching_paramiko_gets_1_gib() -> Result<()> {
    let gateway = Gateway::start(Setup::for_old_clients())?;
    let back = gateway.desk()?.join("back");
    run_sftp(gateway.place(), "ls\n")?.success()?;
    files::make(&gateway.on_volume("much.bin"), 1024 * MIB)?;

    run_paramiko(
        gateway.place(),
        "sftp.get('much.bin', sys.argv[6])",
        &[&back.to_string_lossy()],
    )?
    .success()?;

    files::ensure_same(&back, &gateway.on_volume("much.bin"))?;
    Ok(())
}

#[test]
fn carrying_1_gib_up_and_down_takes_less_than_64_mib_of_memory() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let (local, back) = (gateway.desk()?.join("local"), gateway.desk()?.join("back"));
    files::make(&local, 1024 * MIB)?;

    let batch = format!(
        "put {} much.bin\nget much.bin {}\n",
        local.display(),
        back.display()
    );
    run_sftp(gateway.place(), batch)?.success()?;

    files::ensure_same(&gateway.on_volume("much.bin"), &local)?;
    files::ensure_same(&back, &local)?;
    let memory = gateway.memory()?;
    figures::tell("memory after 1 GiB up and down", &memory.to_string())?;
    ensure!(memory.resident < 64 * 1024, "{memory}");
    Ok(())
}

/// A whole file at `whole` and its first half where a broken transfer would have left it.
fn halve(whole: &Path, half: &Path) -> Result<()> {
    files::make(whole, 8 * MIB + 12_345)?;
    let bytes = fs::read(whole)?;
    let (first, _) = bytes.split_at(bytes.len() / 2);
    fs::write(half, first)?;
    Ok(())
}

/// `resume(place, local, name)` completes the half of an upload; the file is then whole.
fn check_upload_resumes(resume: impl Fn(&Place, &str, &str) -> Result<()>) -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let (local, half) = (gateway.desk()?.join("local"), gateway.desk()?.join("half"));
    halve(&local, &half)?;
    run_sftp(
        gateway.place(),
        format!("put {} broken.bin\n", half.display()),
    )?
    .success()?;

    resume(gateway.place(), &local.to_string_lossy(), "broken.bin")?;

    files::ensure_same(&gateway.on_volume("broken.bin"), &local)?;
    Ok(())
}

/// `resume(place, name, half)` completes the half of a download; the file is then whole.
fn check_download_resumes(resume: impl Fn(&Place, &str, &str) -> Result<()>) -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    let whole: PathBuf = gateway.on_volume("broken.bin");
    let half = gateway.desk()?.join("half");
    halve(&whole, &half)?;

    resume(gateway.place(), "broken.bin", &half.to_string_lossy())?;

    files::ensure_same(&half, &whole)?;
    Ok(())
}

#[test]
fn sftp_reput_resumes_an_upload() -> Result<()> {
    check_upload_resumes(|place, local, name| {
        run_sftp(place, format!("reput {local} {name}\n"))?.success()?;
        Ok(())
    })
}

#[test]
fn sftp_reget_resumes_a_download() -> Result<()> {
    check_download_resumes(|place, name, half| {
        run_sftp(place, format!("reget {name} {half}\n"))?.success()?;
        Ok(())
    })
}

#[test]
fn lftp_put_c_resumes_an_upload() -> Result<()> {
    check_upload_resumes(|place, local, name| {
        run_lftp(place, &format!("put -c {local} -o {name}"))?.success()?;
        Ok(())
    })
}

#[test]
fn lftp_get_c_resumes_a_download() -> Result<()> {
    check_download_resumes(|place, name, half| {
        run_lftp(place, &format!("get -c {name} -o {half}"))?.success()?;
        Ok(())
    })
}
