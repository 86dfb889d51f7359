//! What exists and should not.

use crate::{CertManager, CertificateRequest, Observed, names, problem::name_of, roll::Slots};

/// An object that should not exist any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obsolete {
    /// The `StatefulSet` of a slot beyond `replicas`.
    StatefulSet(String),
    /// The configuration of a gateway whose pod has gone.
    Secret(String),
    /// cert-manager's Certificate of a listener that has gone.
    Certificate(String),
}

/// What goes. The `StatefulSet` and the configuration of a gateway stay as long as its pod does, which may drain for
/// hours: while a pod has no `StatefulSet`, Kubernetes lets no pod of the endpoint be evicted.
pub(crate) fn obsolete(
    slots: &Slots<'_>,
    certificates: &[CertificateRequest],
    observed: &Observed,
) -> Vec<Obsolete> {
    let leaving = slots.leaving();
    let sets = slots.sets().iter();
    let sets = sets.filter(|(slot, _)| leaving.contains(slot) && !slots.has_pod(**slot));
    let sets = sets.map(|(_, set)| Obsolete::StatefulSet(name_of(&set.metadata).to_owned()));
    let secrets = observed.secrets.iter().filter_map(|secret| {
        let name = name_of(&secret.metadata);
        let slot = names::slot_of(slots.endpoint(), name)?;
        let is_used = slots.wanted().contains(&slot) || leaving.contains(&slot);
        (!is_used).then(|| Obsolete::Secret(name.to_owned()))
    });
    let is_requested = |name: &str| {
        let mut requests = certificates.iter();
        requests.any(|request| name_of(&request.metadata) == name)
    };
    let certificates = observed.certificates.keys();
    // While cert-manager seems to be gone, none is requested and none has to go.
    let certificates = certificates
        .filter(|name| observed.cert_manager == CertManager::Installed && !is_requested(name));
    let certificates = certificates.map(|name| Obsolete::Certificate(name.clone()));
    sets.chain(secrets).chain(certificates).collect()
}
