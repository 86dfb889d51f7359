use super::*;
use proptest::prelude::*;
use serde_json::json;

fn read_text(text: &str) -> (Vec<serde_json::Value>, Vec<String>) {
    let mut mistakes = Vec::new();
    let documents = read(&Arc::from("f.yaml"), text, &mut mistakes).nodes;
    (
        documents.iter().map(Node::to_json).collect(),
        mistakes
            .iter()
            .map(|mistake| mistake.to_string().replace("\n    mend:", " →"))
            .collect(),
    )
}

fn check(text: &str, expected: &serde_json::Value) {
    let (documents, mistakes) = read_text(text);

    assert_eq!(mistakes, Vec::<String>::new(), "{text}");
    assert_eq!(json!(documents), *expected, "{text}");
}

#[test]
fn a_file_holds_several_documents_and_empty_ones_do_not_count() {
    check(
        "---\n---\na: 1\n---\n# nothing\n---\nb: [2]\n",
        &json!([{"a": 1}, {"b": [2]}]),
    );
    check("", &json!([]));
    check(
        r#"{"a": {"b": "yes", "c": 1e3}}"#,
        &json!([{"a": {"b": "yes", "c": 1000}}]),
    );
}

#[test]
fn names_are_text_whatever_they_look_like() {
    check(
        "on: 1\n8: 2\n0x10: 3\n",
        &json!([{"true": 1, "8": 2, "16": 3}]),
    );
}

#[test]
fn quotes_and_tags_decide_the_type() {
    check(
        "a: 'yes'\nb: !!str 22\nc: !!int \"22\"\nd: |\n  on\ne: !!binary aGk=\n",
        &json!([{"a": "yes", "b": "22", "c": 22, "d": "on\n", "e": "hi"}]),
    );
}

#[test]
fn an_alias_stands_for_its_anchor() {
    check(
        "a: &x {b: [1]}\nc: *x\n",
        &json!([{"a": {"b": [1]}, "c": {"b": [1]}}]),
    );
}

#[test]
fn a_merge_gives_way_to_what_comes_later_and_to_earlier_maps() {
    check(
        "a: &a {x: 1, v: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n  v: 3\n",
        &json!([{"a": {"x": 1, "v": 1}, "b": {"x": 2, "z": 2}, "c": {"x": 1, "v": 3, "z": 2}}]),
    );
    check(
        "a: &a {x: 1}\nc:\n  x: 3\n  <<: *a\n",
        &json!([{"a": {"x": 1}, "c": {"x": 1}}]),
    );
    check("a: {'<<': 1}\n", &json!([{"a": {"<<": 1}}]));
}

#[test]
fn a_name_written_twice_is_a_mistake_and_the_last_counts() {
    let (documents, mistakes) = read_text("a: 1\nb: 2\na: 3\n");

    assert_eq!(documents, [json!({"a": 3, "b": 2})]);
    assert_eq!(
        mistakes,
        [
            "f.yaml:3:1: `a` is written twice, first in line 1 → keep one of the two: only the last one would count"
        ]
    );
}

#[test]
fn broken_syntax_keeps_the_documents_before_it() {
    let (documents, mistakes) = read_text("a: 1\n---\nb: [1\n");

    assert_eq!(documents, [json!({"a": 1})]);
    assert_eq!(mistakes.len(), 1);
    assert!(
        mistakes[0].starts_with("f.yaml:4:1: this is not YAML"),
        "{mistakes:?}"
    );
}

#[test]
fn aliases_of_aliases_are_bounded() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        let line = format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
        text.push_str(&line);
    }

    let (_, mistakes) = read_text(&text);

    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].contains("values in one file"), "{mistakes:?}");
}

#[test]
fn depth_is_bounded() {
    let (_, mistakes) = read_text(&"[".repeat(100));

    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].contains("inside each other"), "{mistakes:?}");
    assert_eq!(read_text(&"[".repeat(100_000)).1.len(), 1);
    assert_eq!(read_text(&"- ".repeat(100_000)).1.len(), 1);
}

#[test]
fn an_alias_inside_its_anchor_is_a_mistake() {
    let (_, mistakes) = read_text("a: &a [*a]\n");

    assert_eq!(mistakes.len(), 1);
}

fn positions(node: &Node, into: &mut Vec<Position>) {
    into.push(node.position);
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| positions(item, into)),
        Value::Map(fields) => {
            for field in fields {
                into.push(field.position);
                positions(&field.node, into);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange_and_every_position_is_inside(
        text in "([a-c&*<!|>'\"?:,{}\\[\\]#~ö.0-9%@`-]|: |\n|\n  |\n- |<<: |---\n|\t|\r){0,60}"
    ) {
        let mut mistakes = Vec::new();
        let documents = read(&Arc::from("f"), &text, &mut mistakes).nodes;

        let mut found: Vec<Position> = mistakes.iter().map(|mistake| mistake.place.position).collect();
        for node in &documents {
            positions(node, &mut found);
        }
        // A lone carriage return ends a line too, and the end of the file is a place of its own.
        let lines = text.split(['\n', '\r']).count() + 1;
        let columns = text.chars().count() + 1;
        for position in found {
            prop_assert!((1..=lines).contains(&position.line), "{position:?} in {text:?}");
            prop_assert!((1..=columns).contains(&position.column), "{position:?} in {text:?}");
        }
    }
}
