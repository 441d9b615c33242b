use serde_json::json;

use super::*;

fn faults(schema: &Json, value: Json) -> Vec<String> {
    let mut node = Node::from_json(value);
    let mut report = Report::default();
    check(&mut node, schema, KeyPath::default(), &mut report);
    report.faults.iter().map(Fault::to_string).collect()
}

#[test]
fn each_keyword_is_checked() {
    let rows = [
        (json!(true), json!(1), 0),
        (json!(false), json!(1), 1),
        (json!({ "type": "number" }), json!(1), 0),
        (json!({ "type": "integer" }), json!(1.5), 1),
        (json!({ "type": ["integer", "null"] }), json!(null), 0),
        (json!({ "minimum": 1.5 }), json!(1), 1),
        (json!({ "minimum": 1.5 }), json!(2), 0),
        (json!({ "minimum": 3, "maximum": 3 }), json!(3), 0),
        (json!({ "exclusiveMinimum": 0 }), json!(0), 1),
        (json!({ "exclusiveMaximum": 0.5 }), json!(0.5), 1),
        (json!({ "maximum": 10 }), json!(10.5), 1),
        (json!({ "minLength": 2 }), json!("ä"), 1),
        (json!({ "maxLength": 1 }), json!("ä"), 0),
        (json!({ "minItems": 1 }), json!([]), 1),
        (json!({ "maxItems": 1 }), json!([1, 2]), 1),
        (
            json!({ "items": { "type": "string" } }),
            json!(["a", 1, 2]),
            2,
        ),
        (json!({ "enum": ["a", 1, true, null] }), json!(true), 0),
        (json!({ "enum": ["a", 1, true, null] }), json!("b"), 1),
        (json!({ "const": "a" }), json!("b"), 1),
        (
            json!({ "allOf": [{ "minimum": 3 }, { "type": "integer" }] }),
            json!(2),
            1,
        ),
        (
            json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] }),
            json!("a"),
            0,
        ),
        (
            json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] }),
            json!([]),
            1,
        ),
        (
            json!({ "oneOf": [{ "const": "a" }, { "enum": ["b", "c"] }] }),
            json!("c"),
            0,
        ),
        (
            json!({ "oneOf": [{ "const": "a" }, { "enum": ["b", "c"] }] }),
            json!("d"),
            1,
        ),
        (
            json!({ "additionalProperties": { "type": "string" } }),
            json!({ "a": 1 }),
            1,
        ),
        (
            json!({ "additionalProperties": false }),
            json!({ "a": 1, "b": 2 }),
            2,
        ),
    ];
    check_rows(&rows);
}

#[test]
fn references_and_choices_are_followed() {
    let rows = [
        (json!({ "required": ["a", "b"] }), json!({ "a": 1 }), 1),
        (
            json!({ "$ref": "#/$defs/N", "$defs": { "N": { "type": "string" } } }),
            json!(1),
            1,
        ),
        (json!({ "$ref": "#/$defs/Gone" }), json!(1), 0),
        (json!({ "$ref": "#" }), json!(1), 0),
        (
            json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] }),
            json!(null),
            1,
        ),
        (
            json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] }),
            json!(null),
            0,
        ),
    ];
    check_rows(&rows);
}

/// Rows of schema, value and how many faults there are.
fn check_rows(rows: &[(Json, Json, usize)]) {
    for (schema, value, expected) in rows {
        let faults = faults(schema, value.clone());
        assert_eq!(faults.len(), *expected, "{schema} {value}: {faults:?}");
    }
}

#[test]
fn long_values_are_cut_and_control_characters_shown() {
    let schema = json!({ "type": "integer" });
    let [fault] = faults(&schema, json!("\u{1b}[31m".repeat(50)))
        .try_into()
        .unwrap();
    assert!(fault.len() < 500, "{fault}");
    assert!(!fault.contains('\u{1b}'));
}
