//! Which files are served.

use std::time::Duration;

use gateway_config::TlsVersion;
use rustls::version::TLS13;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

use super::{
    super::{Certificate, ServerTls, TlsError, certificate::untimely, server::provider},
    fixture::{Fixture, certificate, settings},
};

/// Whether the error is this one.
type Expected = fn(&TlsError) -> bool;

fn refused(certificate: &Certificate) -> TlsError {
    ServerTls::new(&settings(TlsVersion::V1_2), certificate).unwrap_err()
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let mixed = Certificate {
        key: certificate(|_| {}).key,
        ..certificate(|_| {})
    };

    assert!(matches!(refused(&mixed), TlsError::Mismatch));
}

#[test]
fn files_that_hold_something_else_are_refused_and_not_quoted() {
    let good = certificate(|_| {});
    let chains: [(&[u8], Expected); 4] = [
        (b"", |error| matches!(error, TlsError::NoCertificate)),
        (b"rubbish", |error| matches!(error, TlsError::NoCertificate)),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n", |error| {
            matches!(error, TlsError::Chain(_))
        }),
        (
            b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            |error| matches!(error, TlsError::Certificate(_)),
        ),
    ];
    for (chain, is_expected) in chains {
        let error = refused(&Certificate {
            chain: chain.to_vec(),
            ..good.clone()
        });
        assert!(is_expected(&error), "{error:?}");
    }

    let keys: [(&[u8], Expected); 3] = [
        (b"", |error| matches!(error, TlsError::NoKey)),
        (b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", |error| {
            matches!(error, TlsError::NoKey)
        }),
        (
            b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
            |error| matches!(error, TlsError::Key),
        ),
    ];
    for (key, is_expected) in keys {
        let error = refused(&Certificate {
            key: Zeroizing::new(key.to_vec()),
            ..good.clone()
        });
        assert!(is_expected(&error), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("c2Vj"), "{error:?}");
    }
}

#[test]
fn the_end_of_a_certificate_is_noticed_once() {
    let end = rcgen::date_time_ymd(3000, 1, 1);
    let certificate = certificate(|params| params.not_after = end);
    let tls = ServerTls::new(&settings(TlsVersion::V1_2), &certificate).unwrap();
    let end = u64::try_from(end.unix_timestamp()).unwrap();
    let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));

    let noticed = [end, end + 1, end + 2].map(|seconds| tls.ends_unnoticed(at(seconds)));

    assert_eq!(tls.certificate_end(), Some(end));
    assert_eq!(noticed, [false, true, false]);
}

#[test]
fn a_certificate_that_has_ended_is_told_of_when_it_is_loaded_and_not_again() {
    let expired = certificate(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));

    let tls = ServerTls::new(&settings(TlsVersion::V1_2), &expired).unwrap();

    assert_eq!(tls.certificate_end(), Some(978_307_200));
    assert!(!tls.ends_unnoticed(UnixTime::now()));
}

#[tokio::test]
async fn a_certificate_outside_its_time_is_noticed_and_served() {
    let expired = certificate(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let early = certificate(|params| params.not_before = rcgen::date_time_ymd(3000, 1, 1));
    let timely = certificate(|_| {});
    let problem = |certificate: &Certificate| {
        let provider = provider();
        untimely(&certificate.certified_key(&provider).unwrap(), &provider)
    };

    assert!(problem(&expired).unwrap().to_string().contains("expired"));
    assert!(problem(&early).is_some());
    assert_eq!(problem(&timely), None);
    let tls = ServerTls::new(&settings(TlsVersion::V1_2), &expired).unwrap();
    let fixture = Fixture {
        certificate: expired,
        tls,
    };
    let refused = fixture.client(&TLS13).control(&fixture.tls.session()).await;
    assert!(refused.is_err(), "the client looks at the time");
}
