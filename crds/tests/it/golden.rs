//! Manifests that a cluster takes and manifests that it refuses, with its words.
//!
//! `golden/good/*.yaml` break no rule; `golden/bad/NAME.yaml` breaks exactly the rules that `NAME.txt` lists. A file with
//! two documents is an update: the first is what the cluster has.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use kube_cel::Validator;
use serde::Deserialize as _;
use serde_json::Value;

#[test]
fn good_manifests_break_no_rule() {
    for path in manifests("good") {
        assert_eq!(broken_rules(&path), "", "{}", path.display());
    }
}

#[test]
fn the_example_breaks_no_rule() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/partners/partners.yaml");
    let ours: Vec<_> = documents(&example)
        .into_iter()
        .filter(|object| kind(object).starts_with("SecureFtp"))
        .collect();

    assert_eq!(ours.len(), 3);
    for object in ours {
        let result = Validator::new().validate(&schema(kind(&object)), &object, None);
        assert!(result.is_ok(), "{result:?}");
    }
}

#[test]
fn bad_manifests_are_refused_with_the_mend() {
    for path in manifests("bad") {
        let expected = path.with_extension("txt");

        let broken = broken_rules(&path);

        if env::var_os("UPDATE").is_some() {
            fs::write(&expected, &broken).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_ne!(broken, "", "{} breaks no rule", path.display());
        assert_eq!(broken, expected, "{}", path.display());
    }
}

#[test]
fn every_rule_has_a_bad_manifest() {
    let mut rules = BTreeSet::new();
    for definition in crds::all() {
        collect_messages(&serde_json::to_value(definition).unwrap(), &mut rules);
    }

    let broken: String = manifests("bad")
        .iter()
        .map(|path| broken_rules(path))
        .collect();

    assert!(rules.len() >= 10, "the definitions lost their rules");
    for rule in rules {
        assert!(broken.contains(&rule), "no bad manifest breaks: {rule}");
    }
}

#[test]
fn what_is_left_out_stays_out() {
    for path in manifests("good") {
        let written = documents(&path).pop().unwrap();

        let parsed = match kind(&written) {
            "SecureFtpEndpoint" => serde_json::to_value(
                serde_json::from_value::<SecureFtpEndpoint>(written.clone()).unwrap(),
            ),
            "SecureFtpUser" => serde_json::to_value(
                serde_json::from_value::<SecureFtpUser>(written.clone()).unwrap(),
            ),
            other => panic!("{other} is no kind of ours"),
        }
        .unwrap();

        assert!(!contains_null(&parsed), "{parsed}");
    }
}

#[test]
fn the_types_have_the_defaults_of_the_schema() {
    for path in manifests("good") {
        let written = documents(&path).pop().unwrap();
        let defaulted = kube_cel::apply_defaults(&schema(kind(&written)), &written);

        match kind(&written) {
            "SecureFtpEndpoint" => assert_eq!(
                serde_json::from_value::<SecureFtpEndpoint>(written).unwrap(),
                serde_json::from_value::<SecureFtpEndpoint>(defaulted).unwrap(),
            ),
            _ => assert_eq!(
                serde_json::from_value::<SecureFtpUser>(written).unwrap(),
                serde_json::from_value::<SecureFtpUser>(defaulted).unwrap(),
            ),
        }
    }
}

/// One line a broken rule: `path: message`.
fn broken_rules(path: &Path) -> String {
    let mut documents = documents(path);
    let object = documents.pop().unwrap();
    let old = documents.pop();
    let result = Validator::new().validate(&schema(kind(&object)), &object, old.as_ref());
    result
        .err()
        .into_iter()
        .flatten()
        .map(|error| error.to_string() + "\n")
        .collect()
}

fn manifests(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    paths.sort();
    paths
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    serde_norway::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

fn schema(kind: &str) -> Value {
    let definition = crds::all()
        .into_iter()
        .find(|definition| definition.spec.names.kind == kind)
        .unwrap();
    serde_json::to_value(&definition.spec.versions[0].schema).unwrap()["openAPIV3Schema"].clone()
}

fn collect_messages(value: &Value, messages: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let rules = map
                .get("x-kubernetes-validations")
                .and_then(Value::as_array);
            for rule in rules.into_iter().flatten() {
                messages.insert(rule["message"].as_str().unwrap().to_owned());
            }
            map.values()
                .for_each(|value| collect_messages(value, messages));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect_messages(value, messages)),
        _ => {}
    }
}

fn contains_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(contains_null),
        Value::Array(values) => values.iter().any(contains_null),
        _ => false,
    }
}
