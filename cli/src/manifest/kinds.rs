//! Objects → types: schema, then CEL rules with defaults, then the type itself, as an API server does it.

use std::collections::BTreeMap;

use kube_cel::{CompiledSchema, RootContext, Validator, apply_defaults, compile_schema};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::{
    Manifests,
    core_schema::{claim_schema, metadata_schema, secret_schema},
    mistake::Mistake,
    object::{Identity, Object, Untyped},
    schema::{self, Patterns, did_you_mean},
    tree::{Node, Value},
};

const ENDPOINT: &str = "SecureFtpEndpoint";
const USER: &str = "SecureFtpUser";
const SECRET: &str = "Secret";
const CLAIM: &str = "PersistentVolumeClaim";

/// Whether objects of this kind are read at all; the others are skipped.
pub(super) fn is_served(api_version: Option<&str>, kind: &str) -> bool {
    let group = api_version
        .and_then(|version| version.split_once('/'))
        .map_or("", |(group, _)| group);
    group == crds::GROUP
        || matches!(kind, ENDPOINT | USER)
        || (group.is_empty() && matches!(kind, SECRET | CLAIM))
}

/// Whether this object is of a kind that is read.
pub(super) fn is_served_group(identity: &Identity) -> bool {
    identity.group == crds::GROUP
        || (identity.group.is_empty() && matches!(identity.kind.as_str(), SECRET | CLAIM))
}

/// Reads every object by its kind.
pub(super) fn read(objects: Vec<Untyped>, mistakes: &mut Vec<Mistake>) -> Manifests {
    let mut kinds = Kinds::new();
    let mut manifests = Manifests::default();
    for object in objects {
        match (
            object.identity.group.as_str(),
            object.identity.kind.as_str(),
        ) {
            (crds::GROUP, ENDPOINT | USER) if object.value != crds::VERSION => {
                let what = format!("{} has no version `{}`", crds::GROUP, object.value);
                let mend = format!("write `apiVersion: {}/{}`", crds::GROUP, crds::VERSION);
                mistakes.push(object.mistake("apiVersion", what, mend));
            }
            (crds::GROUP, ENDPOINT) => manifests
                .endpoints
                .extend(kinds.read(ENDPOINT, object, mistakes)),
            (crds::GROUP, USER) => manifests.users.extend(kinds.read(USER, object, mistakes)),
            (crds::GROUP, kind) => {
                let mend = did_you_mean(kind, [ENDPOINT, USER].into_iter())
                    .unwrap_or_else(|| format!("write {ENDPOINT} or {USER}"));
                mistakes.push(object.mistake(
                    "kind",
                    format!("{} has no such kind", crds::GROUP),
                    mend,
                ));
            }
            (_, ENDPOINT | USER) => {
                let mend = format!("write `apiVersion: {}/{}`", crds::GROUP, crds::VERSION);
                mistakes.push(object.mistake("apiVersion", "this kind is of another group", mend));
            }
            ("", SECRET) => {
                let wrong = base64_mistakes(&object);
                if wrong.is_empty() {
                    manifests
                        .secrets
                        .extend(kinds.read(SECRET, object, mistakes));
                }
                mistakes.extend(wrong);
            }
            ("", CLAIM) => manifests.claims.extend(kinds.read(CLAIM, object, mistakes)),
            // Everything here is served below one STATE, whatever the namespace.
            ("", "Namespace") => {}
            (_, kind) => *manifests.skipped.entry(kind.to_owned()).or_default() += 1,
        }
    }
    manifests
}

/// What every kind demands.
struct Kinds {
    validator: Validator,
    patterns: Patterns,
    rules: BTreeMap<&'static str, Rules>,
}

struct Rules {
    schema: Json,
    compiled: CompiledSchema,
}

