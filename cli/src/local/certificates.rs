//! Certificates: on a cluster an issuer makes them, here it is a small authority (CA) of this STATE's own.
//!
//! ```text
//! ca/ca.crt, ca.key                            the authority, made once and kept; clients trust ca.crt
//! certificates/NAMESPACE/NAME/LISTENER/        tls.crt, tls.key and names: whom the certificate is for
//! ```

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plan::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::state;

const DAY: Duration = Duration::from_hours(24);

/// How long an authority lasts: longer than any STATE.
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(20 * 365);

/// How long a server's certificate lasts.
const CERTIFICATE_LIFE: Duration = DAY.saturating_mul(90);

/// How long before its end a certificate is replaced.
const RENEWAL: Duration = DAY.saturating_mul(30);

/// Whom a certificate is for: host names and addresses.
pub(super) type Names = BTreeSet<String>;

/// Who signs certificates here.
#[derive(Debug)]
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// The authority in this folder, made if it is not there.
    pub(super) fn keep(folder: &Path) -> Result<Self, Error> {
        let (chain, key) = (folder.join("ca.crt"), folder.join("ca.key"));
        let pair = if let Some(pem) = state::read(&key)?.map(Zeroizing::new) {
            read_key(&pem).ok_or(Error::Kept(key))?
        } else {
            let pair = make_key()?;
            // The key goes last: a certificate that it did not get to is made anew with the next key.
            state::write(&chain, authority(&pair)?.pem().as_bytes())?;
            state::write(&key, Zeroizing::new(pair.serialize_pem()).as_bytes())?;
            pair
        };
        let pem = state::read(&chain)?.unwrap_or_default();
        let certificate =
            CertificateDer::from_pem_slice(&pem).map_err(|_no_pem| Error::Kept(chain))?;
        Ok(Self::new(pair, certificate))
    }

    /// An authority that nobody will ever hear of.
    pub(super) fn imagine() -> Result<Self, Error> {
        let pair = make_key()?;
        let certificate = authority(&pair)?.der().clone();
        Ok(Self::new(pair, certificate))
    }

    fn new(pair: KeyPair, certificate: CertificateDer<'static>) -> Self {
        Self {
            issuer: Issuer::new(authority_params(), pair),
            certificate,
        }
    }

    /// The certificate in this folder: the one that is kept as long as it is for these names and does not end soon.
    pub(super) fn keep_certificate(
        &self,
        folder: &Path,
        names: &Names,
        now: SystemTime,
    ) -> Result<Certificate, Error> {
        let [chain, key, list] = ["tls.crt", "tls.key", "names"].map(|name| folder.join(name));
        let listed = names
            .iter()
            .fold(String::new(), |text, name| text + name + "\n");
        if let (Some(kept_list), Some(chain), Some(key)) = (
            state::read(&list)?,
            state::read(&chain)?,
            state::read(&key)?,
        ) {
            let kept = Certificate { chain, key };
            if kept_list == listed.as_bytes() && self.is_good(&kept, names, now + RENEWAL) {
                return Ok(kept);
            }
        }
        let made = self.issue(names, now)?;
        if !self.is_good(&made, names, now) {
            return Err(Error::Useless(names.clone()));
        }
        state::write(&key, &made.key)?;
        state::write(&chain, &made.chain)?;
        state::write(&list, listed.as_bytes())?;
        Ok(made)
    }

    /// A new certificate, good from now on.
    pub(super) fn issue(&self, names: &Names, now: SystemTime) -> Result<Certificate, Error> {
        let pair = make_key()?;
        let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
        let is_host = |name: &&String| name.parse::<IpAddr>().is_err();
        if let Some(name) = names.iter().find(is_host) {
            params
                .distinguished_name
                .push(DnType::CommonName, name.as_str());
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now, CERTIFICATE_LIFE);
        let certificate = params.signed_by(&pair, &self.issuer)?;
        Ok(Certificate {
            chain: certificate.pem().into_bytes(),
            key: pair.serialize_pem().into_bytes(),
        })
    }

    /// Whether clients who trust this authority take the certificate at that time, by every name.
    pub(super) fn is_good(&self, kept: &Certificate, names: &Names, at: SystemTime) -> bool {
        let mut roots = RootCertStore::empty();
        if kept.check().is_err() || roots.add(self.certificate.clone()).is_err() {
            return false;
        }
        let provider = Arc::new(default_provider());
        let Ok(verifier) =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()
        else {
            return false;
        };
        let Ok(certificate) = CertificateDer::from_pem_slice(&kept.chain) else {
            return false;
        };
        let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
        names.iter().all(|name| {
            ServerName::try_from(name.as_str()).is_ok_and(|name| {
                verifier
                    .verify_server_cert(&certificate, &[], &name, &[], at)
                    .is_ok()
            })
        })
    }
}

/// What people compare: SHA-256 of the server's certificate, as `openssl x509 -fingerprint -sha256` shows it.
pub(super) fn fingerprint(certificate: &Certificate) -> Option<String> {
    let certificate = CertificateDer::from_pem_slice(&certificate.chain).ok()?;
    let bytes = Sha256::digest(&certificate);
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(bytes.join(":"))
}

/// What curl compares: SHA-256 of the public key, base64.
pub(super) fn pin(certificate: &Certificate) -> Option<String> {
    let key = PrivateKeyDer::from_pem_slice(&certificate.key).ok()?;
    let key = default_provider().key_provider.load_private_key(key).ok()?;
    Some(STANDARD.encode(Sha256::digest(key.public_key()?)))
}

