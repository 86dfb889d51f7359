//! The certificates that FTPS clients see.

use std::collections::BTreeMap;

use crds::{CertificateStatus, SecureFtpEndpoint};
use gateway_config::Digest;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use x509_cert::{
    certificate::{CertificateInner, Raw},
    der::Decode as _,
};

use crate::{Certificate, data_connections::is_ftps, references::certificate_secret};

/// One entry for every FTPS listener that says where its certificate comes from.
pub(super) fn certificate_statuses(
    endpoint: &SecureFtpEndpoint,
    served: &BTreeMap<String, Certificate>,
) -> Vec<CertificateStatus> {
    endpoint
        .spec
        .listeners
        .iter()
        .filter(|listener| is_ftps(listener.protocol))
        .filter_map(|listener| {
            let certificate = served.get(&listener.name).and_then(Certificate::first);
            Some(CertificateStatus {
                listener: listener.name.clone(),
                secret: certificate_secret(endpoint, listener)?,
                not_after: certificate.as_deref().and_then(not_after),
                sha256: certificate.map(|der| Digest::of(&der).to_string()),
            })
        })
        .collect()
}

/// The end of a certificate in DER. It is read without the rules of RFC 5280 that clients do not insist on.
fn not_after(der: &[u8]) -> Option<Time> {
    let certificate = CertificateInner::<Raw>::from_der(der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after;
    let seconds = i64::try_from(end.to_unix_duration().as_secs()).ok()?;
    // "No end" is written as the last second of the year 9999 (RFC 5280 §4.1.2.5), which is beyond what jiff knows.
    Some(Time(
        Timestamp::from_second(seconds.min(Timestamp::MAX.as_second())).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_ends_when_openssl_says_so() {
        let issued = Certificate {
            chain: include_bytes!("../../tests/fixtures/issued.crt").to_vec(),
            key: Vec::new(),
        };

        let der = issued.first().unwrap();

        assert_eq!(
            not_after(&der).unwrap().0.to_string(),
            "2126-10-31T01:52:48Z"
        );
        assert_eq!(
            Digest::of(&der).to_string(),
            "9a5ab7076e1af85872616866613ef772f2f4bf17fbcdf97b96bbd417a388bb21"
        );
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        assert_eq!(not_after(b"0\x03\x02\x01\x05"), None);
    }
}
