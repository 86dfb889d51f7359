//! What the README promises: a chart, an example, and files that move.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use e2e::{
    clients::openssh::{quoted, run_sftp},
    cluster::stage::{Ability, Stage},
    files::{self, MIB},
    place::{Place, make_key},
    program::run,
    wait::until,
};

use crate::{
    installation::{self, example},
    namespace::Namespace,
};

/// The name that the example's certificates are for.
const HOST: &str = "ftp.example.com";

/// The endpoint of the example.
pub(crate) const ENDPOINT: &str = "partners";

/// The supplier of the example, as its Secret has it.
const LOGIN: &str = "supplier:demonstration";

#[test]
fn the_example_serves_all_three_protocols_behind_a_load_balancer() -> Result<()> {
    let story = "the example serves all three protocols behind a load balancer";
    let Some(stage) = installation::open(story, &[Ability::CertManager])? else {
        return Ok(());
    };
    let namespace = Namespace::make_restricted(stage, "example")?;
    let desk = tempfile::tempdir()?;
    make_key(&desk.path().join("key"))?;
    apply(stage, &namespace, desk.path())?;

    let address = namespace.ask(&[
        "get",
        "secureftpendpoint",
        ENDPOINT,
        "--output",
        "jsonpath={.status.addresses[0].value}",
    ])?;
    let authority = authority(&namespace, desk.path())?;
    stage.from_outside(|| {
        certificates_are_the_authority_s(&address, &authority)?;
        let local = desk.path().join("local");
        files::make(&local, MIB)?;
        bring_by_ftps(&address, &authority, &local)?;
        fetch_by_lftp(&address, &authority, &local)?;
        fetch_by_sftp(&address, desk.path(), &local)
    })?;

    let shown = namespace.ask(&["get", "sfe,sfu"])?;
    assert!(shown.contains(&address), "{shown}");
    assert!(shown.contains("supplier"), "{shown}");
    Ok(())
}

/// `kubectl apply -f examples/partners`, with a key for the supplier, until all of it is ready.
pub(crate) fn apply(stage: &Stage, namespace: &Namespace<'_>, desk: &Path) -> Result<()> {
    let key = format!(
        "--from-file=authorized_keys={}",
        desk.join("key.pub").display()
    );
    namespace.ask(&["create", "secret", "generic", "supplier-ssh", &key])?;
    namespace.ask(&["apply", "--filename", &example().display().to_string()])?;
    installation::wait_for(stage, namespace, ENDPOINT, "condition=Ready")
}

/// The certificate that partners are given to trust.
fn authority(namespace: &Namespace<'_>, desk: &Path) -> Result<std::path::PathBuf> {
    let encoded = namespace.ask(&[
        "get",
        "secret",
        "partners-ca",
        "--output",
        r"jsonpath={.data.ca\.crt}",
    ])?;
    let file = desk.join("ca.crt");
    fs::write(&file, STANDARD.decode(encoded)?)?;
    Ok(file)
}

fn certificates_are_the_authority_s(address: &str, authority: &Path) -> Result<()> {
    for (port, begin) in [(21, &["-starttls", "ftp"][..]), (990, &[])] {
        let mut openssl = Command::new("openssl");
        openssl
            .args(["s_client", "-connect", &format!("{address}:{port}")])
            .args(begin)
            .arg("-CAfile")
            .arg(authority)
            .args(["-verify_return_error", "-verify_hostname", HOST]);
        let shown = run(&mut openssl)?.success()?.said();
        assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");
        assert!(
            shown.replace(' ', "").contains("issuer=CN=partners"),
            "{shown}"
        );
    }
    Ok(())
}

/// curl, by the name that the certificate is for.
fn curl(address: &str, authority: &Path) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-q", "--silent", "--show-error", "--max-time", "120"])
        .args(["--ssl-reqd", "--user", LOGIN, "--cacert"])
        .arg(authority)
        .args(["--resolve", &format!("{HOST}:21:{address}")])
        .args(["--resolve", &format!("{HOST}:990:{address}")]);
    curl
}

fn bring_by_ftps(address: &str, authority: &Path, local: &Path) -> Result<()> {
    for (scheme, name) in [("ftp", "explicit"), ("ftps", "implicit")] {
        let url = format!("{scheme}://{HOST}/{name}");
        let mut upload = curl(address, authority);
        run(upload.arg("--upload-file").arg(local).arg(&url))?.success()?;
        let back = local.with_file_name(name);
        run(curl(address, authority)
            .arg(&url)
            .arg("--output")
            .arg(&back))?
        .success()?;
        files::ensure_same(local, &back)?;
    }
    Ok(())
}

/// lftp, which knows no way to be told the address of a name: it checks who signed, and curl has checked the name.
fn fetch_by_lftp(address: &str, authority: &Path, local: &Path) -> Result<()> {
    let back = local.with_file_name("by-lftp");
    let script = format!(
        "set cmd:fail-exit yes\nset net:max-retries 1\nset net:timeout 60\nset ftp:ssl-force yes\n\
         set ftp:ssl-protect-data yes\nset ssl:check-hostname no\nset ssl:ca-file \"{}\"\n\
         open -u {} ftp://{address}\ncls -1\nget explicit -o {}\n",
        authority.display(),
        LOGIN.replace(':', ","),
        back.display(),
    );
    let mut lftp = Command::new("lftp");
    lftp.args(["--norc", "-c", &script]);
    let listed = run(lftp.env("LFTP_HOME", local.with_file_name("")))?.success()?;
    assert!(listed.said().contains("implicit"), "{}", listed.said());
    files::ensure_same(local, &back)
}

fn fetch_by_sftp(address: &str, desk: &Path, local: &Path) -> Result<()> {
    let place = Place {
        address: SocketAddr::new(address.parse()?, 22),
        user: "supplier".to_owned(),
        key: desk.join("key"),
        home: desk.to_path_buf(),
    };
    place.wait_for_host_key(|| Ok(()))?;
    let back = desk.join("by-sftp");
    // A key that was created before the user is there at once; one that came later would take a moment.
    until("the supplier's key", || {
        let batch = format!("get implicit {}\n", quoted(&back));
        Ok(run_sftp(&place, batch)?.status.success().then_some(()))
    })?;
    files::ensure_same(local, &back)
}
