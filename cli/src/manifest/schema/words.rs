//! The words in which mistakes are told.

use serde_json::Value as Json;

use crate::manifest::tree::{Node, Value};

/// The name that was meant, if one is near.
pub(in crate::manifest) fn did_you_mean<'a>(
    written: &str,
    names: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let lower = written.to_lowercase();
    names
        .map(|name| {
            (
                strsim::damerau_levenshtein(&lower, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

/// All the names in a sentence.
pub(super) fn one_of<'a>(intro: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.split_last() {
        None => "leave it out".to_owned(),
        Some((last, [])) => format!("{intro} {last}"),
        Some((last, others)) => {
            let joint = if intro == "write" { "or" } else { "and" };
            format!("{intro} {} {joint} {last}", others.join(", "))
        }
    }
}

/// The first sentence of a field's documentation, after a dash.
pub(super) fn purpose(schema: Option<&Json>) -> String {
    let description = schema
        .and_then(|schema| schema.get("description"))
        .and_then(Json::as_str)
        .unwrap_or_default();
    // A sentence ends where the next one begins; other points are part of it.
    let end = description.match_indices(". ").find(|(at, _)| {
        let next = description
            .get(at + 2..)
            .and_then(|rest| rest.chars().next());
        next.is_some_and(char::is_uppercase)
    });
    let first = end
        .and_then(|(at, _)| description.get(..at))
        .unwrap_or(description);
    if first.is_empty() {
        return String::new();
    }
    format!(" ({})", first.replace('\n', " ").trim_end_matches('.'))
}

/// What was written.
pub(super) fn shape(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing is written".to_owned(),
        Value::Boolean(value) => format!("the boolean {value} is written"),
        Value::Number(number) => format!("the number {number} is written"),
        Value::String(text) if text.chars().count() <= 64 => {
            format!("the text `{text}` is written")
        }
        Value::String(_) => "text is written".to_owned(),
        Value::List(_) => "a list is written".to_owned(),
        Value::Map(_) => "fields are written".to_owned(),
    }
}

/// What a schema's type is to a person.
pub(super) fn noun(wanted: &str) -> &str {
    match wanted {
        "object" => "an object with fields",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        other => other,
    }
}
