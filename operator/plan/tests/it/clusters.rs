//! One folder an endpoint in a cluster: what people write and what happens, turn by turn, and what is planned
//! (`UPDATE=1` rewrites).
//!
//! `case.yaml` says what happens before each turn. `desired.yaml`, `status.yaml` and `problems.txt` say what the turns
//! come to, from the first that is told.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::api::core::v1::Secret;
use plan::{Desired, Obsolete, Plan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Events},
    manifests::Manifests,
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Case {
    /// The manifests; those of the folder by default.
    manifests: Option<PathBuf>,
    /// Which objects are written out, as `Kind` or `Kind name`.
    shows: Vec<String>,
    /// What happens before turns that nobody is told of.
    before: Vec<Events>,
    /// What happens before each turn. By default there is one, in an empty cluster.
    turns: Vec<Events>,
}

#[test]
fn every_case_plans_what_it_says() {
    let folders = folders();
    assert!(folders.len() > 10, "the cases are gone");

    for folder in folders {
        check(&folder);
    }
}

fn check(folder: &Path) {
    let case = match fs::read_to_string(folder.join("case.yaml")) {
        Ok(text) => serde_norway::from_str(&text).unwrap(),
        Err(_absent) => Case::default(),
    };
    let manifests = case
        .manifests
        .as_deref()
        .unwrap_or_else(|| Path::new("manifests.yaml"));
    let mut cluster = Cluster::new(Manifests::read(&folder.join(manifests)));
    for events in &case.before {
        cluster.happen(events);
        let plan = cluster.plan();
        cluster.apply(&plan);
    }
    let (mut desired, mut status, mut problems) = <(String, String, String)>::default();
    let alone = [Events::default()];
    let turns = if case.turns.is_empty() {
        &alone
    } else {
        case.turns.as_slice()
    };
    for events in turns {
        cluster.happen(events);
        let plan = cluster.plan();
        assert_eq!(plan, cluster.plan(), "the same input gives the same plan");

        write!(desired, "---\n{}", yaml(&shown(&plan, &case.shows))).unwrap();
        write!(
            status,
            "---\n{}",
            yaml(&json!({"endpoint": plan.status, "users": plan.users}))
        )
        .unwrap();
        for problem in &plan.problems {
            writeln!(problems, "{}: {problem}", problem.mistake.reason()).unwrap();
        }
        cluster.apply(&plan);
    }
    compare(&folder.join("desired.yaml"), &desired);
    compare(&folder.join("status.yaml"), &status);
    compare(&folder.join("problems.txt"), &problems);
}

#[derive(Serialize)]
struct Shown {
    applied: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    obsolete: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<Value>,
}

fn shown(plan: &Plan, shows: &[String]) -> Shown {
    let objects = objects(&plan.desired);
    let wanted = |title: &String| {
        shows
            .iter()
            .any(|shown| title == shown || title.split(' ').next() == Some(shown))
    };
    let new = plan.desired.new_host_keys.iter();
    let new = new.map(|new| {
        let name = new.metadata.name.as_deref().unwrap();
        format!("Secret {name}, made once, with {}", new.entries.join(", "))
    });
    // Their entries are random, and made when they are applied.
    let host_keys = plan.desired.new_host_keys.iter();
    let host_keys = host_keys.map(|new| {
        let name = new.metadata.name.as_deref().unwrap();
        let secret = json!({"kind": "Secret", "metadata": new.metadata});
        (format!("Secret {name}"), secret)
    });
    let host_keys: Vec<_> = host_keys.collect();
    let applied = objects.iter().map(|(title, object)| {
        let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
        match image.as_str() {
            Some(_) if object["spec"]["replicas"] == 0 => format!("{title} without a pod"),
            Some(image) => format!("{title} with {}", image.rsplit('/').next().unwrap()),
            None => title.clone(),
        }
    });
    Shown {
        applied: new.chain(applied).collect(),
        obsolete: plan.obsolete.iter().map(obsolete).collect(),
        objects: host_keys
            .iter()
            .chain(&objects)
            .filter(|(title, _)| wanted(title))
            .map(|(_, object)| readable(object.clone()))
            .collect(),
    }
}

fn obsolete(obsolete: &Obsolete) -> String {
    match obsolete {
        Obsolete::StatefulSet(name) => format!("StatefulSet {name}"),
        Obsolete::Secret(name) => format!("Secret {name}"),
        Obsolete::Certificate(name) => format!("Certificate {name}"),
    }
}

/// All objects in the order in which they are applied, with their titles.
fn objects(desired: &Desired) -> Vec<(String, Value)> {
    let certificates = desired.certificates.iter().map(|request| {
        let mut object = serde_json::to_value(request).unwrap();
        object["kind"] = "Certificate".into();
        object
    });
    let secrets = desired.users.iter().chain(&desired.configurations);
    let network_policy = desired.network_policy.iter().map(json_of);
    let budget = desired.disruption_budget.iter().map(json_of);
    certificates
        .chain(secrets.map(json_of))
        .chain(network_policy)
        .chain(budget)
        .chain(desired.service.iter().map(json_of))
        .chain(desired.stateful_sets.iter().map(json_of))
        .map(|object| {
            let name = object["metadata"]["name"].as_str().unwrap();
            let title = format!("{} {name}", object["kind"].as_str().unwrap());
            (title, object)
        })
        .collect()
}

fn json_of(object: &impl Serialize) -> Value {
    serde_json::to_value(object).unwrap()
}

/// With the content of Secrets in the clear, and without the 62 shards between the first and the last.
fn readable(mut object: Value) -> Value {
    if let Ok(secret) = serde_json::from_value::<Secret>(object.clone())
        && let Some(data) = secret.data
    {
        for (key, value) in data {
            object["data"][key] = serde_json::from_slice(&value.0).unwrap();
        }
    }
    let sources = "/spec/template/spec/volumes/0/projected/sources";
    if let Some(Value::Array(sources)) = object.pointer_mut(sources) {
        sources.retain(|source| {
            let name = source["secret"]["name"].as_str().unwrap();
            let shard = name
                .rsplit_once("-users-")
                .and_then(|(_, shard)| shard.parse().ok());
            !shard.is_some_and(|shard: u8| (1..63).contains(&shard))
        });
    }
    object
}

fn yaml(value: &impl Serialize) -> String {
    serde_norway::to_string(value).unwrap()
}

/// A file that is absent is empty.
fn compare(path: &Path, made: &str) {
    if env::var_os("UPDATE").is_some() {
        if made.is_empty() {
            let _absent_already = fs::remove_file(path);
        } else {
            fs::write(path, made).unwrap();
        }
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(made, expected, "{}", path.display());
}

fn folders() -> Vec<PathBuf> {
    let clusters = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clusters");
    let mut folders: Vec<_> = fs::read_dir(clusters)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}
