//! A document as a tree in which every node knows where it was written.

use super::{field::Segment, mistake::Position};

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub position: Position,
    /// What was written there.
    pub value: Value,
}

/// What JSON can say. A number is an integer wherever it has no fraction, as in the Kubernetes API.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A whole number or a fraction.
    Number(serde_json::Number),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// Fields in the order they were written, each name once.
    Map(Vec<Field>),
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Where the name was written.
    pub position: Position,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// The fields; none where this is no map.
    pub fn fields(&self) -> &[Field] {
        match &self.value {
            Value::Map(fields) => fields,
            _ => &[],
        }
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// The text, where this is text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value without positions. A field that is null counts as not written, as in the API server, which
    /// prunes it before defaults are applied.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::String(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(fields) => fields
                .iter()
                .filter(|field| field.node.value != Value::Null)
                .map(|field| (field.name.clone(), field.node.to_json()))
                .collect(),
        }
    }

    /// Where this path was written, or the nearest of its parents that was written at all. A field is where
    /// its name is.
    pub fn nearest(&self, path: &[Segment]) -> Position {
        let mut node = self;
        let mut nearest = self.position;
        for segment in path {
            match (segment, &node.value) {
                (Segment::Name(name), Value::Map(_)) => {
                    let Some(field) = node.field(name) else { break };
                    (nearest, node) = (field.position, &field.node);
                }
                (Segment::Index(index), Value::List(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    (nearest, node) = (item.position, item);
                }
                _ => break,
            }
        }
        nearest
    }
}
