//! Volumes that wait for claims: there is no storage that would make them when they are wanted.

use std::{fs, path::PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::{addons::Addons, parts::run, settings::Nodes};

/// How many claims can be bound at once.
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

    /// Empties the volumes whose claims have gone, and lets others have them.
    pub(super) fn free_volumes(&self) -> Result<()> {
        const RELEASED: &str = r#"jsonpath={.items[?(@.status.phase=="Released")].metadata.name}"#;
        const FREE: &str = r#"[{"op":"remove","path":"/spec/claimRef"}]"#;

        let released = run(self.kubectl().args(["get", "pv", "--output", RELEASED]))?;
        for name in released.split_whitespace() {
            let path = self.path(name);
            fs::remove_dir_all(&path)?;
            fs::create_dir(&path)?;
            let mut patch = self.kubectl();
            patch.args(["patch", "pv", name, "--type", "json", "--patch", FREE]);
            run(&mut patch)?;
        }
        Ok(())
    }

    fn path(&self, volume: &str) -> PathBuf {
        self.folder.root().join("volumes").join(volume)
    }

    fn volume(&self, number: u8, nodes: Nodes) -> Result<Value> {
        let name = format!("volume-{number:02}");
        let path = self.path(&name);
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
