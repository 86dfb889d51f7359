//! A certificate that a server signs for itself.

use std::{fs, net::IpAddr, path::PathBuf, process::Command};

use anyhow::Result;
use e2e::program::run;

/// A certificate for one address, and its key (ECDSA on P-256, as our own).
#[derive(Debug)]
pub(super) struct Certificate {
    /// PEM; clients trust it.
    pub(super) chain: PathBuf,
    /// PEM.
    pub(super) key: PathBuf,
    /// Both in one file, for pure-ftpd.
    pub(super) both: PathBuf,
}

impl Certificate {
    /// Makes one in this folder.
    pub(super) fn make(folder: &std::path::Path, address: IpAddr) -> Result<Self> {
        let [chain, key, both] =
            ["certificate.pem", "key.pem", "both.pem"].map(|name| folder.join(name));
        let mut openssl = Command::new("openssl");
        openssl
            .args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=peer"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-addext", &format!("subjectAltName=IP:{address}")])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&chain);
        run(&mut openssl)?.success()?;
        let pem = [fs::read(&key)?, fs::read(&chain)?].concat();
        fs::write(&both, pem)?;
        Ok(Self { chain, key, both })
    }
}
