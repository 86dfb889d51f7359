//! Commands of the clients that people have, ready to paste from the folder where `local` was started.

use std::net::IpAddr;

use super::{
    Credential,
    ftps::{Ftps, Start, Trust},
};

/// How one user reaches one listener.
pub(super) struct Way<'a> {
    /// Where a client on this machine connects.
    pub host: IpAddr,
    /// The port there.
    pub port: u16,
    /// The login name.
    pub user: &'a str,
}

/// By SSH.
pub(super) struct Ssh<'a> {
    /// To whom.
    pub way: Way<'a>,
    /// The file with the host keys.
    pub known_hosts: &'a str,
    /// The host keys, each as `SHA256:… (ED25519)`.
    pub fingerprints: &'a [String],
}

impl Ssh<'_> {
    /// One command a client, none of which asks whether the host key is right.
    pub(super) fn commands(&self, credential: &Credential) -> Vec<String> {
        match credential {
            // Keys of other servers would only count as failed attempts.
            Credential::Password { .. } => [
                Some(self.sftp("-o PubkeyAuthentication=no ")),
                self.lftp(),
                Some(self.psftp()),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Credential::MadeKey(path) => {
                let key = quoted(path);
                vec![
                    self.sftp(&format!("-o IdentitiesOnly=yes -i {key} ")),
                    self.rclone(&key),
                ]
            }
            Credential::Keys(_) => vec![self.sftp("")],
        }
    }

    fn sftp(&self, options: &str) -> String {
        let Way { port, user, host } = self.way;
        let known_hosts = ssh_option("UserKnownHostsFile", self.known_hosts);
        format!(
            "sftp -P {port} -o {known_hosts} {options}{user}@{}",
            bracketed(host)
        )
    }

    /// lftp runs ssh by way of a shell of its own, for which paths with spaces would have to be quoted thrice.
    fn lftp(&self) -> Option<String> {
        let Way { port, user, host } = self.way;
        let known_hosts = self.known_hosts;
        if quoted(known_hosts) != known_hosts || known_hosts.contains('%') {
            return None;
        }
        let ssh = format!("ssh -a -x -o UserKnownHostsFile={known_hosts}");
        // The last `@` of a URL need not be the one before the host.
        let url = format!("sftp://{}@{}", user.replace('@', "%40"), bracketed(host));
        Some(format!(
            "lftp -e 'set sftp:connect-program \"{ssh}\"' -p {port} {url}"
        ))
    }

    /// psftp chooses among the host keys, so it is told all of them.
    fn psftp(&self) -> String {
        let Way { port, user, host } = self.way;
        let words = self
            .fingerprints
            .iter()
            .filter_map(|shown| shown.split(' ').next());
        let keys: String = words.flat_map(|word| ["-hostkey ", word, " "]).collect();
        format!("psftp -P {port} {keys}{user}@{host}")
    }

    fn rclone(&self, key: &str) -> String {
        let Way { host, port, user } = self.way;
        let known_hosts = quoted(self.known_hosts);
        format!(
            "rclone lsf --sftp-host {host} --sftp-port {port} --sftp-user {user} --sftp-key-file {key} --sftp-known-hosts-file {known_hosts} --sftp-shell-type none :sftp:"
        )
    }
}

/// By FTPS, with a password that the client asks for.
pub(super) struct Tls<'a> {
    /// To whom.
    pub way: Way<'a>,
    /// How the listener speaks it.
    pub ftps: &'a Ftps,
}

impl Tls<'_> {
    /// One command a client. All of them encrypt and believe only this server, whatever the listener would take.
    pub(super) fn commands(&self) -> Vec<String> {
        let lftp = match &self.ftps.trust {
            Trust::Authority(path) => self.lftp(path),
            // It compares no keys, and the name in the certificate need not be one of this machine.
            Trust::Secret { .. } => None,
        };
        [Some(self.curl()), lftp].into_iter().flatten().collect()
    }

    fn curl(&self) -> String {
        let Way { user, .. } = self.way;
        let trust = match &self.ftps.trust {
            Trust::Authority(path) => format!("--cacert {}", quoted(path)),
            Trust::Secret { pin, .. } => format!("--insecure --pinnedpubkey sha256//{pin}"),
        };
        let encrypt = match self.ftps.start {
            Start::Explicit => "--ssl-reqd ",
            Start::Implicit => "",
        };
        format!("curl {encrypt}{trust} --user {user} {}/", self.url())
    }

    /// lftp reads its command with quotes of its own.
    fn lftp(&self, authority: &str) -> Option<String> {
        if quoted(authority) != *authority {
            return None;
        }
        let Way { user, .. } = self.way;
        let force = match self.ftps.start {
            Start::Explicit => "; set ftp:ssl-force true",
            Start::Implicit => "",
        };
        Some(format!(
            "lftp -e 'set ssl:ca-file {authority}{force}' -u {user} {}",
            self.url()
        ))
    }

    fn url(&self) -> String {
        let Way { host, port, .. } = self.way;
        let scheme = match self.ftps.start {
            Start::Explicit => "ftp",
            Start::Implicit => "ftps",
        };
        format!("{scheme}://{}:{port}", bracketed(host))
    }
}

/// An address as URLs take it.
pub(super) fn bracketed(host: IpAddr) -> String {
    match host {
        IpAddr::V4(host) => host.to_string(),
        IpAddr::V6(host) => format!("[{host}]"),
    }
}

/// An option of ssh with a path. ssh takes spaces only in quotes of its own, and `%` begins a token.
fn ssh_option(name: &str, path: &str) -> String {
    let path = path.replace('%', "%%");
    if path.contains(' ') {
        quoted(&format!("{name}=\"{path}\""))
    } else {
        quoted(&format!("{name}={path}"))
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-=@:+,%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_survive_strange_paths() {
        assert_eq!(
            quoted(".secureftp/keys/supplier"),
            ".secureftp/keys/supplier"
        );
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(
            ssh_option("UserKnownHostsFile", "my state/100%"),
            "'UserKnownHostsFile=\"my state/100%%\"'"
        );
    }
}
