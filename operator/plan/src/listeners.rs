//! Where clients are served, and with which certificates.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::SocketAddr,
};

use crds::SecureFtpEndpoint;
use gateway_config::Listener;

use crate::{
    Certificate, Mistake, Placement, Problem, SecretKey, Secrets,
    certificate::{CHAIN_ENTRY, KEY_ENTRY},
    problem::namespace_of,
    translate,
};

/// Listeners that can be served, and the certificate of each that speaks FTPS, by its name.
pub(crate) type Served = (Vec<Listener>, BTreeMap<String, Certificate>);

/// Every listener that can be served. FTPS is not, as long as its `tls` has a problem.
pub(crate) fn compile_listeners(
    endpoint: &SecureFtpEndpoint,
    secrets: &Secrets,
    placement: &Placement,
    problems: &mut Vec<Problem>,
) -> Served {
    let mut taken = BTreeMap::new();
    let mut listeners = Vec::new();
    let mut certificates = BTreeMap::new();
    for (index, listener) in endpoint.spec.listeners.iter().enumerate() {
        let mut report = |field: &str, mistake| {
            let field = format!("spec.listeners[{index}]{field}");
            problems.push(Problem::of_endpoint(endpoint, &field, mistake));
        };
        let port = listener.port;
        let bound = placement.bound(port);
        let tls = match listener.protocol {
            crds::Protocol::Sftp => None,
            crds::Protocol::FtpsExplicit | crds::Protocol::FtpsImplicit => {
                let namespace = namespace_of(&endpoint.metadata);
                let source = Source {
                    namespace,
                    secrets,
                    placement,
                };
                match certificate(listener, &source, &mut report) {
                    Some(certificate) => Some(certificate),
                    None => continue,
                }
            }
        };
        match taken.entry(bound) {
            Entry::Occupied(other) => report(
                ".port",
                Mistake::PortTaken {
                    port,
                    bound,
                    other: String::clone(other.get()),
                },
            ),
            Entry::Vacant(free) => {
                free.insert(listener.name.clone());
                listeners.push(Listener {
                    name: listener.name.clone(),
                    protocol: translate::protocol(listener.protocol),
                    address: SocketAddr::new(placement.address, bound),
                    tls: tls.as_ref().and_then(|_| translate::tls(listener)),
                });
                certificates.extend(tls.map(|certificate| (listener.name.clone(), certificate)));
            }
        }
    }
    (listeners, certificates)
}

struct Source<'a> {
    namespace: &'a str,
    secrets: &'a Secrets,
    placement: &'a Placement,
}

/// The certificate of an FTPS listener; none if there is a problem.
fn certificate(
    listener: &crds::Listener,
    source: &Source<'_>,
    report: &mut impl FnMut(&str, Mistake),
) -> Option<Certificate> {
    let Some(tls) = &listener.tls else {
        report("", Mistake::TlsMissing);
        return None;
    };
    match (&tls.secret_ref, &tls.issuer_ref) {
        (Some(reference), None) => {
            let name = &reference.name;
            let certificate = source
                .secret(name)
                .map_err(|mistake| report(".tls.secretRef", mistake))
                .ok()?;
            let strangers = tls.dns_names.iter().enumerate();
            let strangers: Vec<_> = strangers
                .filter(|(_, host)| !certificate.is_for(host))
                .collect();
            for (index, host) in &strangers {
                let mistake = Mistake::CertificateName {
                    secret: name.clone(),
                    host: String::clone(host),
                };
                report(&format!(".tls.dnsNames[{index}]"), mistake);
            }
            strangers.is_empty().then_some(certificate)
        }
        (None, Some(_issuer)) => {
            let issued = source.placement.certificates.get(&listener.name);
            if issued.is_none() {
                report(".tls.issuerRef", Mistake::CertificatePending);
            }
            issued.cloned()
        }
        (None, None) | (Some(_), Some(_)) => {
            report(".tls", Mistake::CertificateSource);
            None
        }
    }
}

impl Source<'_> {
    fn secret(&self, secret: &str) -> Result<Certificate, Mistake> {
        let entry = |key: &str| {
            let key = SecretKey {
                namespace: self.namespace.to_owned(),
                secret: secret.to_owned(),
                key: key.to_owned(),
            };
            self.secrets.value(&key).map(<[u8]>::to_vec)
        };
        let certificate = Certificate {
            chain: entry(CHAIN_ENTRY)?,
            key: entry(KEY_ENTRY)?,
        };
        match certificate.check() {
            Ok(()) => Ok(certificate),
            Err(mistake) => Err(Mistake::Certificate {
                secret: secret.to_owned(),
                mistake,
            }),
        }
    }
}
