//! Text → documents: the events of the YAML parser, as trees with positions. JSON is read the same way, being YAML.
//!
//! Every mistake is kept and reading goes on: a duplicate key, an unknown alias or an unreadable scalar spoils
//! its own value only. Only broken syntax ends a file, since nothing after it can be trusted.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::{
    limits::{DEPTH_MAX, NODES_MAX},
    mistake::{Mistake, Place, Position},
    scalar::{self, Unreadable, Wanted},
    tree::{Field, Node, Value},
};

/// What became of a file.
pub(super) struct Documents {
    /// Every document that is not empty, up to the place where reading ended.
    pub nodes: Vec<Node>,
    /// Where reading ended.
    pub end: End,
}

/// Where reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the end of the file.
    Whole,
    /// Before it: nothing after that place can be trusted.
    Early,
}

/// Reads a file.
pub(super) fn read(file: &Arc<str>, text: &str, mistakes: &mut Vec<Mistake>) -> Documents {
    let mut reader = Reader {
        file,
        mistakes,
        documents: Vec::new(),
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    let mut end = End::Whole;
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => reader.take(event, span),
            Err(error) => {
                let position = position(*error.marker());
                reader.report(
                    position,
                    format!("this is not YAML: {}", error.info()),
                    "look at the indentation (spaces, no tabs), quotes and brackets just before this place",
                );
                Err(Stop)
            }
        };
        if step.is_err() {
            end = End::Early;
            break;
        }
    }
    Documents {
        nodes: reader.documents,
        end,
    }
}

/// Nothing after this place can be trusted.
struct Stop;

struct Reader<'a> {
    file: &'a Arc<str>,
    mistakes: &'a mut Vec<Mistake>,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    /// Nodes so far, those of aliases counted again.
    nodes: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    position: Position,
    /// The anchor's number; 0 is none.
    anchor: usize,
    /// [`Reader::nodes`] when it began.
    nodes_before: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map {
        fields: Vec<Field>,
        /// Names that were written here, not merged: a second one is a mistake.
        written: BTreeMap<String, Position>,
        name: Name,
    },
}

/// What the next node in a map is.
enum Name {
    /// A name.
    Awaited,
    /// The value of this name.
    Known(String, Position),
    /// What `<<` merges.
    Merge(Position),
    /// The value of a name that cannot be one.
    Unusable,
}

/// A node as it was written, before anybody knows whether it is a name or a value.
struct Written {
    node: Node,
    merge: bool,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let position = position(span.start);
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let wanted = wanted(style, tag.as_deref());
                let merge = wanted == Some(Wanted::Anything) && text == "<<";
                let value = match wanted {
                    Some(wanted) => self.scalar(&text, wanted, position),
                    None => self.binary(&text, position),
                };
                let node = Node { position, value };
                self.count(position, 1)?;
                if anchor != 0 {
                    self.anchors.insert(anchor, (node.clone(), 1));
                }
                self.place(Written { node, merge });
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(position, anchor, Kind::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, _) => self.begin(
                position,
                anchor,
                Kind::Map {
                    fields: Vec::new(),
                    written: BTreeMap::new(),
                    name: Name::Awaited,
                },
            )?,
            Event::SequenceEnd | Event::MappingEnd => self.finish(),
            Event::Alias(anchor) => self.alias(anchor, position)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(&mut self, position: Position, anchor: usize, kind: Kind) -> Result<(), Stop> {
        if self.open.len() >= DEPTH_MAX {
            self.report(
                position,
                format!("more than {DEPTH_MAX} lists and maps inside each other"),
                "no manifest needs that: write it flatter",
            );
            return Err(Stop);
        }
        let nodes_before = self.nodes;
        self.count(position, 1)?;
        self.open.push(Open {
            position,
            anchor,
            nodes_before,
            kind,
        });
        Ok(())
    }

