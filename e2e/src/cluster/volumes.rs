//! Volumes that wait for claims: there is no storage that would make them when they are wanted.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use super::{addons::Addons, settings::Nodes};

/// How many claims can be bound in the life of a cluster.
const COUNT: u8 = 32;

/// The class of claims that name none.
const CLASS: &str = "local";

impl Addons<'_> {
    /// A default class of storage, and volumes of it that every node reaches: all nodes see the same files, as with a
    /// network volume. Local ones, for the kubelet gives a volume to a pod's group only then.
    pub(super) fn add_volumes(&self, nodes: Nodes) -> Result<()> {
        let mut items = vec![json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": CLASS,
                "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
            },
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        })];
        for number in 1..=COUNT {
            items.push(self.volume(number, nodes)?);
        }
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        self.apply(&list.to_string())
    }

    fn volume(&self, number: u8, nodes: Nodes) -> Result<Value> {
        let name = format!("volume-{number:02}");
        let path = self.folder.root().join("volumes").join(&name);
        fs::create_dir_all(&path)?;
        let nodes: Vec<String> = nodes
            .numbers()
            .map(|number| format!("node{number}"))
            .collect();
        let on_every_node = json!({
            "key": "kubernetes.io/hostname",
            "operator": "In",
            "values": nodes,
        });
        Ok(json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": { "name": name },
            "spec": {
                "capacity": { "storage": "10Gi" },
                "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": CLASS,
                "local": { "path": path },
                "nodeAffinity": {
                    "required": { "nodeSelectorTerms": [{ "matchExpressions": [on_every_node] }] },
                },
            },
        }))
    }
}
