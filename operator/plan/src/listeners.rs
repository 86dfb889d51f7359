//! Where clients are served, and with which certificates.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::SocketAddr,
};

use crds::{IssuerReference, SecureFtpEndpoint};
use gateway_config::Listener;

use crate::{
    Certificate, Mistake, Placement, Problem, SecretKey, Secrets,
    certificate::{CHAIN_ENTRY, KEY_ENTRY},
    data_connections::is_ftps,
    problem::namespace_of,
    translate,
};

/// Listeners that can be served, and the certificate of each that speaks FTPS, by its name.
pub(crate) type Served = (Vec<Listener>, BTreeMap<String, Certificate>);

/// What has the admin port, in words.
pub(crate) const ADMIN: &str = "the admin server of the gateway";

/// What has the port of a listener, in words.
pub(crate) fn owner(listener: &crds::Listener) -> String {
    format!("the listener {}", listener.name)
}

/// Every listener that can be served. FTPS is not, as long as its `tls` has a problem.
pub(crate) fn compile_listeners(
    endpoint: &SecureFtpEndpoint,
    secrets: &Secrets,
    placement: &Placement,
    problems: &mut Vec<Problem>,
) -> Served {
    let mut taken: BTreeMap<u16, String> = placement
        .admin
        .map(|port| (port, ADMIN.to_owned()))
        .into_iter()
        .collect();
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
                    other: other.get().clone(),
                },
            ),
            Entry::Vacant(free) => {
                free.insert(owner(listener));
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

/// Who issues the certificate of a listener; none if that is not clear.
pub(crate) fn issuer(listener: &crds::Listener) -> Option<&IssuerReference> {
    let tls = listener.tls.as_ref()?;
    let issuer = tls.issuer_ref.as_ref()?;
    (is_ftps(listener.protocol) && tls.secret_ref.is_none()).then_some(issuer)
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
            let certificate = certificate_in(source.secrets, source.namespace, name)
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
            let answer = source.placement.certificates.get(&listener.name);
            answer
                .cloned()
                .unwrap_or(Err(Mistake::CertificatePending))
                .map_err(|mistake| report(".tls.issuerRef", mistake))
                .ok()
        }
        (None, None) | (Some(_), Some(_)) => {
            report(".tls", Mistake::CertificateSource);
            None
        }
    }
}

/// The certificate in a Secret of type `kubernetes.io/tls`.
pub(crate) fn certificate_in(
    secrets: &Secrets,
    namespace: &str,
    secret: &str,
) -> Result<Certificate, Mistake> {
    let entry = |key: &str| {
        let key = SecretKey {
            namespace: namespace.to_owned(),
            secret: secret.to_owned(),
            key: key.to_owned(),
        };
        secrets.value(&key).map(<[u8]>::to_vec)
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
