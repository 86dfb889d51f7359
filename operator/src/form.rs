//! How a wanted object looks, and whether an object of the cluster looks as wanted. Pure.

use std::fmt::Write as _;

use kube::{Resource, api::ApiResource};
use plan::CertificateRequest;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    certificates,
    memory::{Key, Settled},
};

/// The annotation with the digest of what was applied.
pub(crate) const APPLIED: &str = "secureftp.dev/applied";

/// What the API server and the controllers write into the metadata of every object.
const NOT_WANTED: [&str; 5] = [
    "resourceVersion",
    "generation",
    "managedFields",
    "uid",
    "creationTimestamp",
];

/// An object that should exist.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    pub(crate) resource: ApiResource,
    /// The object, with [`APPLIED`].
    pub(crate) form: Value,
    /// The digest of the object without [`APPLIED`].
    pub(crate) digest: String,
}

impl Wanted {
    /// An object of a kind of Kubernetes.
    pub(crate) fn of<K>(object: &K) -> serde_json::Result<Self>
    where
        K: Resource<DynamicType = ()> + k8s_openapi::Resource + Serialize,
    {
        let form = serde_json::to_value(object)?;
        Ok(Self::new(
            <K as k8s_openapi::Resource>::KIND,
            ApiResource::erase::<K>(&()),
            form,
        ))
    }

    /// A Certificate of cert-manager.
    pub(crate) fn certificate(request: &CertificateRequest) -> serde_json::Result<Self> {
        let resource = certificates::resource();
        let mut form = serde_json::to_value(request)?;
        if let Some(fields) = form.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(resource.api_version));
            fields.insert("kind".to_owned(), json!(resource.kind));
        }
        Ok(Self::new("Certificate", resource, form))
    }

    fn new(kind: &'static str, resource: ApiResource, mut form: Value) -> Self {
        let digest = digest(&form);
        let name = form.pointer("/metadata/name").and_then(Value::as_str);
        let key = (kind, name.unwrap_or_default().to_owned());
        if let Some(metadata) = form.get_mut("metadata").and_then(Value::as_object_mut) {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(APPLIED.to_owned(), json!(digest));
            }
        }
        Self {
            key,
            resource,
            form,
            digest,
        }
    }

    /// How an object that looks like this is remembered.
    pub(crate) fn settled(&self, became: &Value) -> Settled {
        let mut became = became.clone();
        if let Some(fields) = became.as_object_mut() {
            fields.remove("status");
        }
        if let Some(metadata) = became.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in NOT_WANTED {
                metadata.remove(field);
            }
        }
        Settled {
            wanted: self.digest.clone(),
            became: digest(&became),
        }
    }

    /// Whether this is what was applied last.
    pub(crate) fn was_applied_to(&self, form: &Value) -> bool {
        let annotations = form.pointer("/metadata/annotations");
        annotations.and_then(|all| all.get(APPLIED)) == Some(&json!(self.digest))
    }
}

/// SHA-256 of the JSON, whose fields are in order, in lower-case hexadecimal.
fn digest(value: &Value) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(value.to_string()) {
        // Writing to a String never fails.
        let _written = write!(text, "{byte:02x}");
    }
    text
}

/// Whether everything that is wanted is there. More may be: what the API server fills in, and fields of others. A list
/// must be as long as wanted, for what stands in a list of ours besides is somebody's addition; its objects may be in
/// another order.
pub(crate) fn covers(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| match there.get(name) {
                Some(there) => covers(there, wanted),
                None => is_nothing(wanted),
            })
        }
        (Value::Array(there), Value::Array(wanted)) if wanted.iter().all(Value::is_object) => {
            let is_covered = |wanted| there.iter().any(|there| covers(there, wanted));
            there.len() == wanted.len() && wanted.iter().all(is_covered)
        }
        (there, wanted) => there == wanted,
    }
}

/// What the API server leaves out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(is_true) => !is_true,
        Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;

    use super::*;

    fn service(port: i32) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "partners", "namespace": "b2b", "labels": {"a": "b"}},
            "spec": {"type": "NodePort", "ports": [{"name": "c22", "port": port, "targetPort": "c22"}]},
        })
    }

    fn wanted(port: i32) -> Wanted {
        Wanted::of(&serde_json::from_value::<Service>(service(port)).unwrap()).unwrap()
    }

    /// What an API server makes of it.
    fn kept(wanted: &Wanted) -> Value {
        let mut form = wanted.form.clone();
        form["metadata"]["resourceVersion"] = json!("17");
        form["metadata"]["managedFields"] = json!([{"manager": "secureftp-operator"}]);
        form["spec"]["clusterIP"] = json!("198.19.0.7");
        form["spec"]["ports"][0]["protocol"] = json!("TCP");
        form["spec"]["ports"][0]["nodePort"] = json!(31_022);
        form["status"] = json!({"loadBalancer": {}});
        form
    }

    #[test]
    fn what_the_cluster_fills_in_is_no_difference() {
        let wanted = wanted(22);

        assert!(wanted.was_applied_to(&kept(&wanted)));
        assert!(covers(&kept(&wanted), &wanted.form));
    }

    #[test]
    fn a_hand_edit_is_a_difference() {
        let wanted = wanted(22);
        let edits: [(&str, Value); 5] = [
            ("/spec/ports/0/port", json!(23)),
            ("/spec/type", json!("ClusterIP")),
            ("/spec/ports", json!([])),
            ("/metadata/labels", json!({})),
            ("/spec/ports/0/targetPort", Value::Null),
        ];
        for (place, value) in edits {
            let mut edited = kept(&wanted);
            *edited.pointer_mut(place).unwrap() = value;

            assert!(!covers(&edited, &wanted.form), "{place}");
        }
    }

    #[test]
    fn something_added_to_a_list_is_a_difference() {
        let wanted = wanted(22);
        let mut edited = kept(&wanted);
        let ports = edited.pointer_mut("/spec/ports").unwrap();
        ports
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "mine", "port": 80}));

        assert!(!covers(&edited, &wanted.form));
    }

    #[test]
    fn the_order_of_objects_in_a_list_is_no_difference_but_that_of_words_is() {
        let list = |value: Value| json!({"list": value});

        assert!(covers(
            &list(json!([{"name": "b"}, {"name": "a"}])),
            &list(json!([{"name": "a"}, {"name": "b"}])),
        ));
        assert!(!covers(&list(json!(["b", "a"])), &list(json!(["a", "b"]))));
    }

    #[test]
    fn another_wish_has_another_digest() {
        let before = kept(&wanted(22));

        assert!(!wanted(2222).was_applied_to(&before));
        assert_eq!(wanted(22).digest, wanted(22).digest);
    }

    #[test]
    fn an_object_that_only_got_another_status_looks_as_before() {
        let wanted = wanted(22);
        let before = kept(&wanted);
        let mut after = before.clone();
        after["status"] = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}});
        after["metadata"]["resourceVersion"] = json!("18");
        assert_eq!(wanted.settled(&before), wanted.settled(&after));

        after["spec"]["ports"][0]["port"] = json!(23);

        assert_ne!(wanted.settled(&before), wanted.settled(&after));
    }
}
