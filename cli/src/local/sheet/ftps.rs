//! What the sheet says of FTPS.

use std::fmt;

use gateway_config::{Binding, DataConnections, Encryption, Passive, ProxyMode, ProxyProtocol};

use super::{Endpoint, Listener, reachable};

/// How a listener speaks FTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ftps {
    /// When TLS begins.
    pub start: Start,
    /// What must be encrypted.
    pub encryption: Encryption,
    /// The SHA-256 of its certificate, as openssl shows it.
    pub fingerprint: String,
    /// Why clients may believe the certificate.
    pub trust: Trust,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With `AUTH TLS`.
    Explicit,
    /// At once.
    Implicit,
}

/// Why clients may believe a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The authority that `local` made signed it; its certificate is in this file.
    Authority(String),
    /// Somebody else made it, for names that may not be those of this machine.
    Secret {
        /// The Secret it came in.
        secret: String,
        /// The SHA-256 of its public key, base64.
        pin: String,
    },
}

/// The lines about one listener.
pub(super) struct Lines<'a>(pub(super) &'a Listener, pub(super) &'a Ftps);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(listener, ftps) = self;
        let start = match ftps.start {
            Start::Explicit => "explicit: TLS begins with AUTH TLS",
            Start::Implicit => "implicit: TLS from the first byte",
        };
        let encryption = match ftps.encryption {
            Encryption::Required => "login and files must be encrypted",
            Encryption::ControlRequired => {
                "the login must be encrypted, files as the client likes (ControlRequired)"
            }
            Encryption::Optional => {
                "nothing has to be encrypted: passwords may travel in the clear (Optional)"
            }
        };
        writeln!(f, "  {start}; {encryption}")?;
        writeln!(f, "  certificate  SHA-256 {}", ftps.fingerprint)?;
        match &ftps.trust {
            Trust::Authority(path) => {
                writeln!(
                    f,
                    "  trust        {path}, made here and kept; clients elsewhere need a copy"
                )?;
            }
            Trust::Secret { secret, .. } => writeln!(
                f,
                "  trust        from the Secret {secret}; the commands below compare its key and no name"
            )?,
        }
        let address = super::commands::bracketed(reachable(listener.address.ip()));
        let starttls = match ftps.start {
            Start::Explicit => " -starttls ftp",
            Start::Implicit => "",
        };
        writeln!(
            f,
            "  compare      openssl s_client -connect {address}:{}{starttls} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
            listener.address.port()
        )
    }
}

/// The lines about how files go.
pub(super) struct Transfers<'a>(pub(super) &'a Endpoint);

impl fmt::Display for Transfers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(DataConnections {
            binding,
            passive,
            active: _,
        }) = &self.0.data_connections
        {
            writeln!(f, "FTPS  {}  data connections", self.0.name)?;
            let Passive { ports, address, .. } = passive;
            let ports: Vec<u16> = ports.iter().map(|port| port.advertised).collect();
            writeln!(f, "  ports     {}, passive mode only", Spans(&ports))?;
            match address {
                Some(address) => writeln!(f, "  address   PASV says {address}")?,
                None => writeln!(f, "  address   {}", unknown(passive))?,
            }
            let binding = match binding {
                Binding::TlsRequired => {
                    "each connection must resume the TLS session of its login, which some clients cannot (TLSRequired)"
                }
                Binding::TlsPreferred => {
                    "each connection must resume the TLS session of its login, or come from the same address (TLSPreferred)"
                }
                Binding::Address => {
                    "each connection must come from the address of its login (Address)"
                }
                Binding::None => {
                    "connections prove nothing: a stranger may take or forge a file (None)"
                }
            };
            writeln!(f, "  binding   {binding}")?;
        }
        proxy(f, &self.0.proxy_protocol)
    }
}

fn unknown(passive: &Passive) -> &'static str {
    if passive.listen.is_ipv4() {
        "PASV has none to say, only EPSV works: write spec.dataConnections.passive.address, or name one address with --bind"
    } else {
        "PASV is for IPv4, so only EPSV works"
    }
}

fn proxy(f: &mut fmt::Formatter<'_>, proxy: &ProxyProtocol) -> fmt::Result {
    let networks: Vec<String> = proxy
        .trusted_cidrs
        .iter()
        .map(ToString::to_string)
        .collect();
    let networks = networks.join(", ");
    match proxy.mode {
        ProxyMode::Disabled => Ok(()),
        ProxyMode::Optional => writeln!(
            f,
            "  balancer  PROXY headers (version 2) from {networks} are believed; other connections are served without an address"
        ),
        ProxyMode::Required => writeln!(
            f,
            "  balancer  every connection must come through one at {networks} that sends PROXY headers (version 2), so a command below works only there"
        ),
    }
}

/// Ports, ascending runs in short.
struct Spans<'a>(&'a [u16]);

impl fmt::Display for Spans<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let follows = |first: &u16, second: &u16| first.checked_add(1) == Some(*second);
        for (index, run) in self.0.chunk_by(follows).enumerate() {
            let joint = if index == 0 { "" } else { ", " };
            match run {
                [first, .., last] => write!(f, "{joint}{first} to {last}")?,
                [only] => write!(f, "{joint}{only}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_ports_are_shown_in_short() {
        assert_eq!(Spans(&[30000, 30001, 30002]).to_string(), "30000 to 30002");
        assert_eq!(
            Spans(&[3022, 3023, 1024, 1025, 7]).to_string(),
            "3022 to 3023, 1024 to 1025, 7"
        );
        assert_eq!(Spans(&[65535]).to_string(), "65535");
    }
}