fn make_key() -> Result<KeyPair, Error> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

fn read_key(pem: &[u8]) -> Option<KeyPair> {
    KeyPair::from_pem(str::from_utf8(pem).ok()?).ok()
}

fn authority(pair: &KeyPair) -> Result<rcgen::Certificate, Error> {
    let mut params = authority_params();
    set_life(&mut params, SystemTime::now(), AUTHORITY_LIFE);
    Ok(params.self_signed(pair)?)
}

/// What certificates repeat of their authority is in here, so it never changes.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "secureftp local");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// From an hour ago, for clients whose clock is behind.
fn set_life(params: &mut CertificateParams, now: SystemTime, life: Duration) {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(Duration::from_hours(1));
    params.not_after = epoch + now.saturating_add(life);
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// STATE failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A file of the authority holds something else.
    #[error(
        "{} is damaged: remove it together with the other file of this folder, and a new authority is made, which clients have to trust anew",
        .0.display()
    )]
    Kept(PathBuf),
    /// The authority's files do not belong together.
    #[error(
        "no valid certificate can be made for {}: remove the folder ca, and a new authority is made, which clients have to trust anew",
        .0.iter().cloned().collect::<Vec<_>>().join(", ")
    )]
    Useless(Names),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made")]
    Make(#[from] rcgen::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (ca, leaf) = (folder.path().join("ca"), folder.path().join("leaf"));
        let names = names(&["ftp.example.com", "localhost", "127.0.0.1", "::1"]);

        let first = Authority::keep(&ca).unwrap();
        let made = first
            .keep_certificate(&leaf, &names, SystemTime::now())
            .unwrap();
        let again = Authority::keep(&ca).unwrap();
        let kept = again
            .keep_certificate(&leaf, &names, SystemTime::now())
            .unwrap();

        assert_eq!(made, kept);
        assert!(again.is_good(&kept, &names, SystemTime::now()));
    }

    #[test]
    fn a_certificate_is_for_its_names_only() {
        let authority = Authority::imagine().unwrap();
        let made = authority
            .issue(&names(&["ftp.example.com", "127.0.0.1"]), SystemTime::now())
            .unwrap();

        let is_for = |name| authority.is_good(&made, &names(&[name]), SystemTime::now());
        assert!(is_for("ftp.example.com"));
        assert!(is_for("127.0.0.1"));
        assert!(!is_for("127.0.0.2"));
        assert!(!is_for("example.com"));
    }

    #[test]
    fn another_authority_is_not_believed() {
        let names = names(&["localhost"]);
        let made = Authority::imagine()
            .unwrap()
            .issue(&names, SystemTime::now())
            .unwrap();

        let other = Authority::imagine().unwrap();

        assert!(!other.is_good(&made, &names, SystemTime::now()));
    }

    #[test]
    fn a_certificate_that_ends_soon_or_is_for_others_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::keep(&folder.path().join("ca")).unwrap();
        let leaf = folder.path().join("leaf");
        let one = names(&["localhost"]);
        let now = SystemTime::now();
        let keep = |names: &Names| authority.keep_certificate(&leaf, names, now).unwrap();

        let first = keep(&one);
        let two = keep(&names(&["localhost", "ftp.example.com"]));
        let one_again = keep(&one);
        let old = authority
            .issue(&one, now - CERTIFICATE_LIFE + RENEWAL - DAY)
            .unwrap();
        state::write(&leaf.join("tls.crt"), &old.chain).unwrap();
        state::write(&leaf.join("tls.key"), &old.key).unwrap();
        let renewed = keep(&one);

        assert_ne!(first, two);
        assert_ne!(two, one_again);
        assert_ne!(old, renewed);
        assert_eq!(renewed, keep(&one));
    }

    #[test]
    fn a_damaged_authority_is_not_overwritten() {
        for file in ["ca.crt", "ca.key"] {
            let folder = tempfile::tempdir().unwrap();
            Authority::keep(folder.path()).unwrap();
            std::fs::write(folder.path().join(file), "precious").unwrap();

            let kept = Authority::keep(folder.path());

            assert!(matches!(kept, Err(Error::Kept(_))), "{file}");
            let content = std::fs::read_to_string(folder.path().join(file)).unwrap();
            assert_eq!(content, "precious");
        }
    }

    #[test]
    fn an_authority_of_another_key_signs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (ca, other) = (folder.path().join("ca"), folder.path().join("other"));
        Authority::keep(&ca).unwrap();
        Authority::keep(&other).unwrap();
        std::fs::copy(other.join("ca.crt"), ca.join("ca.crt")).unwrap();

        let mixed = Authority::keep(&ca).unwrap();
        let leaf = folder.path().join("leaf");
        let made = mixed.keep_certificate(&leaf, &names(&["localhost"]), SystemTime::now());

        assert!(matches!(made, Err(Error::Useless(_))));
    }

    #[test]
    fn a_fingerprint_looks_as_openssl_shows_it() {
        let authority = Authority::imagine().unwrap();
        let made = authority
            .issue(&names(&["localhost"]), SystemTime::now())
            .unwrap();

        let shown = fingerprint(&made).unwrap();

        assert_eq!(shown.len(), 32 * 3 - 1);
        assert!(shown.split(':').all(|byte| byte.len() == 2), "{shown}");
        assert_eq!(pin(&made).unwrap().len(), 44);
    }
}
