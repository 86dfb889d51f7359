//! What the API server demands of objects that no CRD describes, in the words of a CRD's schema.

use serde_json::{Value as Json, json};

/// `metadata` of every object.
pub(super) fn metadata_schema() -> Json {
    let text = json!({"type": "string"});
    let label = json!({
        "type": "string",
        "maxLength": 63,
        "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
    });
    let anything = json!({"x-kubernetes-preserve-unknown-fields": true});
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                "description": "Lower-case letters, digits, `-` and `.`",
            },
            "namespace": {
                "type": "string",
                "maxLength": 63,
                "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
                "description": "Lower-case letters, digits and `-`",
            },
            "labels": {"type": "object", "additionalProperties": label},
            "annotations": {"type": "object", "additionalProperties": text},
            "finalizers": {"type": "array", "items": text},
            "generateName": text,
            "uid": text,
            "resourceVersion": text,
            "selfLink": text,
            "generation": {"type": "integer"},
            "deletionGracePeriodSeconds": {"type": "integer"},
            "creationTimestamp": {"type": "string", "format": "date-time"},
            "deletionTimestamp": {"type": "string", "format": "date-time"},
            "ownerReferences": anything,
            "managedFields": anything,
        },
    })
}

/// A Secret.
pub(super) fn secret_schema() -> Json {
    let text = json!({"type": "object", "additionalProperties": {"type": "string"}});
    json!({
        "type": "object",
        "required": ["metadata"],
        "properties": {
            "type": {"type": "string"},
            "immutable": {"type": "boolean"},
            "data": text,
            "stringData": text,
        },
    })
}

/// A `PersistentVolumeClaim` that holds files.
pub(super) fn claim_schema() -> Json {
    let anything = json!({"x-kubernetes-preserve-unknown-fields": true});
    let text = json!({"type": "string"});
    let quantities = json!({
        "type": "object",
        "additionalProperties": {"x-kubernetes-int-or-string": true},
    });
    json!({
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["accessModes", "resources"],
                "properties": {
                    "accessModes": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "string",
                            "enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"],
                        },
                    },
                    "resources": {
                        "type": "object",
                        "properties": {"requests": quantities, "limits": quantities},
                    },
                    "storageClassName": text,
                    "volumeName": text,
                    "volumeAttributesClassName": text,
                    "volumeMode": {"type": "string", "enum": ["Filesystem"]},
                    "selector": anything,
                    "dataSource": anything,
                    "dataSourceRef": anything,
                },
            },
        },
    })
}