impl Kinds {
    fn new() -> Self {
        let mut rules = BTreeMap::new();
        for definition in crds::all() {
            let kind = if definition.spec.names.kind == ENDPOINT {
                ENDPOINT
            } else {
                USER
            };
            let schema = definition
                .spec
                .versions
                .into_iter()
                .find(|version| version.name == crds::VERSION)
                .and_then(|version| version.schema?.open_api_v3_schema)
                .and_then(|schema| serde_json::to_value(schema).ok())
                .unwrap_or_default();
            rules.insert(kind, Rules::new(schema));
        }
        rules.insert(SECRET, Rules::new(secret_schema()));
        rules.insert(CLAIM, Rules::new(claim_schema()));
        Self {
            validator: Validator::new(),
            patterns: Patterns::default(),
            rules,
        }
    }

    fn read<T: DeserializeOwned>(
        &mut self,
        kind: &'static str,
        object: Untyped,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Object<T>> {
        let rules = self.rules.get(kind)?;
        let findings = schema::check(&rules.schema, &object.node, &mut self.patterns);
        if !findings.is_empty() {
            for finding in findings {
                let mut mistake = object.mistake(&finding.field, finding.what, finding.mend);
                mistake.place.position = finding.position;
                mistakes.push(mistake);
            }
            return None;
        }
        let json = apply_defaults(&rules.schema, &object.node.to_json());
        let context = RootContext {
            api_version: format!("{}/{}", crds::GROUP, crds::VERSION),
            api_group: crds::GROUP.to_owned(),
            kind: kind.to_owned(),
        };
        let broken = self
            .validator
            .validate_compiled_with_context(&rules.compiled, &json, None, Some(&context))
            .err();
        if let Some(broken) = broken {
            for error in broken.into_vec() {
                // Our rules say what is wrong, a colon, and the mend.
                let (what, mend) = error
                    .message
                    .split_once(": ")
                    .unwrap_or((&error.message, ""));
                // A rule's own `fieldPath` begins with a dot, as Kubernetes wants it.
                let path = error.field_path.trim_start_matches('.');
                mistakes.push(object.mistake(path, what, mend));
            }
            return None;
        }
        match serde_json::from_value(kept(json, &object.identity)) {
            Ok(value) => Some(object.with(value)),
            Err(error) => {
                mistakes.push(object.mistake("", error.to_string(), ""));
                None
            }
        }
    }
}

impl Rules {
    fn new(mut schema: Json) -> Self {
        // What a CRD says of metadata is only that it is an object; the API server knows the rest, and so do we.
        if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
            properties.insert("metadata".to_owned(), metadata_schema());
            properties.insert("apiVersion".to_owned(), json!({"type": "string"}));
            properties.insert("kind".to_owned(), json!({"type": "string"}));
            // Written by controllers, ignored from people.
            properties.insert(
                "status".to_owned(),
                json!({"x-kubernetes-preserve-unknown-fields": true}),
            );
        }
        let compiled = compile_schema(&schema);
        Self { schema, compiled }
    }
}

/// The object as an API server would keep it.
fn kept(mut json: Json, identity: &Identity) -> Json {
    if let Some(metadata) = json.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.insert("namespace".to_owned(), identity.namespace.clone().into());
    }
    if let Some(object) = json.as_object_mut() {
        object.remove("status");
    }
    if identity.kind == SECRET
        && let Some(data) = json.get_mut("data").and_then(Json::as_object_mut)
    {
        for value in data.values_mut() {
            *value = value.as_str().map(unbroken).into();
        }
    }
    json
}

/// Go's base64 reads over line ends.
fn unbroken(base64: &str) -> String {
    base64.replace(['\r', '\n'], "")
}

/// A Secret's `data` is base64; whoever writes plain text there means `stringData`.
fn base64_mistakes(object: &Untyped) -> Vec<Mistake> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let data = object.node.field("data").map(|data| &data.node);
    data.map_or(&[][..], Node::fields)
        .iter()
        .filter_map(|field| {
            let Value::String(text) = &field.node.value else {
                return None;
            };
            BASE64_STANDARD.decode(unbroken(text)).err()?;
            let path = super::field::child("data", &field.name);
            let what = "is not base64";
            let mend =
                "write plain text under `stringData:` instead, or encode it with `base64 -w0`";
            Some(object.mistake(&path, what, mend))
        })
        .collect()
}
