//! What is wrong with manifests only because one machine serves them all, and what `plan` finds, at its place.

use std::collections::{BTreeMap, BTreeSet};

use crds::{Listener, Protocol, SecureFtpEndpoint};
use plan::{Kind, Problem};

use super::Ports;
use crate::manifest::{self, Manifests, Mistake, Object};

/// A claim is a folder of its name, so two namespaces cannot have one of the same name.
pub(super) fn shared_claims(manifests: &Manifests) -> Vec<Mistake> {
    let mut seen = BTreeMap::new();
    let mut mistakes = Vec::new();
    for claim in &manifests.claims {
        let identity = &claim.identity;
        match seen.get(&identity.name) {
            None => {
                seen.insert(identity.name.clone(), claim);
            }
            Some(first) if first.identity.namespace != identity.namespace => mistakes.push(claim.mistake(
                "metadata.name",
                format!(
                    "namespace {} has a claim of this name too ({}), and both would be one folder here",
                    first.identity.namespace,
                    first.place("metadata.name")
                ),
                "rename one of the two, or serve each namespace from a PATH and with a --state of its own",
            )),
            // The same object written twice is reported as that.
            Some(_) => {}
        }
    }
    mistakes
}

/// Two endpoints cannot listen at one port. Inside one endpoint, `plan` looks.
pub(super) fn shared_ports(manifests: &Manifests, ports: Ports) -> Vec<Mistake> {
    let mut taken: BTreeMap<u16, (&Object<SecureFtpEndpoint>, String)> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for endpoint in &manifests.endpoints {
        // A field has one mend, however many of its ports are taken.
        let mut told = BTreeSet::new();
        for (path, port) in wanted_ports(&endpoint.value) {
            let bound = ports.bound(port);
            match taken.get(&bound) {
                None => {
                    taken.insert(bound, (endpoint, path));
                }
                Some((first, _)) if first.identity == endpoint.identity => {}
                Some((first, first_path)) if told.insert(path.clone()) => mistakes.push(endpoint.mistake(
                    &path,
                    format!(
                        "port {bound} here is taken by the endpoint {} ({})",
                        first.identity.name,
                        first.place(first_path)
                    ),
                    "give one of the two another port, or serve them with two `secureftp local` that differ in --bind and --state",
                )),
                Some(_) => {}
            }
        }
    }
    mistakes
}

/// Every port of an endpoint, with the path of the field that asks for it.
fn wanted_ports(endpoint: &SecureFtpEndpoint) -> impl Iterator<Item = (String, u16)> {
    let listeners = endpoint.spec.listeners.iter().enumerate();
    let listeners = listeners.map(|(index, listener)| {
        let path = format!("spec.listeners[{index}].port");
        (path, listener.port)
    });
    let is_ftps = |listener: &Listener| listener.protocol != Protocol::Sftp;
    let data_connections = endpoint.spec.data_connections.as_ref();
    let data_connections = data_connections.filter(|_| endpoint.spec.listeners.iter().any(is_ftps));
    let passive = data_connections.map(|data| data.passive.ports.start..=data.passive.ports.end);
    let path = "spec.dataConnections.passive.ports";
    listeners.chain(
        passive
            .into_iter()
            .flatten()
            .map(|port| (path.to_owned(), port)),
    )
}

/// A problem of `plan` at its place.
pub(super) fn placed(manifests: &Manifests, problem: &Problem) -> Option<Mistake> {
    let Problem {
        object,
        field,
        mistake,
    } = problem;
    let text = mistake.to_string();
    let (what, mend) = text.split_once(": ").unwrap_or((&text, ""));
    // A Secret that is there but wrong has been reported as that, and is not missing.
    if let plan::Mistake::SecretMissing { secret } = mistake
        && (manifests.is_partial || manifests.is_declared("Secret", &object.namespace, secret))
    {
        return None;
    }
    let named = |identity: &manifest::Identity| {
        identity.namespace == object.namespace && identity.name == object.name
    };
    match object.kind {
        Kind::Endpoint => manifests
            .endpoints
            .iter()
            .find(|endpoint| named(&endpoint.identity))
            .map(|endpoint| endpoint.mistake(field, what, mend)),
        Kind::User => {
            let user = manifests.users.iter().find(|user| named(&user.identity))?;
            let what = match mistake {
                plan::Mistake::Duplicate { older, .. } => {
                    let other = manifests
                        .users
                        .iter()
                        .find(|user| user.identity.name == *older)?;
                    format!("{what} ({})", other.place("spec.username"))
                }
                _ => what.to_owned(),
            };
            Some(user.mistake(field, what, mend))
        }
    }
}
