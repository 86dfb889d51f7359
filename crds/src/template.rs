//! What an endpoint gives the pods of its gateways.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::references::OBJECT_NAME;

/// What the operator finds and knows its pods by.
const KEYS_ARE_FREE: &str = "self.all(k, !k.startsWith('secureftp.dev/') && !(k in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'app.kubernetes.io/version']))";

/// What the pods of the gateways are given besides. Every change replaces the pods, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// CPU and memory of each gateway. Default: requests of 100m CPU and 64Mi memory, and no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
    /// Labels of the nodes that may run gateways.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the gateways tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub tolerations: Vec<Toleration>,
    /// The priority class of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub priority_class_name: Option<String>,
    /// Labels of the pods, besides the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    #[x_kube(validation = (
        KEYS_ARE_FREE,
        "a label of template belongs to the operator: choose another than secureftp.dev/… and app.kubernetes.io/name, instance, managed-by and version"
    ))]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods, besides the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = (
        "self.all(k, !k.startsWith('secureftp.dev/'))",
        "an annotation of template belongs to the operator: choose another than secureftp.dev/…"
    ))]
    pub annotations: BTreeMap<String, String>,
}

/// Kubernetes' own type without `claims`, which need a pod that names them, and with what is a quantity.
fn resources(_: &mut SchemaGenerator) -> Schema {
    let amounts = |description: &str| {
        json_schema!({
            "type": "object",
            "description": description,
            "maxProperties": 32,
            "additionalProperties": {
                "x-kubernetes-int-or-string": true,
                "pattern": r"^[+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|([eE][-+]?[0-9]+))?$"
            }
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "requests": amounts("What is set aside for each gateway, for example `cpu: 100m` and `memory: 64Mi`."),
            "limits": amounts("What each gateway may use at most, for example `memory: 1Gi`.")
        }
    })
}

fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
        }
    })
}