    fn finish(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let value = match open.kind {
            Kind::List(items) => Value::List(items),
            Kind::Map { fields, .. } => Value::Map(fields),
        };
        let node = Node {
            position: open.position,
            value,
        };
        if open.anchor != 0 {
            let size = self.nodes - open.nodes_before;
            self.anchors.insert(open.anchor, (node.clone(), size));
        }
        self.place(Written { node, merge: false });
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Stop> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            self.report(
                position,
                "this alias stands inside its own anchor".to_owned(),
                "write the value out",
            );
            self.place(Written {
                node: Node {
                    position,
                    value: Value::Null,
                },
                merge: false,
            });
            return Ok(());
        };
        let (node, size) = (node.clone(), *size);
        // Counted before it is placed: a few aliases of aliases would fill the memory.
        self.count(position, size)?;
        self.place(Written { node, merge: false });
        Ok(())
    }

    fn count(&mut self, position: Position, size: usize) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        self.report(
            position,
            format!(
                "more than {NODES_MAX} values in one file, aliases counted as what they stand for"
            ),
            "split the file, or write fewer aliases of aliases",
        );
        Err(Stop)
    }

    /// Puts a node where it belongs.
    fn place(&mut self, written: Written) {
        let Some(open) = self.open.last_mut() else {
            if written.node.value != Value::Null {
                self.documents.push(written.node);
            }
            return;
        };
        let Kind::Map {
            fields,
            written: names,
            name,
        } = &mut open.kind
        else {
            if let Kind::List(items) = &mut open.kind {
                items.push(written.node);
            }
            return;
        };
        let node = written.node;
        let mistake = match std::mem::replace(name, Name::Awaited) {
            Name::Awaited if written.merge => {
                *name = Name::Merge(node.position);
                None
            }
            Name::Awaited => {
                let (next, mistake) = read_name(node, names);
                *name = next;
                mistake
            }
            Name::Known(known, position) => {
                set(
                    fields,
                    Field {
                        name: known,
                        position,
                        node,
                    },
                );
                None
            }
            Name::Merge(position) => merge(fields, node, position),
            Name::Unusable => None,
        };
        if let Some(Wrong {
            position,
            what,
            mend,
        }) = mistake
        {
            self.report(position, what, mend);
        }
    }

    fn scalar(&mut self, text: &str, wanted: Wanted, position: Position) -> Value {
        scalar::read(text, wanted).unwrap_or_else(|unreadable| {
            match unreadable {
                Unreadable::NoJson => self.report(
                    position,
                    format!("`{text}` is a number that JSON cannot hold"),
                    "write a finite number, or quote it if text is meant",
                ),
                Unreadable::Tag(tag) => self.report(
                    position,
                    format!("`{text}` does not fit its tag {tag}"),
                    "correct the value or leave the tag out",
                ),
            }
            Value::Null
        })
    }

    fn binary(&mut self, text: &str, position: Position) -> Value {
        let compact: String = text.split_ascii_whitespace().collect();
        let decoded = BASE64_STANDARD
            .decode(compact)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.map_or_else(
            || {
                self.report(
                    position,
                    "the tag !!binary wants base64 of UTF-8 text here".to_owned(),
                    "leave the tag out; a Secret's `data` takes base64 as plain text",
                );
                Value::Null
            },
            Value::String,
        )
    }

    fn report(&mut self, position: Position, what: String, mend: &str) {
        let place = Place {
            file: Arc::clone(self.file),
            position,
        };
        self.mistakes.push(Mistake::error(place, what, mend));
    }
}

/// What a scalar must be; none is base64.
fn wanted(style: ScalarStyle, tag: Option<&Tag>) -> Option<Wanted> {
    Some(match tag {
        None if style == ScalarStyle::Plain => Wanted::Anything,
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "bool" => Wanted::Boolean,
            "int" => Wanted::Integer,
            "float" => Wanted::Float,
            "null" => Wanted::Null,
            "binary" => return None,
            _ => Wanted::Text,
        },
        None | Some(_) => Wanted::Text,
    })
}

/// A mistake before its file is known.
struct Wrong {
    position: Position,
    what: String,
    mend: &'static str,
}

/// Makes a name of a node. Numbers and booleans become text, as kubectl's conversion to JSON does.
fn read_name(node: Node, names: &mut BTreeMap<String, Position>) -> (Name, Option<Wrong>) {
    let position = node.position;
    let text = match node.value {
        Value::String(text) => text,
        Value::Boolean(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => {
            let wrong = Wrong {
                position,
                what: "this cannot be the name of a field".to_owned(),
                mend: "a name is text, on one line, before a colon; templates must be rendered first",
            };
            return (Name::Unusable, Some(wrong));
        }
    };
    let wrong = names.get(&text).map(|first| Wrong {
        position,
        what: format!("`{text}` is written twice, first in line {}", first.line),
        mend: "keep one of the two: only the last one would count",
    });
    names.entry(text.clone()).or_insert(position);
    (Name::Known(text, position), wrong)
}

/// Merges what `<<` names. As in go-yaml version 2, what comes later in the text wins, and of several merged
/// maps the first.
fn merge(fields: &mut Vec<Field>, node: Node, position: Position) -> Option<Wrong> {
    let maps = match node.value {
        Value::List(items) => items.into_iter().rev().collect(),
        _ => vec![node],
    };
    let sound = maps.iter().all(|map| matches!(map.value, Value::Map(_)));
    for map in maps {
        if let Value::Map(merged) = map.value {
            for field in merged {
                set(fields, field);
            }
        }
    }
    (!sound).then(|| Wrong {
        position,
        what: "`<<` merges a map or a list of maps".to_owned(),
        mend: "give it an alias of a map, such as `<<: *defaults`",
    })
}

fn set(fields: &mut Vec<Field>, field: Field) {
    match fields.iter_mut().find(|known| known.name == field.name) {
        Some(known) => *known = field,
        None => fields.push(field),
    }
}

fn position(marker: Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}
