//! What became of the certificates that cert-manager was asked for.

use std::collections::BTreeMap;

use crds::Listener;

use crate::{
    CertManager, Certificate, Mistake, Observed, Problem, Sources,
    listeners::{certificate_in, issuer},
    names,
    problem::{name_of, namespace_of},
};

/// The answer for every listener that names an issuer. What is in its Secret is served, whatever became of cert-manager.
pub(crate) fn answers(
    sources: Sources<'_>,
    observed: &Observed,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Result<Certificate, Mistake>> {
    let endpoint = sources.endpoint;
    let listeners = endpoint.spec.listeners.iter().enumerate();
    listeners
        .filter(|(_, listener)| issuer(listener).is_some())
        .map(|(index, listener)| {
            let answer = answer(sources, observed, listener);
            if answer.is_ok() && observed.cert_manager == CertManager::Missing {
                let field = format!("spec.listeners[{index}].tls.issuerRef");
                let mistake = Mistake::CertManagerMissing;
                problems.push(Problem::of_endpoint(endpoint, &field, mistake));
            }
            (listener.name.clone(), answer)
        })
        .collect()
}

fn answer(
    sources: Sources<'_>,
    observed: &Observed,
    listener: &Listener,
) -> Result<Certificate, Mistake> {
    let metadata = &sources.endpoint.metadata;
    let secret = names::certificate_secret(name_of(metadata), &listener.name);
    certificate_in(sources.secrets, namespace_of(metadata), &secret).map_err(
        |mistake| match mistake {
            Mistake::SecretMissing { .. } | Mistake::SecretKeyMissing { .. } => {
                let certificate = names::certificate(name_of(metadata), &listener.name);
                pending(observed, &certificate)
            }
            other => other,
        },
    )
}

/// Why there is no certificate.
fn pending(observed: &Observed, certificate: &str) -> Mistake {
    if observed.cert_manager == CertManager::Missing {
        return Mistake::CertManagerMissing;
    }
    let conditions = observed.certificates.get(certificate);
    let mut conditions = conditions.into_iter().flatten();
    // The Secret of one that is ready is seen later than its condition.
    let not_ready =
        conditions.find(|condition| condition.type_ == "Ready" && condition.status == "False");
    match not_ready.map(|condition| condition.message.as_str()) {
        None | Some("") => Mistake::CertificatePending,
        Some(message) => Mistake::CertificateNotIssued {
            message: message.to_owned(),
        },
    }
}
