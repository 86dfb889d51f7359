//! How the objects of an endpoint are called, and by which labels they are found.

use std::collections::BTreeMap;

use crds::SecureFtpEndpoint;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};

use crate::problem::{name_of, namespace_of};

/// The label with the name of the endpoint, on every object of it.
pub const ENDPOINT_LABEL: &str = "secureftp.dev/endpoint";

/// The label with the number of the slot, on what belongs to one gateway.
pub const SLOT_LABEL: &str = "secureftp.dev/slot";

/// The annotation of a `StatefulSet` with the digest of its pod template.
pub const TEMPLATE_ANNOTATION: &str = "secureftp.dev/template";

/// The annotation of an endpoint that has lost its host keys and shall have new ones: a fingerprint of the old ones.
pub const NEW_HOST_KEYS_ANNOTATION: &str = "secureftp.dev/new-host-keys";

/// The label with the version of the gateways, on their `StatefulSets` and pods.
pub const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// The value of `app.kubernetes.io/managed-by`, and the field manager of everything that is applied.
pub const OPERATOR: &str = "secureftp-operator";

/// How many files, and Secrets, the users of one endpoint are spread over at most.
pub const USER_SHARDS_MAX: u8 = 64;

/// The Service of an endpoint.
pub fn service(endpoint: &str) -> String {
    endpoint.to_owned()
}

/// The `StatefulSet` of a slot, and the Secret with its configuration.
pub fn slot(endpoint: &str, slot: u16) -> String {
    format!("{endpoint}-{slot}")
}

/// The pod of a slot.
pub fn pod(endpoint: &str, slot: u16) -> String {
    format!("{endpoint}-{slot}-0")
}

/// The number of the slot whose `StatefulSet` and Secret have this name.
pub fn slot_of(endpoint: &str, name: &str) -> Option<u16> {
    let number = name
        .strip_prefix(endpoint)?
        .strip_prefix('-')?
        .parse()
        .ok()?;
    // Only the name that it would be given: `+1` and `01` are numbers, too.
    (slot(endpoint, number) == name).then_some(number)
}

/// The Secret with one shard of the users.
pub fn users(endpoint: &str, shard: u8) -> String {
    format!("{endpoint}-users-{shard:02}")
}

/// The Secret with the host keys that the operator makes.
pub fn host_keys(endpoint: &str) -> String {
    format!("{endpoint}-host-keys")
}

/// cert-manager's Certificate for a listener.
pub fn certificate(endpoint: &str, listener: &str) -> String {
    format!("{endpoint}-{listener}")
}

/// The Secret that cert-manager fills for a listener.
pub fn certificate_secret(endpoint: &str, listener: &str) -> String {
    format!("{endpoint}-{listener}-tls")
}

/// The labels by which the gateways of an endpoint are selected. They never change.
pub fn selector(endpoint: &str) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", "secureftp-gateway"),
        (ENDPOINT_LABEL, endpoint),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// [`selector`] as objects write it that select pods.
pub(crate) fn pods(endpoint: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(selector(endpoint)),
        match_expressions: None,
    }
}

/// The labels of every object of an endpoint.
pub(crate) fn labels(endpoint: &str) -> BTreeMap<String, String> {
    let mut labels = selector(endpoint);
    labels.extend(
        [
            ("app.kubernetes.io/instance", endpoint),
            ("app.kubernetes.io/managed-by", OPERATOR),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    labels
}

/// Name, namespace, labels and owner of an object that goes when its endpoint goes.
pub(crate) fn owned(endpoint: &SecureFtpEndpoint, name: String) -> ObjectMeta {
    ObjectMeta {
        owner_references: Some(vec![OwnerReference {
            api_version: format!("{}/{}", crds::GROUP, crds::VERSION),
            kind: "SecureFtpEndpoint".to_owned(),
            name: name_of(&endpoint.metadata).to_owned(),
            uid: endpoint.metadata.uid.clone().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..kept(endpoint, name)
    }
}

/// The same for an object that stays when its endpoint goes.
pub(crate) fn kept(endpoint: &SecureFtpEndpoint, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(namespace_of(&endpoint.metadata).to_owned()),
        labels: Some(labels(name_of(&endpoint.metadata))),
        ..ObjectMeta::default()
    }
}
