//! Certificates of FTPS listeners, looked at before a gateway has to refuse them.

use std::fmt;

use rustls::{
    Error, InconsistentKeys,
    client::verify_server_name,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

/// The entry of a Secret of type `kubernetes.io/tls` with the certificate.
pub(crate) const CHAIN_ENTRY: &str = "tls.crt";
/// The entry of a Secret of type `kubernetes.io/tls` with the private key.
pub(crate) const KEY_ENTRY: &str = "tls.key";

/// A certificate and its private key. Debug shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The server's own certificate, then those of its issuers, PEM.
    pub chain: Vec<u8>,
    /// The private key, PEM.
    pub key: Vec<u8>,
}

impl Certificate {
    /// Whether a gateway can serve it: PEM, a key of a kind that TLS takes, and the one that fits the first certificate.
    /// Whether it has ended is not looked at, for that changes while nobody edits anything.
    pub fn check(&self) -> Result<(), CertificateMistake> {
        let chain = self.certificates()?;
        if chain.is_empty() {
            return Err(CertificateMistake::NoCertificate);
        }
        let Ok(key) = PrivateKeyDer::from_pem_slice(&self.key) else {
            return Err(CertificateMistake::NoKey);
        };
        let Ok(key) = default_provider().key_provider.load_private_key(key) else {
            return Err(CertificateMistake::KeyOfUnknownKind);
        };
        match CertifiedKey::new(chain, key).keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
            Err(Error::InconsistentKeys(_)) => Err(CertificateMistake::OtherKey),
            Err(_) => Err(CertificateMistake::Damaged),
        }
    }

    /// Whether clients who connect to this name take it.
    pub(crate) fn is_for(&self, name: &str) -> bool {
        let (Ok(chain), Ok(name)) = (self.certificates(), ServerName::try_from(name)) else {
            return false;
        };
        chain
            .first()
            .and_then(|certificate| ParsedCertificate::try_from(certificate).ok())
            .is_some_and(|certificate| verify_server_name(&certificate, &name).is_ok())
    }

    /// The server's own certificate, in DER.
    pub(crate) fn first(&self) -> Option<CertificateDer<'static>> {
        self.certificates().ok()?.into_iter().next()
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, CertificateMistake> {
        CertificateDer::pem_slice_iter(&self.chain)
            .collect::<Result<_, _>>()
            .or(Err(CertificateMistake::Damaged))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// Why the entries `tls.crt` and `tls.key` of a Secret are no certificate that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateMistake {
    /// No PEM section of that kind.
    #[error(
        "has no certificate in its entry tls.crt: write PEM (-----BEGIN CERTIFICATE-----), the server's own certificate first"
    )]
    NoCertificate,
    /// PEM or X.509 that cannot be read.
    #[error(
        "has an entry tls.crt that is damaged or no X.509 certificate of version 3: copy the file again, or issue it anew"
    )]
    Damaged,
    /// No PEM section of that kind.
    #[error(
        "has no private key in its entry tls.key: write PEM (-----BEGIN PRIVATE KEY-----), without a passphrase"
    )]
    NoKey,
    /// Not RSA, ECDSA or Ed25519.
    #[error(
        "has an entry tls.key of a kind that cannot be served: use RSA of 2048 bits or more, ECDSA (P-256, P-384, P-521) or Ed25519"
    )]
    KeyOfUnknownKind,
    /// The key of something else.
    #[error(
        "has an entry tls.key that does not fit the first certificate in tls.crt: put the server's own certificate first, with the key that it was made with"
    )]
    OtherKey,
}
