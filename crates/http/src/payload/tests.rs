#![allow(clippy::unwrap_used)]

use deserr::Deserr;
use poem_openapi::{Object, registry::Registry, types::Type as _};
use rstest::rstest;
use serde_json::{Value, json};

use super::{Invalid, invalid::MAX_FAULTS, read, read::json, shape::Shape};

/// An order
#[derive(Debug, Deserr, Object)]
#[deserr(error = Invalid)]
struct Order {
    /// What is ordered
    #[oai(validator(max_items = "1000"))]
    lines: Vec<Line>,
    /// A word to the sender
    #[deserr(default)]
    note: Option<String>,
}

/// A line of an order
#[derive(Debug, Deserr, Object)]
#[deserr(error = Invalid, deny_unknown_fields)]
struct Line {
    /// What
    thing: String,
    /// How many
    count: u32,
}

/// A body whose list is as long as the client likes
#[derive(Debug, Object)]
struct Endless {
    /// It is endless
    words: Vec<String>,
}

/// A body that goes as deep as the client likes
#[derive(Debug, Object)]
struct Nested {
    /// Another one
    nested: Option<Box<Nested>>,
}

fn faults(body: &str) -> Vec<(String, String)> {
    let invalid = read::body::<Order>(body.as_bytes()).unwrap_err();
    let errors = invalid.errors().iter();
    errors
        .map(|fault| (fault.pointer.clone(), fault.detail.clone()))
        .collect()
}

fn kept(body: &str) -> Value {
    json(body.as_bytes(), Shape::of::<Order>()).unwrap().0
}

#[test]
fn only_the_fields_of_the_type_are_kept_of_a_large_body() {
    let many = "0,".repeat(500_000);
    for body in [
        format!("[{many}0]"),
        format!(r#"{{"lines":{{"more":[{many}0]}},"note":[{many}0]}}"#),
        format!(r#"{{"more":[{many}0]}}"#),
        format!(r#"{{"lines":[{many}0]}}"#),
        format!(
            "{{{}}}",
            r#""more":{},"#.repeat(100_000).trim_end_matches(',')
        ),
    ] {
        let kept = kept(&body).to_string();
        assert!(kept.len() < 3_000, "{} bytes of {}", kept.len(), body.len());
    }
}

#[test]
fn known_fields_are_kept_unchanged() {
    let order =
        json!({"lines": [{"thing": "ä\"b", "count": 3}, {"thing": "", "count": 0}], "note": null});
    assert_eq!(kept(&order.to_string()), order);
}

#[test]
fn at_most_20_faults_are_listed() {
    let wrong = vec![json!({"thing": "\0"}); 900];
    assert_eq!(
        faults(&json!({"lines": wrong}).to_string()).len(),
        MAX_FAULTS
    );
    let null_characters = vec![json!({"thing": "\0", "count": 1}); 900];
    let null_characters = faults(&json!({"lines": null_characters}).to_string());
    assert_eq!(null_characters.len(), MAX_FAULTS);
}

#[test]
fn a_pointer_contains_only_names_of_the_type() {
    let name = "k".repeat(60_000);
    let texts = vec!["\0"; 12_000];
    let body =
        json!({"lines": [{"thing": {&name: texts}, "count": {&name: 1}, &name: 1}], &name: texts});
    let mut faults = faults(&body.to_string());
    faults.sort();
    assert_eq!(
        faults
            .iter()
            .map(|(pointer, _)| &**pointer)
            .collect::<Vec<_>>(),
        ["/lines/0", "/lines/0/count", "/lines/0/thing"]
    );
    assert!(
        faults.iter().all(|(_, detail)| !detail.contains("kkk")),
        "{faults:?}"
    );
}

#[rstest]
#[case::null_character(r#"{"lines":[],"note":"a\u0000"}"#, &["/note"])]
#[case::null_character_in_a_list(r#"{"lines":[{"thing":"\u0000","count":1}]}"#, &["/lines/0/thing"])]
#[case::both_kinds_of_fault(r#"{"lines":[{"thing":"\u0000","count":"1"}],"note":1}"#, &["/lines/0/count", "/note", "/lines/0/thing"])]
#[case::one_fault_a_place(r#"{"note":"\u0000"}"#, &["/lines", "/note"])]
#[case::refused_field(r#"{"lines":[{"thing":"","count":1,"more":[1]}]}"#, &["/lines/0"])]
#[case::a_list_for_an_object(r#"{"lines":[[]]}"#, &["/lines/0"])]
#[case::an_object_for_a_list(r#"{"lines":{}}"#, &["/lines"])]
fn every_broken_rule_is_listed_with_its_location(#[case] body: &str, #[case] expected: &[&str]) {
    let faults = faults(body);
    let pointers: Vec<_> = faults.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(pointers, expected);
}

#[test]
fn a_list_that_is_too_long_is_one_fault() {
    let lines = vec![json!({"thing": "a", "count": 1}); 1_001];
    let expected = (
        "/lines".to_owned(),
        "must not have more than 1000 items".to_owned(),
    );
    assert_eq!(faults(&json!({"lines": lines}).to_string()), [expected]);
    assert!(read::body::<Order>(json!({"lines": lines[1..]}).to_string().as_bytes()).is_ok());
}

#[rstest]
#[case::half(r#"{"more":[{"a":1}"#)]
#[case::unquoted(r#"{"more":[a]}"#)]
#[case::bad_escape(r#"{"more":"\x"}"#)]
#[case::control_character("{\"more\":\"\n\"}")]
#[case::comma(r#"{"more":[1,]}"#)]
#[case::in_the_wrong_place(r#"{"note":[1,]}"#)]
#[case::no_utf8(b"{\"more\":\"\xff\"}")]
#[case::twice_the_same_name(r#"{"lines":[{"thing":"","thing":"","count":1}]}"#)]
fn invalid_json_is_refused_in_unknown_fields_too(#[case] body: impl AsRef<[u8]>) {
    let problem = json(body.as_ref(), Shape::of::<Order>()).unwrap_err();
    assert!(problem.to_string().starts_with("400"), "{problem}");
}

#[test]
fn the_maximum_of_a_list_is_in_the_document() {
    let mut registry = Registry::new();
    Order::register(&mut registry);
    let (_, lines) = &registry.schemas["Order"].properties[0];
    assert_eq!(lines.unwrap_inline().max_items, Some(1_000));
}

#[test]
#[should_panic(expected = "Endless.words: a list in a body needs")]
fn a_body_with_a_list_without_a_maximum_panics_at_the_start() {
    Shape::of::<Endless>();
}

#[test]
#[should_panic(expected = "must not contain itself")]
fn a_body_whose_type_contains_itself_panics_at_the_start() {
    Shape::of::<Nested>();
}

#[rstest]
#[case::map(Shape::of::<std::collections::HashMap<String, String>>)]
#[case::anything(Shape::of::<Value>)]
#[should_panic(expected = "has no limit")]
fn a_body_with_a_map_or_any_value_panics_at_the_start(#[case] shape: fn() -> &'static Shape) {
    shape();
}
