//! A node against an `OpenAPI` schema of a CRD, as the API server checks it, with every mistake at its place.

mod words;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use regex::Regex;
use serde_json::Value as Json;

pub(super) use self::words::did_you_mean;
use self::words::{noun, one_of, purpose, shape};
use super::{
    field,
    mistake::Position,
    tree::{Field, Node, Value},
};

/// A mistake before its file and object are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Where it is in the file.
    pub position: Position,
    /// The field path.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

/// Everything in the node that the schema forbids.
pub(super) fn check(schema: &Json, node: &Node, patterns: &mut Patterns) -> Vec<Finding> {
    let mut walk = Walk {
        findings: Vec::new(),
        patterns,
    };
    walk.node(schema, node, "", node.position);
    walk.findings
}

/// The patterns of all schemas, each compiled once: that takes much longer than a match.
#[derive(Debug, Default)]
pub(super) struct Patterns(BTreeMap<String, Option<Regex>>);

impl Patterns {
    fn forbid(&mut self, pattern: &str, text: &str) -> bool {
        if !self.0.contains_key(pattern) {
            self.0.insert(pattern.to_owned(), Regex::new(pattern).ok());
        }
        let compiled = self.0.get(pattern).and_then(Option::as_ref);
        compiled.is_some_and(|compiled| !compiled.is_match(text))
    }
}

struct Walk<'a> {
    findings: Vec<Finding>,
    patterns: &'a mut Patterns,
}

