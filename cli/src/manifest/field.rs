//! Field paths: `spec.listeners[0].port`.

use std::fmt::Write as _;

/// One step of a field path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The field of a map.
    Name(String),
    /// The item of a list, from 0.
    Index(usize),
}

/// Reads a path as it is shown. Names that hold dots or brackets are written `["a.b"]`.
pub(super) fn parse(path: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut rest = path.trim_start_matches('.');
    while !rest.is_empty() {
        let (segment, after) = if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
            (Segment::Name(name.to_owned()), after)
        } else if let Some(bracket) = rest.strip_prefix('[') {
            let (inside, after) = bracket.split_once(']').unwrap_or((bracket, ""));
            let segment = inside.parse().map_or_else(
                |_no_number| Segment::Name(inside.to_owned()),
                Segment::Index,
            );
            (segment, after)
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            (Segment::Name(name.to_owned()), after)
        };
        segments.push(segment);
        rest = after.trim_start_matches('.');
    }
    segments
}

/// The path of a field below this path.
pub(super) fn child(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && !name.contains(['.', '[', ']', '"', '/']);
    match (path.is_empty(), plain) {
        (true, true) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[\"{name}\"]"),
    }
}

/// The path of an item below this path.
pub(super) fn item(path: &str, index: usize) -> String {
    let mut path = path.to_owned();
    // Writing to a String cannot fail.
    let _infallible = write!(path, "[{index}]");
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_read_as_it_is_shown() {
        let path = item(&child(&child("", "spec"), "listeners"), 2);
        let path = child(&child(&path, "app.kubernetes.io/name"), "x");

        assert_eq!(path, "spec.listeners[2][\"app.kubernetes.io/name\"].x");
        assert_eq!(
            parse(&path),
            [
                Segment::Name("spec".into()),
                Segment::Name("listeners".into()),
                Segment::Index(2),
                Segment::Name("app.kubernetes.io/name".into()),
                Segment::Name("x".into()),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_path_is_too_strange(path in "[a-z.\\[\\]\"0-9]{0,20}") {
            parse(&path);
        }
    }
}
