//! Makes kubelets look for what gateways were given, which they do by themselves only within a minute or two.

use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use plan::names::OPERATOR;
use serde_json::{Value, json};

use crate::{
    apply::ApplyError,
    memory::{Ahead, Key, Memory},
    request::request,
    turn::Turn,
};

/// The annotation of a pod with the digest of the configuration that it should have read, and how often its kubelet was
/// made to look for it again: `DIGEST`, `DIGEST-1`, `DIGEST-2`. That it changes makes the kubelet refresh the pod's files.
const CONFIGURATION: &str = "secureftp.dev/configuration";

/// Makes the kubelets of the running pods look for the new configuration, and look again as long as a gateway has another.
pub(crate) async fn refresh(
    turn: &Turn<'_>,
    (pods, configuration_digest): (&[Pod], &str),
    memory: &mut Memory,
    now: Timestamp,
) -> Result<(), ApplyError> {
    for pod in pods {
        let name = pod.name_any();
        let key: Key = ("Pod", name.clone());
        if memory.ahead(&key) != Ahead::No {
            continue;
        }
        let value = match Look::of(pod, configuration_digest) {
            Some(Look::First(value)) => value,
            Some(Look::Again(value)) if memory.gateways.is_refreshed_again(&name, now) => value,
            Some(Look::Again(_)) | None => continue,
        };
        turn.tools.may_write("Pod", "patch")?;
        let patch = Patch::Merge(json!({"metadata": {"annotations": {CONFIGURATION: value}}}));
        let parameters = PatchParams {
            field_manager: Some(OPERATOR.to_owned()),
            ..PatchParams::default()
        };
        let pods = turn.api::<Pod>();
        let asked = format!("to annotate the Pod {name}");
        match request(asked, pods.patch_metadata(&name, &parameters, &patch)).await {
            Ok(_) => {
                memory.gateways.refreshed(&name, now);
                memory.wrote(key, pod.resource_version(), Some(Value::Null));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What the annotation of a pod becomes.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// With this its kubelet looks for the configuration for the first time.
    First(String),
    /// With this it looks for the same again, where the first time did not help.
    Again(String),
}

impl Look {
    /// None for a pod that does not run yet, for it reads the newest files when it starts, and for one that ends.
    fn of(pod: &Pod, configuration_digest: &str) -> Option<Self> {
        let phase = pod.status.as_ref()?.phase.as_deref();
        if phase != Some("Running") || pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let before = pod.annotations().get(CONFIGURATION);
        let times = before.and_then(|before| match before.split_once('-') {
            Some((digest, times)) if digest == configuration_digest => times.parse().ok(),
            None if before == configuration_digest => Some(0_u64),
            Some(_) | None => None,
        });
        Some(match times {
            None => Self::First(configuration_digest.to_owned()),
            Some(times) => Self::Again(format!(
                "{configuration_digest}-{}",
                times.saturating_add(1)
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(phase: &str, annotation: Option<&str>) -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "partners-0-0",
                "annotations": annotation.map(|value| json!({CONFIGURATION: value})),
            },
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    #[test]
    fn every_configuration_is_looked_for_once_and_again_where_that_did_not_help() {
        let first = || Look::First("new".to_owned());
        let again = |value: &str| Look::Again(value.to_owned());
        for (before, after) in [
            (None, first()),
            (Some("old"), first()),
            (Some("old-3"), first()),
            (Some("new-x"), first()),
            (Some("new"), again("new-1")),
            (Some("new-3"), again("new-4")),
        ] {
            assert_eq!(
                Look::of(&pod("Running", before), "new"),
                Some(after),
                "{before:?}"
            );
        }
    }

    #[test]
    fn a_pod_that_does_not_run_or_leaves_is_left_alone() {
        assert_eq!(Look::of(&pod("Pending", None), "new"), None);
        let mut leaving = pod("Running", None);
        leaving.metadata.deletion_timestamp = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH),
        );
        assert_eq!(Look::of(&leaving, "new"), None);
    }
}
