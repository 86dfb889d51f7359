//! Which endpoints a change wakes. Pure.

use crds::{SecureFtpEndpoint, SecureFtpUser};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{core::DeserializeGuard, runtime::reflector::ObjectRef};
use plan::{names::ENDPOINT_LABEL, selects};

use crate::references::{endpoint_names, user_names};

/// An endpoint as it came from the API server, which may be one that this version cannot read.
pub(crate) type AnyEndpoint = DeserializeGuard<SecureFtpEndpoint>;
/// A user as it came from the API server, which may be one that this version cannot read.
pub(crate) type AnyUser = DeserializeGuard<SecureFtpUser>;
/// An endpoint by namespace and name.
pub(crate) type EndpointRef = ObjectRef<AnyEndpoint>;

/// What happened to one object.
#[derive(Debug)]
pub(crate) struct Change<'a, K> {
    /// As it was known.
    pub before: Option<&'a K>,
    /// As it is; none if it was deleted.
    pub after: Option<&'a K>,
}

impl<'a, K> Change<'a, K> {
    /// Both forms.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &'a K> + use<'a, K> {
        [self.before, self.after].into_iter().flatten()
    }
}

/// The endpoint that an object of the operator belongs to.
pub(crate) fn owner(metadata: &ObjectMeta) -> Option<EndpointRef> {
    let name = metadata.labels.as_ref()?.get(ENDPOINT_LABEL)?;
    let namespace = metadata.namespace.as_deref()?;
    Some(ObjectRef::new(name).within(namespace))
}

/// The endpoints that a change of a user wakes: those that served it and those that should. A status alone wakes nobody,
/// for the operator writes it.
pub(crate) fn by_user<'a>(
    change: &Change<'_, AnyUser>,
    endpoints: impl IntoIterator<Item = &'a SecureFtpEndpoint>,
) -> Vec<EndpointRef> {
    if let Change {
        before: Some(DeserializeGuard(Ok(before))),
        after: Some(DeserializeGuard(Ok(after))),
    } = change
        && before.spec == after.spec
        && before.metadata.labels == after.metadata.labels
        && before.metadata.uid == after.metadata.uid
    {
        return Vec::new();
    }
    endpoints
        .into_iter()
        .filter(|endpoint| change.sides().any(|user| may_select(endpoint, user)))
        .map(reference)
        .collect()
}

/// The endpoints that a change of a Secret wakes: those that name it and those that serve a user who names it.
pub(crate) fn by_secret<'a>(
    metadata: &ObjectMeta,
    endpoints: impl IntoIterator<Item = &'a SecureFtpEndpoint>,
    users: impl IntoIterator<Item = &'a SecureFtpUser>,
) -> Vec<EndpointRef> {
    let name = metadata.name.as_deref().unwrap_or_default();
    let users: Vec<_> = users
        .into_iter()
        .filter(|user| user.metadata.namespace == metadata.namespace && user_names(user, name))
        .collect();
    endpoints
        .into_iter()
        .filter(|endpoint| endpoint.metadata.namespace == metadata.namespace)
        .filter(|endpoint| {
            endpoint_names(endpoint, name) || users.iter().any(|user| selects(endpoint, user))
        })
        .map(reference)
        .collect()
}

/// The endpoints that a change of a claim wakes.
pub(crate) fn by_claim<'a>(
    metadata: &ObjectMeta,
    endpoints: impl IntoIterator<Item = &'a SecureFtpEndpoint>,
) -> Vec<EndpointRef> {
    endpoints
        .into_iter()
        .filter(|endpoint| {
            let storage = &endpoint.spec.storage;
            endpoint.metadata.namespace == metadata.namespace
                && Some(&storage.persistent_volume_claim.claim_name) == metadata.name.as_ref()
        })
        .map(reference)
        .collect()
}

/// How an endpoint is called in the queue.
pub(crate) fn reference(endpoint: &SecureFtpEndpoint) -> EndpointRef {
    let metadata = &endpoint.metadata;
    ObjectRef::new(metadata.name.as_deref().unwrap_or_default())
        .within(metadata.namespace.as_deref().unwrap_or_default())
}

/// Of a user that cannot be read, the labels can.
fn may_select(endpoint: &SecureFtpEndpoint, user: &AnyUser) -> bool {
    match &user.0 {
        Ok(user) => selects(endpoint, user),
        Err(invalid) => labels_match(endpoint, &invalid.metadata),
    }
}

