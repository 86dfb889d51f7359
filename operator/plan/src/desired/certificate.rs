//! What cert-manager is asked for: a Certificate for every listener with an `issuerRef`.

use crds::{IssuerReference, Listener, SecureFtpEndpoint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::{listeners::issuer, names, problem::name_of};

/// cert-manager's `Certificate` (`cert-manager.io/v1`), as far as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequest {
    /// Name, namespace, labels and owner.
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: CertificateSpec,
}

/// The `spec` of a [`CertificateRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    /// The Secret that is filled.
    pub secret_name: String,
    /// Who issues.
    pub issuer_ref: IssuerReference,
    /// For which names.
    pub dns_names: Vec<String>,
}

/// A Certificate for every listener that names an issuer and nothing else.
pub(crate) fn certificates(endpoint: &SecureFtpEndpoint) -> Vec<CertificateRequest> {
    let listeners = endpoint.spec.listeners.iter();
    listeners
        .filter_map(|listener| certificate(endpoint, listener))
        .collect()
}

fn certificate(endpoint: &SecureFtpEndpoint, listener: &Listener) -> Option<CertificateRequest> {
    let name = name_of(&endpoint.metadata);
    Some(CertificateRequest {
        spec: CertificateSpec {
            secret_name: names::certificate_secret(name, &listener.name),
            issuer_ref: issuer(listener)?.clone(),
            dns_names: listener.tls.as_ref()?.dns_names.clone(),
        },
        metadata: names::owned(endpoint, names::certificate(name, &listener.name)),
    })
}
