//! What a change of each field does, measured: the table in `changes.rs` and the page in `docs/` say the same (`UPDATE=1`
//! rewrites the page).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use plan::{
    Plan,
    changes::{Change, ENDPOINT, Effect, USER, page},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    cluster::{Cluster, template},
    manifests::Manifests,
    pages,
};

#[derive(Deserialize)]
struct Examples {
    endpoint: BTreeMap<String, Value>,
    user: BTreeMap<String, Value>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/changes")
}

fn examples() -> Examples {
    let text = fs::read_to_string(folder().join("examples.yaml")).unwrap();
    serde_norway::from_str(&text).unwrap()
}

#[test]
fn every_field_does_what_the_table_says() {
    let Examples { endpoint, user } = examples();
    let before = served().plan();
    assert_eq!(before.problems, [], "the example has problems itself");
    let mut wrong = Vec::new();

    for (path, value) in &endpoint {
        let mut cluster = served();
        cluster.manifests.endpoint = changed(&cluster.manifests.endpoint, path, value);
        wrong.extend(difference(ENDPOINT, path, (&before, &cluster.plan())));
    }
    for (path, value) in &user {
        let mut cluster = served();
        let user = &mut cluster.manifests.users[0];
        *user = changed(user, path, value);
        wrong.extend(difference(USER, path, (&before, &cluster.plan())));
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_field_is_in_the_table_and_has_an_example_unless_it_is_fixed() {
    let examples = examples();
    let [endpoints, users] = crds::all();
    for (definition, table, examples) in [
        (endpoints, ENDPOINT, examples.endpoint),
        (users, USER, examples.user),
    ] {
        let definition = serde_json::to_value(definition).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut fields = BTreeMap::new();
        find_fields("spec", &schema["properties"]["spec"], &mut fields);

        let told: BTreeSet<&str> = table.iter().map(|(field, _)| bare(field)).collect();
        let found: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(told, found);
        let examples: Vec<String> = examples.keys().map(|path| without_numbers(path)).collect();
        for (field, effects) in table {
            let is_fixed = *effects == [Effect::Fixed];
            assert_eq!(is_fixed, fields[bare(field)], "{field}");
            let count = examples.iter().filter(|path| path == field).count();
            assert_eq!(count, usize::from(!is_fixed), "examples of {field}");
        }
    }
}

#[test]
fn the_page_is_current() {
    pages::check("changes.md", &page());
}

/// An endpoint all of whose gateways serve.
fn served() -> Cluster {
    let mut manifests = Manifests::read(&folder().join("manifests.yaml"));
    for name in ["host-keys", "other-host-keys"] {
        let key = include_bytes!("../fixtures/ssh_host_ed25519_key");
        manifests.secrets.add(Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            data: Some([("ssh_host_ed25519_key".to_owned(), ByteString(key.to_vec()))].into()),
            ..Secret::default()
        });
    }
    let mut cluster = Cluster::new(manifests);
    for events in [
        "{ issued: [ftps, own, other, files] }",
        "{ serving: [0, 1], balancer: { ip: 203.0.113.7 } }",
        "{}",
    ] {
        cluster.happen(&serde_norway::from_str(events).unwrap());
        let plan = cluster.plan();
        cluster.apply(&plan);
    }
    cluster
}

/// What the table says and what is planned, if that is not the same.
fn difference(table: &[Change], path: &str, (before, after): (&Plan, &Plan)) -> Option<String> {
    let field = without_numbers(path);
    let (_, told) = table.iter().find(|(told, _)| *told == field)?;
    let told: BTreeSet<Effect> = told.iter().copied().collect();
    let planned = effects(before, after);
    let problems = &after.problems;
    (told != planned || !problems.is_empty())
        .then(|| format!("{path}: the table says {told:?}, planned are {planned:?} {problems:?}"))
}

fn effects(before: &Plan, after: &Plan) -> BTreeSet<Effect> {
    let (old, new) = (&before.desired, &after.desired);
    let first = |plan: &Plan| {
        let sets = &plan.desired.stateful_sets;
        let first = sets.iter().min_by_key(|set| set.metadata.name.clone());
        template(first.unwrap()).to_owned()
    };
    let is_scaled = before.served.len() != after.served.len();
    let is_rolled = first(before) != first(after);
    let is_loaded = before.configuration_digest != after.configuration_digest;
    let is_around = (&old.service, &old.network_policy, &old.disruption_budget)
        != (&new.service, &new.network_policy, &new.disruption_budget);
    [
        (Effect::Scale, is_scaled),
        (Effect::Roll, is_rolled),
        // A new pod, or a new gateway, is told more than before.
        (Effect::Live, is_loaded && !is_rolled && !is_scaled),
        (Effect::Network, is_around),
        (Effect::Certificate, old.certificates != new.certificates),
    ]
    .into_iter()
    .filter_map(|(effect, is_there)| is_there.then_some(effect))
    .collect()
}

/// `spec.listeners[1].port` → `spec.listeners[].port`.
fn without_numbers(path: &str) -> String {
    let mut parts = path.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |field, part| {
        let part = part.trim_start_matches(|character: char| character.is_ascii_digit());
        format!("{field}[{part}")
    })
}

/// `spec.listeners[].name (SFTP)` → `spec.listeners[].name`.
fn bare(field: &str) -> &str {
    field.split_once(' ').map_or(field, |(field, _)| field)
}

/// The object with this value at the path.
fn changed<T>(object: &T, path: &str, value: &Value) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let mut form = serde_json::to_value(object).unwrap();
    let mut place = &mut form;
    for part in bare(path).split('.') {
        let (key, number) = match part.strip_suffix(']').and_then(|one| one.split_once('[')) {
            Some((key, number)) => (key, Some(number.parse::<usize>().unwrap())),
            None => (part, None),
        };
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let fields = place.as_object_mut().unwrap();
        place = fields.entry(key).or_insert(Value::Null);
        if let Some(number) = number {
            place = place.get_mut(number).unwrap();
        }
    }
    *place = value.clone();
    serde_json::from_value(form).unwrap()
}

/// The leaves of a schema, and whether each is fixed.
fn find_fields(path: &str, schema: &Value, found: &mut BTreeMap<String, bool>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, schema) in properties {
            find_fields(&format!("{path}.{name}"), schema, found);
        }
    } else if schema["items"]["properties"].is_object() && !is_of_kubernetes(path) {
        find_fields(&format!("{path}[]"), &schema["items"], found);
    } else {
        let rules = schema["x-kubernetes-validations"].as_array();
        let mut rules = rules.into_iter().flatten();
        let is_fixed = rules.any(|rule| rule["rule"] == "self == oldSelf");
        found.insert(path.to_owned(), is_fixed);
    }
}

/// A list whose entries are a type of Kubernetes counts as a whole.
fn is_of_kubernetes(path: &str) -> bool {
    path == "spec.template.tolerations"
}
