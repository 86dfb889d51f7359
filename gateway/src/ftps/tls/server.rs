//! How one listener speaks TLS.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use gateway_config::{Digest, TlsVersion};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::NoServerSessionStorage,
    sign::SingleCertAndKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::UnixTime;

use super::{
    certificate::{self, Certificate, TlsError, untimely},
    session::SessionTls,
};

static FROM_1_2: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static FROM_1_3: &[&SupportedProtocolVersion] = &[&TLS13];

/// How one listener speaks TLS. A reload makes a new one for new handshakes of control connections; what has begun keeps
/// its own, so that data connections show the certificate that their control connection has shown.
///
/// Two are equal when they were made from the same files.
pub struct ServerTls {
    config: ServerConfig,
    files: Digest,
    /// The SHA-256 of the server's own certificate, in DER.
    fingerprint: Option<Digest>,
    /// When the certificate ends, if it ever was valid.
    end: Option<UnixTime>,
    /// Whether somebody was told that it has ended.
    end_is_told: AtomicBool,
}

impl ServerTls {
    /// TLS with this certificate.
    pub fn new(
        settings: &gateway_config::Tls,
        certificate: &Certificate,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(provider());
        let certified = certificate.certified_key(&provider)?;
        if let Some(problem) = untimely(&certified, &provider) {
            tracing::warn!(%problem, "a certificate is served that clients may refuse");
        }
        let end = certificate::end(&certified, &provider);
        let fingerprint = certified.end_entity_cert().ok().map(|own| Digest::of(own));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(settings.min_version))
            .map_err(TlsError::Settings)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        // Nothing is resumed but within a session, and a session brings its own store. There is no ticketer: what one
        // session has sealed every other could open.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // Commands that somebody may repeat are not obeyed.
        config.max_early_data_size = 0;
        // No ALPN: hardly a client offers any, their names differ for control and data, and rustls refuses who offers
        // none of those that a server lists.
        config.alpn_protocols = Vec::new();
        Ok(Self {
            config,
            files: digest(certificate),
            fingerprint,
            end,
            // Of one that has ended already the warning above has told.
            end_is_told: AtomicBool::new(end.is_some_and(|end| end < UnixTime::now())),
        })
    }

    /// When the certificate ends, in seconds since 1970; None if it never was valid.
    pub fn certificate_end(&self) -> Option<u64> {
        self.end.map(|end| end.as_secs())
    }

    /// The SHA-256 of the certificate that new handshakes get, in DER.
    pub fn fingerprint(&self) -> Option<Digest> {
        self.fingerprint.clone()
    }

    /// Whether the certificate has ended by now and nobody was told so before; true once at most.
    pub(crate) fn ends_unnoticed(&self, now: UnixTime) -> bool {
        self.end.is_some_and(|end| end < now) && !self.end_is_told.swap(true, Ordering::Relaxed)
    }

    /// TLS for one control connection and its data connections. Make a new one for every `AUTH`.
    pub(crate) fn session(&self) -> SessionTls {
        SessionTls::new(&self.config)
    }
}

impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Eq for ServerTls {}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // rustls hides the key today; nothing is lost by not relying on it.
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

/// Algorithms: rustls' choice of cipher suites, and the key exchange that also withstands quantum computers first.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![
            aws_lc_rs::kx_group::X25519MLKEM768,
            aws_lc_rs::kx_group::X25519,
            aws_lc_rs::kx_group::SECP256R1,
            aws_lc_rs::kx_group::SECP384R1,
        ],
        ..aws_lc_rs::default_provider()
    }
}

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min {
        TlsVersion::V1_2 => FROM_1_2,
        TlsVersion::V1_3 => FROM_1_3,
    }
}

/// Stands for both files, so that neither need be kept to notice a renewal.
fn digest(certificate: &Certificate) -> Digest {
    let parts = [Digest::of(&certificate.chain), Digest::of(&certificate.key)];
    Digest::of(parts.map(|part| part.to_string()).concat().as_bytes())
}
