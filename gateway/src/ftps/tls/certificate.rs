//! A certificate chain and its private key: from the bytes of two files to what signs handshakes.

use std::{fmt, time::Duration};

use rustls::{
    CertificateError, InconsistentKeys, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor, crypto::CryptoProvider,
    server::ParsedCertificate, sign::CertifiedKey,
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, UnixTime,
    pem::{self, PemObject as _},
};
use zeroize::Zeroizing;

/// The files of one listener. Debug shows nothing of the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `tls.crt`: the chain, PEM, the server's own certificate first.
    pub chain: Vec<u8>,
    /// `tls.key`: the private key of the first certificate, PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// Why a certificate cannot be served. No variant carries what `tls.key` holds.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The chain is not PEM.
    #[error("tls.crt is not PEM")]
    Chain(#[source] pem::Error),
    /// The chain is PEM, but of other things.
    #[error("tls.crt has no certificate")]
    NoCertificate,
    /// The first certificate is none.
    #[error("the first certificate of tls.crt cannot be read")]
    Certificate(#[source] rustls::Error),
    /// There is no key in the key's file.
    #[error("tls.key has no private key in PEM; one with a passphrase cannot be used")]
    NoKey,
    /// There is one, of a kind that cannot sign.
    #[error(
        "the private key in tls.key cannot be used; use ECDSA, Ed25519, or RSA of at least 2048 bits"
    )]
    Key,
    /// They are not a pair.
    #[error("tls.key is not the private key of the first certificate in tls.crt")]
    Mismatch,
    /// The versions and algorithms do not go together.
    #[error("TLS cannot be spoken as configured")]
    Settings(#[source] rustls::Error),
}

impl Certificate {
    /// Reads both files and checks that they belong together.
    pub(super) fn certified_key(
        &self,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, TlsError> {
        let chain = CertificateDer::pem_slice_iter(&self.chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Chain)?;
        let first = chain.first().ok_or(TlsError::NoCertificate)?;
        ParsedCertificate::try_from(first).map_err(TlsError::Certificate)?;
        // What the parser says about a key file may quote it.
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_quoting| TlsError::NoKey)?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_quoting| TlsError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(certified)
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch),
            Err(error) => Err(TlsError::Certificate(error)),
        }
    }
}

/// What is wrong with the time of the first certificate, if anything is.
///
/// It is served all the same: whoever pinned it, or does not look, still gets their files, and the others are told by
/// their clients. rustls compares the time before it looks for an issuer; that there is none here is expected.
pub(super) fn untimely(
    certified: &CertifiedKey,
    provider: &CryptoProvider,
) -> Option<CertificateError> {
    match refusal(certified, provider, UnixTime::now())? {
        error @ (CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. }) => Some(error),
        _ => None,
    }
}

/// When the first certificate ends; None if it is never valid.
///
/// rustls shows no field of a certificate, but says when one ended if it is asked after that: at the end of time.
pub(super) fn end(certified: &CertifiedKey, provider: &CryptoProvider) -> Option<UnixTime> {
    let end_of_time = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    match refusal(certified, provider, end_of_time)? {
        CertificateError::ExpiredContext { not_after, .. } => Some(not_after),
        _ => None,
    }
}

/// What a client that trusts no issuer says of the first certificate at that time; of the time before all else.
fn refusal(
    certified: &CertifiedKey,
    provider: &CryptoProvider,
    at: UnixTime,
) -> Option<CertificateError> {
    let first = certified.end_entity_cert().ok()?;
    let verified = verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(first).ok()?,
        &RootCertStore::empty(),
        &[],
        at,
        provider.signature_verification_algorithms.all,
    );
    match verified {
        Err(rustls::Error::InvalidCertificate(error)) => Some(error),
        Ok(()) | Err(_) => None,
    }
}