impl Walk<'_> {
    /// `position` is where the node's name is, or the node itself in a list.
    fn node(&mut self, schema: &Json, node: &Node, path: &str, position: Position) {
        if flag(schema, "x-kubernetes-int-or-string") {
            if !matches!(node.value, Value::Number(_) | Value::String(_)) {
                self.found(
                    node.position,
                    path,
                    format!("{} where a number or text is wanted", shape(node)),
                    "write a quantity, for example 10Gi",
                );
            }
            return;
        }
        if !self.has_type(schema, node, path) {
            return;
        }
        match &node.value {
            Value::Map(fields) => {
                self.fields(schema, fields, path, position);
                self.count(
                    schema,
                    ["minProperties", "maxProperties"],
                    fields.len(),
                    (path, position),
                );
            }
            Value::List(items) => {
                if let Some(of) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.node(of, item, &field::item(path, index), item.position);
                    }
                }
                self.count(
                    schema,
                    ["minItems", "maxItems"],
                    items.len(),
                    (path, position),
                );
                self.unique(schema, items, path);
            }
            Value::String(text) => self.text(schema, text, path, node.position),
            Value::Number(number) => self.number(schema, number, path, node.position),
            Value::Boolean(_) | Value::Null => {}
        }
        self.choice(schema, node, path);
    }

    fn has_type(&mut self, schema: &Json, node: &Node, path: &str) -> bool {
        let Some(wanted) = schema.get("type").and_then(Json::as_str) else {
            return true;
        };
        let fits = match &node.value {
            Value::Map(_) => wanted == "object",
            Value::List(_) => wanted == "array",
            Value::String(_) => wanted == "string",
            Value::Boolean(_) => wanted == "boolean",
            Value::Number(number) => {
                wanted == "number" || (wanted == "integer" && !number.is_f64())
            }
            Value::Null => flag(schema, "nullable"),
        };
        if !fits {
            let mend = match (wanted, &node.value) {
                ("string", Value::Boolean(_)) => {
                    "put it in quotes: without them true, yes, on and y (false, no, off, n) are booleans".to_owned()
                }
                ("string", Value::Number(_)) => {
                    format!("put it in quotes{}", purpose(Some(schema)))
                }
                ("integer" | "number" | "boolean", Value::String(_)) => {
                    "write it without quotes, and check its spelling".to_owned()
                }
                ("array", _) => "write a list: an item a line, each after `- `".to_owned(),
                ("object", _) => {
                    "write fields, each as `name: value` on a line of its own, indented".to_owned()
                }
                _ => format!("write {}{}", noun(wanted), purpose(Some(schema))),
            };
            let what = format!("{} where {} is wanted", shape(node), noun(wanted));
            self.found(node.position, path, what, mend);
        }
        fits
    }

    fn fields(&mut self, schema: &Json, fields: &[Field], path: &str, position: Position) {
        let empty = serde_json::Map::new();
        let known = schema
            .get("properties")
            .and_then(Json::as_object)
            .unwrap_or(&empty);
        let others = schema
            .get("additionalProperties")
            .filter(|others| others.is_object());
        let anything = flag(schema, "x-kubernetes-preserve-unknown-fields")
            || flag(schema, "additionalProperties")
            || (known.is_empty() && others.is_none());
        for Field {
            name,
            position,
            node,
        } in fields
        {
            let path = field::child(path, name);
            match known.get(name).or(others) {
                // A field that is null counts as not written.
                Some(_) if node.value == Value::Null => {}
                Some(schema) => self.node(schema, node, &path, *position),
                None if anything => {}
                None => {
                    let mend =
                        did_you_mean(name, known.keys().map(String::as_str)).unwrap_or_else(|| {
                            one_of("the fields here are", known.keys().map(String::as_str))
                        });
                    self.found(*position, &path, "there is no such field", mend);
                }
            }
        }
        for name in schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let Some(name) = name.as_str() else { continue };
            let written = fields
                .iter()
                .any(|field| field.name == name && field.node.value != Value::Null);
            if !written {
                let mend = format!("add `{name}:`{}", purpose(known.get(name)));
                self.found(position, &field::child(path, name), "is missing", mend);
            }
        }
    }

    fn count(
        &mut self,
        schema: &Json,
        limits: [&str; 2],
        count: usize,
        (path, position): (&str, Position),
    ) {
        let [least, most] = limits.map(|limit| schema.get(limit).and_then(Json::as_u64));
        let count = count as u64;
        if let Some(least) = least.filter(|least| count < *least) {
            let what = if count == 0 {
                "is empty".to_owned()
            } else {
                format!("has only {count} entries")
            };
            self.found(position, path, what, format!("write at least {least}"));
        }
        if let Some(most) = most.filter(|most| count > *most) {
            self.found(
                position,
                path,
                format!("has {count} entries"),
                format!("write at most {most}"),
            );
        }
    }

    /// Lists that are sets or maps hold everything once.
    fn unique(&mut self, schema: &Json, items: &[Node], path: &str) {
        let keys: Vec<&str> = schema
            .get("x-kubernetes-list-map-keys")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let set = schema.get("x-kubernetes-list-type").and_then(Json::as_str) == Some("set");
        if keys.is_empty() && !set && !flag(schema, "uniqueItems") {
            return;
        }
        let mut seen = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let identity = if keys.is_empty() {
                item.to_json().to_string()
            } else {
                let values: Vec<String> = keys
                    .iter()
                    .filter_map(|key| item.field(key))
                    .map(|field| format!("{} {}", field.name, field.node.to_json()))
                    .collect();
                values.join(", ")
            };
            // An item without its key is reported as such.
            if identity.is_empty() {
                continue;
            }
            if let Some(first) = seen.insert(identity.clone(), item.position) {
                let what = format!("{identity} is there twice, first in line {}", first.line);
                self.found(
                    item.position,
                    &field::item(path, index),
                    what,
                    "leave one of the two out, or correct it",
                );
            }
        }
    }

    fn text(&mut self, schema: &Json, text: &str, path: &str, position: Position) {
        let length = text.chars().count() as u64;
        let limit = |name| schema.get(name).and_then(Json::as_u64);
        if limit("minLength").is_some_and(|least| length < least) {
            let what = if length == 0 {
                "is empty"
            } else {
                "is too short"
            };
            let mend = format!(
                "write at least {} characters",
                limit("minLength").unwrap_or_default()
            );
            self.found(position, path, what, mend);
            return;
        }
        if limit("maxLength").is_some_and(|most| length > most) {
            let mend = format!("write at most {}", limit("maxLength").unwrap_or_default());
            self.found(position, path, format!("has {length} characters"), mend);
        }
        if let Some(pattern) = schema.get("pattern").and_then(Json::as_str)
            && self.patterns.forbid(pattern, text)
        {
            let mend = format!("it must match {pattern}{}", purpose(Some(schema)));
            self.found(
                position,
                path,
                format!("`{text}` has characters or a form that is not allowed"),
                mend,
            );
        }
        if schema.get("format").and_then(Json::as_str) == Some("date-time")
            && serde_json::from_value::<Time>(text.into()).is_err()
        {
            self.found(
                position,
                path,
                format!("`{text}` is no point in time"),
                "write it as RFC 3339 does, for example 2030-12-31T23:59:59Z",
            );
        }
    }

    fn number(
        &mut self,
        schema: &Json,
        number: &serde_json::Number,
        path: &str,
        position: Position,
    ) {
        let value = number.as_f64().unwrap_or(f64::NAN);
        let limit = |name: &str| schema.get(name).and_then(Json::as_f64);
        let low = limit("minimum").is_some_and(|least| value < least);
        let high = limit("maximum").is_some_and(|most| value > most);
        if low || high {
            let mend = match (limit("minimum"), limit("maximum")) {
                (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
                (Some(least), None) => format!("write at least {least}"),
                (None, most) => format!("write at most {}", most.unwrap_or_default()),
            };
            let what = format!("{number} is too {}", if low { "small" } else { "large" });
            self.found(position, path, what, mend);
        }
    }

    fn choice(&mut self, schema: &Json, node: &Node, path: &str) {
        let Some(choices) = schema.get("enum").and_then(Json::as_array) else {
            return;
        };
        let value = node.to_json();
        if choices.contains(&value) {
            return;
        }
        let names = || choices.iter().filter_map(Json::as_str);
        let shown = node.text().map_or_else(|| value.to_string(), str::to_owned);
        let mend = did_you_mean(&shown, names()).unwrap_or_else(|| one_of("write", names()));
        self.found(
            node.position,
            path,
            format!("`{shown}` is not one of the choices"),
            mend,
        );
    }

    fn found(
        &mut self,
        position: Position,
        field: &str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.findings.push(Finding {
            position,
            field: field.to_owned(),
            what: what.into(),
            mend: mend.into(),
        });
    }
}

fn flag(schema: &Json, name: &str) -> bool {
    schema.get(name).and_then(Json::as_bool).unwrap_or(false)
}
