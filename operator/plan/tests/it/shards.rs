//! The users, spread over Secrets, and what the gateways find of them.

use std::{collections::BTreeMap, path::Path};

use gateway_config::{Configuration, Files, UserName, parse};
use k8s_openapi::api::core::v1::{PodSpec, Secret};
use plan::{Plan, known_hashes};
use serde_json::json;

use crate::{cluster::Cluster, manifests::Manifests};

const SHARD_BYTES_AIM: usize = 450 * 1024;

#[test]
fn every_user_is_found_by_the_gateway_whatever_their_number() {
    for (users, shards) in [(0, 1), (1, 1), (2000, 8)] {
        let mut cluster = cluster(users);

        let plan = cluster.plan();

        assert_eq!(plan.problems, []);
        assert_eq!(plan.desired.users.len(), shards);
        for secret in &plan.desired.users {
            let data = secret.data.as_ref().unwrap();
            let bytes: usize = data.values().map(|value| value.0.len()).sum();
            assert!(bytes < SHARD_BYTES_AIM, "{bytes}");
        }
        let names: Vec<_> = mounted(&plan).users.into_keys().collect();
        let expected: Vec<_> = (0..users)
            .map(|number| UserName::new(name(number)))
            .collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn shards_never_become_fewer() {
    let mut cluster = cluster(2000);
    let plan = cluster.plan();
    cluster.apply(&plan);
    cluster.manifests.users.truncate(3);
    // Somebody deletes a shard by hand.
    cluster
        .observed
        .secrets
        .retain(|secret| secret.metadata.name.as_deref() != Some("partners-users-05"));

    let plan = cluster.plan();

    assert_eq!(plan.desired.users.len(), 8);
    assert_eq!(plan.obsolete, []);
    assert_eq!(mounted(&plan).users.len(), 3);
}

#[test]
fn a_change_of_one_user_changes_one_shard() {
    let mut cluster = cluster(2000);
    let before = cluster.plan();

    cluster.manifests.users[7].spec.root = Some("/elsewhere".to_owned());

    let after = cluster.plan();
    let pairs = before.desired.users.iter().zip(&after.desired.users);
    assert_eq!(pairs.filter(|(before, after)| before != after).count(), 1);
}

#[test]
fn those_who_came_last_are_left_out_when_there_is_no_room() {
    let mut cluster = cluster(0);
    let manifests = &mut cluster.manifests;
    let template = users(1, 40).remove(0);
    // A single user larger than a shard, who came last.
    manifests.users = vec![template.clone(), template];
    manifests.users[1].metadata.name = Some("giant".to_owned());
    manifests.users[1].metadata.creation_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    let keys = manifests.users[1]
        .spec
        .authentication
        .authorized_keys
        .as_mut();
    let inline = &mut keys.unwrap().inline;
    *inline = vec![format!("{} {}", inline[0], "x".repeat(1000)); 1000];

    let plan = cluster.plan();

    let problems: Vec<_> = plan.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "SecureFtpEndpoint default/partners: spec.users.selector: 1 users find no room in the configuration of this endpoint and cannot log in: spread the users over several endpoints",
            "SecureFtpUser default/giant: metadata.labels: the endpoint partners has no room for this user: spread the users over several endpoints",
        ]
    );
    assert_eq!(mounted(&plan).users.len(), 1);
}

#[test]
fn a_password_is_hashed_once() {
    let clusters = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clusters");
    let mut cluster = Cluster::new(Manifests::read(&clusters.join("sftp.yaml")));
    let plan = cluster.plan();

    let known = known_hashes(&plan.desired.users);

    let (entry, known) = known.into_iter().next().unwrap();
    assert_eq!((&*entry.secret, &*entry.key), ("supplier", "password"));
    assert_eq!(known.hash, "hash of demonstration");
    assert_eq!(known.version.resource_version, "41");
    // The next turn reads no more than the metadata, and plans the same.
    let metadata: Secret = serde_json::from_value(json!({
        "metadata": {"name": "supplier", "uid": "7a3e", "resourceVersion": "41"},
    }))
    .unwrap();
    cluster.manifests.secrets = [metadata].into_iter().collect();
    let hashes = [(entry, known.hash)].into();
    assert_eq!(cluster.plan_with(&hashes), plan);
}

/// What the kubelet mounts into the first gateway, read as the gateway reads it.
fn mounted(plan: &Plan) -> Configuration {
    let desired = &plan.desired;
    let secrets: BTreeMap<_, _> = desired
        .users
        .iter()
        .chain(&desired.configurations)
        .map(|secret| {
            (
                secret.metadata.name.clone().unwrap(),
                secret.data.clone().unwrap(),
            )
        })
        .collect();
    let pod: &PodSpec = desired.stateful_sets[0]
        .spec
        .template
        .spec
        .as_ref()
        .unwrap();
    let volume = pod.volumes.as_ref().unwrap()[0].projected.as_ref().unwrap();
    let mut files = Files::new();
    for source in volume.sources.as_ref().unwrap() {
        let source = source.secret.as_ref().unwrap();
        assert_eq!(source.optional, Some(true));
        let Some(data) = secrets.get(&source.name) else {
            continue;
        };
        for item in source.items.as_ref().unwrap() {
            let content = data.get(&item.key).map(|content| content.0.clone());
            files.extend(content.map(|content| (item.path.clone(), content)));
        }
    }
    parse(&files).unwrap()
}

fn cluster(count: usize) -> Cluster {
    let clusters = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clusters");
    let mut manifests = Manifests::read(&clusters.join("sftp.yaml"));
    manifests.users = users(count, 8);
    Cluster::new(manifests)
}

/// Users with as many keys, about 1 KiB each user for eight.
fn users(count: usize, keys: usize) -> Vec<crds::SecureFtpUser> {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    (0..count)
        .map(|number| {
            let object = json!({
                "apiVersion": "secureftp.dev/v1alpha1",
                "kind": "SecureFtpUser",
                "metadata": {"name": name(number), "labels": {"endpoint": "partners"}},
                "spec": {"authentication": {"authorizedKeys": {"inline": vec![key; keys]}}},
            });
            serde_json::from_value(object).unwrap()
        })
        .collect()
}

fn name(number: usize) -> String {
    format!("user-{number:04}")
}
