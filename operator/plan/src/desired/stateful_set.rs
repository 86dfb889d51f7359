//! The gateway of one slot.

use gateway_config::Digest;
use k8s_openapi::{
    api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::pod::{Gateways, labels, pod_template};
use crate::{
    names::{self, SLOT_LABEL, TEMPLATE_ANNOTATION},
    problem::name_of,
};

/// The `StatefulSet` of a slot: one pod, for the ports of a pod are part of its template, and no two gateways have the same.
pub(crate) fn stateful_set(gateways: &Gateways<'_>, slot: u16) -> StatefulSet {
    let endpoint = gateways.endpoint;
    let name = name_of(&endpoint.metadata);
    let template = pod_template(gateways, slot);
    let bytes = serde_json::to_vec(&template).unwrap_or_default();
    let mut metadata = names::owned(endpoint, names::slot(name, slot));
    metadata.labels = Some(labels(gateways, slot));
    metadata.annotations = Some(
        [(
            TEMPLATE_ANNOTATION.to_owned(),
            Digest::of(&bytes).to_string(),
        )]
        .into(),
    );
    let mut selected = names::selector(name);
    selected.insert(SLOT_LABEL.to_owned(), slot.to_string());
    StatefulSet {
        metadata,
        spec: StatefulSetSpec {
            // In order, a pod that never became ready would never be replaced by a mended one.
            pod_management_policy: Some("Parallel".to_owned()),
            replicas: Some(1),
            revision_history_limit: Some(2),
            selector: LabelSelector {
                match_labels: Some(selected),
                match_expressions: None,
            },
            service_name: Some(names::service(name)),
            template,
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: None,
            }),
            ..StatefulSetSpec::default()
        },
        status: None,
    }
}

/// The `StatefulSet` of a slot that is not wanted any more: its pod ends, and no other follows.
pub(crate) fn without_pod(gateways: &Gateways<'_>, slot: u16) -> StatefulSet {
    let mut set = stateful_set(gateways, slot);
    set.spec.replicas = Some(0);
    set
}
