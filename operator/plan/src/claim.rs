//! What the claim of an endpoint allows.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::{Mistake, Observed, Problem, Sources, desired::Nodes};

const FIELD: &str = "spec.storage.persistentVolumeClaim.claimName";

/// What a claim allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Where its volume can be mounted.
    pub(crate) nodes: Nodes,
    /// How many gateways there can be.
    pub(crate) replicas: u16,
    /// What pods that mount it would find.
    pub(crate) volume: Volume,
}

/// What pods would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// The claim, sooner or later with a volume.
    Present,
    /// No claim: they could not start.
    Missing,
}

/// What the observed claim allows. It is read as it is written: what the volume behind it could do besides is known only
/// when it is bound, and must not replace pods then.
pub(crate) fn access(
    sources: Sources<'_>,
    observed: &Observed,
    problems: &mut Vec<Problem>,
) -> Access {
    let endpoint = sources.endpoint;
    let claim = &endpoint.spec.storage.persistent_volume_claim.claim_name;
    let replicas = u16::try_from(endpoint.spec.replicas).unwrap_or(u16::MAX);
    let Some(observed) = &observed.claim else {
        let claim = claim.clone();
        let mistake = Mistake::ClaimMissing { claim };
        problems.push(Problem::of_endpoint(endpoint, FIELD, mistake));
        return Access {
            nodes: Nodes::Many,
            replicas,
            volume: Volume::Missing,
        };
    };
    let for_one_pod = has_mode(observed, "ReadWriteOncePod");
    if for_one_pod && replicas > 1 {
        let claim = claim.clone();
        let mistake = Mistake::ClaimForOnePod { claim };
        problems.push(Problem::of_endpoint(endpoint, "spec.replicas", mistake));
    }
    let of_one_node = has_mode(observed, "ReadWriteOnce") && !has_mode(observed, "ReadWriteMany");
    Access {
        nodes: if of_one_node { Nodes::One } else { Nodes::Many },
        replicas: if for_one_pod {
            replicas.min(1)
        } else {
            replicas
        },
        volume: Volume::Present,
    }
}

fn has_mode(claim: &PersistentVolumeClaim, mode: &str) -> bool {
    let spec = claim.spec.as_ref();
    let modes = spec.and_then(|spec| spec.access_modes.as_ref());
    modes.is_some_and(|modes| modes.iter().any(|has| has == mode))
}
