//! How many gateways may be away at once.

use crds::SecureFtpEndpoint;
use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{names, problem::name_of};

/// One at a time. Never `minAvailable`: with one gateway that would keep its node from ever being drained. A gateway that
/// does not serve keeps no node either.
pub(crate) fn disruption_budget(endpoint: &SecureFtpEndpoint) -> PodDisruptionBudget {
    let name = name_of(&endpoint.metadata);
    PodDisruptionBudget {
        metadata: names::owned(endpoint, names::service(name)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(names::pods(name)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}
