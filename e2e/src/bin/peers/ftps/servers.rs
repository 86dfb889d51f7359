//! How Debian's three servers are started: each as its own documentation says, with what would slow it down switched off.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use e2e::{
    loopback,
    program::{Program, run},
    setup::PASSWORD,
    wait::until,
};
use tempfile::TempDir;

use super::{certificate::Certificate, packages::Packages};

/// The account whose rights the servers take for their user: `daemon`, which every Debian has.
const ACCOUNT: u32 = 1;

/// A server that serves; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub(super) struct Peer {
    program: Program,
    place: Place,
}

/// Where a server serves, and what it reads.
#[derive(Debug)]
struct Place {
    address: SocketAddr,
    certificate: Certificate,
    folder: TempDir,
}

impl Place {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("secureftp-peer-")
            .tempdir_in("/dev/shm")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let address = loopback::unused()?;
        let certificate = Certificate::make(folder.path(), address.ip())?;
        fs::create_dir_all(folder.path().join("root/files"))?;
        chown(folder.path().join("root/files"), Some(ACCOUNT), None)?;
        Ok(Self {
            address,
            certificate,
            folder,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The first and the last data port: its address is its own.
    fn ports(&self) -> (u16, u16) {
        let port = self.address.port();
        (port + 1, port + 100)
    }

    fn start(self, mut command: Command) -> Result<Peer> {
        let mut program = Program::start(&mut command, b"")?;
        until("the server", || {
            program.ensure_running()?;
            Ok(TcpStream::connect(self.address).ok())
        })?;
        Ok(Peer {
            program,
            place: self,
        })
    }
}

impl Peer {
    /// pure-ftpd with one virtual user.
    pub(super) fn pure_ftpd(packages: &Packages) -> Result<Self> {
        let place = Place::new()?;
        let (users, database) = (place.path("users"), place.path("users.pdb"));
        let root = place.path("root");
        let line = format!(
            "alice:{}:{ACCOUNT}:{ACCOUNT}::{}/./::::::::::::\n",
            password_hash()?,
            root.display()
        );
        fs::write(&users, line)?;
        let mut compile = packages.program("usr/bin/pure-pw")?;
        run(compile.arg("mkdb").arg(&database).arg("-f").arg(&users))?.success()?;
        let (first, last) = place.ports();
        let mut command = packages.program("usr/sbin/pure-ftpd")?;
        command
            .args(["-4", "-H", "-E", "-u", "1", "-Y", "2"])
            .args(["-c", "200", "-C", "200"])
            .arg("-S")
            .arg(format!("{},{}", place.address.ip(), place.address.port()))
            .args(["-p", &format!("{first}:{last}")])
            .arg("-2")
            .arg(&place.certificate.both)
            .arg("-l")
            .arg(format!("puredb:{}", database.display()));
        place.start(command)
    }

    /// `ProFTPD` with one user of a file.
    pub(super) fn proftpd(packages: &Packages) -> Result<Self> {
        let place = Place::new()?;
        let users = place.path("users");
        let root = place.path("root");
        let line = format!(
            "alice:{}:{ACCOUNT}:{ACCOUNT}::{}:/bin/sh\n",
            password_hash()?,
            root.display()
        );
        fs::write(&users, line)?;
        // It reads no list of users that others may read.
        fs::set_permissions(&users, fs::Permissions::from_mode(0o600))?;
        let configuration = place.path("proftpd.conf");
        let (first, last) = place.ports();
        let text = format!(
            "ServerType standalone\nServerName peer\nDefaultAddress {}\nPort {}\nSocketBindTight on\nUseIPv6 off\n\
             User root\nGroup root\nUseReverseDNS off\nModulePath {}\nLoadModule mod_tls.c\n\
             AuthUserFile {}\nAuthOrder mod_auth_file.c\nRequireValidShell off\nDefaultRoot ~\nAllowOverwrite on\n\
             WtmpLog off\nTransferLog none\nSystemLog none\nScoreboardFile {}\nPidFile {}\nDelayEngine off\n\
             PassivePorts {first} {last}\nTLSEngine on\nTLSRequired on\nTLSProtocol TLSv1.3\nTLSLog none\n\
             TLSOptions NoSessionReuseRequired\nTLSECCertificateFile {}\nTLSECCertificateKeyFile {}\n",
            place.address.ip(),
            place.address.port(),
            packages.path("usr/lib/proftpd").display(),
            users.display(),
            place.path("scoreboard").display(),
            place.path("pid").display(),
            place.certificate.chain.display(),
            place.certificate.key.display(),
        );
        fs::write(&configuration, text)?;
        let mut command = packages.program("usr/sbin/proftpd")?;
        command.arg("--nodaemon").arg("-c").arg(&configuration);
        place.start(command)
    }

    /// vsftpd; its one user is `ftp`, who needs no PAM service on this machine.
    pub(super) fn vsftpd(packages: &Packages) -> Result<Self> {
        let place = Place::new()?;
        let configuration = place.path("vsftpd.conf");
        let empty = place.path("empty");
        fs::create_dir(&empty)?;
        let (first, last) = place.ports();
        let text = format!(
            "listen=YES\nlisten_address={address}\nlisten_port={}\nbackground=NO\nanonymous_enable=YES\n\
             ftp_username=daemon\nanon_root={}\nwrite_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\n\
             anon_world_readable_only=NO\nanon_umask=022\nlocal_enable=NO\nallow_anon_ssl=YES\nssl_enable=YES\n\
             force_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\nrequire_ssl_reuse=NO\nrsa_cert_file={}\n\
             rsa_private_key_file={}\npasv_min_port={first}\npasv_max_port={last}\npasv_address={address}\n\
             xferlog_enable=NO\nsecure_chroot_dir={}\n",
            place.address.port(),
            place.path("root").display(),
            place.certificate.chain.display(),
            place.certificate.key.display(),
            empty.display(),
            address = place.address.ip(),
        );
        fs::write(&configuration, text)?;
        let mut command = packages.program("usr/sbin/vsftpd")?;
        command.arg(&configuration);
        place.start(command)
    }

    /// The process that listens; every session has more of its own.
    pub(super) fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Where it serves.
    pub(super) const fn address(&self) -> SocketAddr {
        self.place.address
    }

    /// What clients trust.
    pub(super) fn authority(&self) -> &Path {
        &self.place.certificate.chain
    }

    /// The folder of its files, which clients call `/files`.
    pub(super) fn files(&self) -> PathBuf {
        self.place.path("root/files")
    }
}

/// The password as crypt(3) keeps it by SHA-512: what all of them know.
fn password_hash() -> Result<String> {
    let mut openssl = Command::new("openssl");
    let hash = run(openssl.args(["passwd", "-6", PASSWORD]))?
        .success()?
        .said();
    Ok(hash.trim().to_owned())
}