/// Whether the labels are those that the endpoint looks for.
pub(crate) fn labels_match(endpoint: &SecureFtpEndpoint, metadata: &ObjectMeta) -> bool {
    let wanted = &endpoint.spec.users.selector.match_labels;
    let labels = metadata.labels.as_ref();
    !wanted.is_empty()
        && endpoint.metadata.namespace == metadata.namespace
        && wanted
            .iter()
            .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn endpoint(name: &str, listener: &Value) -> SecureFtpEndpoint {
        serde_json::from_value(json!({
            "apiVersion": "secureftp.dev/v1alpha1",
            "kind": "SecureFtpEndpoint",
            "metadata": {"name": name, "namespace": "b2b"},
            "spec": {
                "listeners": [listener],
                "storage": {"persistentVolumeClaim": {"claimName": format!("{name}-data")}},
                "users": {"selector": {"matchLabels": {"endpoint": name}}},
            },
        }))
        .unwrap()
    }

    fn sftp(name: &str) -> SecureFtpEndpoint {
        endpoint(
            name,
            &json!({"name": "sftp", "protocol": "SFTP", "port": 22}),
        )
    }

    fn user(labelled: &str, secret: &str) -> AnyUser {
        serde_json::from_value(json!({
            "apiVersion": "secureftp.dev/v1alpha1",
            "kind": "SecureFtpUser",
            "metadata": {
                "name": "alice", "namespace": "b2b", "uid": "1",
                "labels": {"endpoint": labelled},
            },
            "spec": {"authentication": {"passwordSecretRef": {"name": secret, "key": "password"}}},
        }))
        .unwrap()
    }

    fn metadata(namespace: &str, name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        }
    }

    #[track_caller]
    fn check(woken: &[EndpointRef], expected: &[&str]) {
        let names: Vec<_> = woken.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_user_who_moves_wakes_both_endpoints_and_no_other() {
        let endpoints = [sftp("partners"), sftp("suppliers"), sftp("others")];
        let (before, after) = (user("partners", "alice"), user("suppliers", "alice"));

        let change = Change {
            before: Some(&before),
            after: Some(&after),
        };

        check(&by_user(&change, &endpoints), &["partners", "suppliers"]);
    }

    #[test]
    fn the_status_of_a_user_wakes_nobody() {
        let endpoints = [sftp("partners")];
        let before = user("partners", "alice");
        let mut after = before.clone();
        after.0.as_mut().unwrap().metadata.resource_version = Some("2".to_owned());
        after.0.as_mut().unwrap().status = Some(crds::SecureFtpUserStatus::default());

        let change = Change {
            before: Some(&before),
            after: Some(&after),
        };

        check(&by_user(&change, &endpoints), &[]);
    }

    #[test]
    fn a_user_who_is_made_anew_or_deleted_or_cannot_be_read_wakes_its_endpoint() {
        let endpoints = [sftp("partners")];
        let before = user("partners", "alice");
        let mut anew = before.clone();
        anew.0.as_mut().unwrap().metadata.uid = Some("2".to_owned());
        let broken: AnyUser = serde_json::from_value(json!({
            "metadata": {"name": "alice", "namespace": "b2b", "labels": {"endpoint": "partners"}},
            "spec": {"authentication": "none"},
        }))
        .unwrap();

        for after in [Some(&anew), None, Some(&broken)] {
            let change = Change {
                before: Some(&before),
                after,
            };
            check(&by_user(&change, &endpoints), &["partners"]);
        }
    }

    #[test]
    fn a_secret_wakes_whoever_names_it_in_its_namespace() {
        let certificate = json!({
            "name": "ftps", "protocol": "FTPSExplicit", "port": 21,
            "tls": {"secretRef": {"name": "shop-tls"}},
        });
        let issued = json!({
            "name": "ftps", "protocol": "FTPSExplicit", "port": 21,
            "tls": {"issuerRef": {"kind": "Issuer", "name": "ca"}, "dnsNames": ["ftp.example.com"]},
        });
        let endpoints = [
            sftp("partners"),
            endpoint("shop", &certificate),
            endpoint("issued", &issued),
        ];
        let users = [user("partners", "alice-password").0.unwrap()];
        let woken = |namespace, name| by_secret(&metadata(namespace, name), &endpoints, &users);

        check(&woken("b2b", "alice-password"), &["partners"]);
        check(&woken("b2b", "shop-tls"), &["shop"]);
        check(&woken("b2b", "issued-ftps-tls"), &["issued"]);
        check(&woken("b2b", "something-else"), &[]);
        check(&woken("other", "alice-password"), &[]);
        check(&woken("other", "shop-tls"), &[]);
    }

    #[test]
    fn a_claim_wakes_the_endpoint_that_names_it() {
        let endpoints = [sftp("partners"), sftp("suppliers")];

        check(
            &by_claim(&metadata("b2b", "suppliers-data"), &endpoints),
            &["suppliers"],
        );
        check(
            &by_claim(&metadata("other", "suppliers-data"), &endpoints),
            &[],
        );
    }

    #[test]
    fn an_object_of_the_operator_wakes_the_endpoint_of_its_label() {
        let mut object = metadata("b2b", "partners-0");
        assert_eq!(owner(&object), None);

        object.labels = Some([(ENDPOINT_LABEL.to_owned(), "partners".to_owned())].into());

        assert_eq!(owner(&object), Some(reference(&sftp("partners"))));
    }
}
