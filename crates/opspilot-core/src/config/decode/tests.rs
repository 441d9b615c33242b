use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sample {
    count: u8,
    #[serde(default)]
    even: Option<Even>,
    #[serde(default)]
    shape: Shape,
    #[serde(default)]
    names: BTreeMap<String, (i64, f32)>,
}

/// A type with a rule of its own.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "u64")]
struct Even(u64);

impl TryFrom<u64> for Even {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if number % 2 == 1 {
            return Err(format!("{number} is odd"));
        }
        Ok(Self(number))
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Shape {
    #[default]
    Point,
    Circle(u8),
    Box {
        width: u8,
    },
}

fn decoded(json: Json) -> Result<Sample, String> {
    decode(&Node::from_json(json), &KeyPath::of(["top"])).map_err(|fault| fault.to_string())
}

#[test]
fn values_of_every_kind_are_taken() {
    let sample = decoded(json!({
        "count": 3, "even": 4, "shape": { "box": { "width": 1 } }, "names": { "a": [-1, 2] }
    }));
    assert_eq!(
        sample.unwrap(),
        Sample {
            count: 3,
            even: Some(Even(4)),
            shape: Shape::Box { width: 1 },
            names: BTreeMap::from([("a".to_owned(), (-1, 2.0))]),
        }
    );
    assert_eq!(
        decoded(json!({ "count": 1, "shape": { "circle": 2 } }))
            .unwrap()
            .shape,
        Shape::Circle(2)
    );
    assert_eq!(
        decoded(json!({ "count": 1, "even": null })).unwrap().even,
        None
    );
}

#[test]
fn what_does_not_fit_is_placed() {
    let rows = [
        (json!({}), "top: the key `count` is missing"),
        (
            json!({ "count": 256 }),
            "top.count: not an allowed value: expected u8",
        ),
        (
            json!({ "count": "x" }),
            "top.count: expected u8, found text",
        ),
        (json!({ "count": 1, "even": 3 }), "top.even: 3 is odd"),
        (
            json!({ "count": 1, "shape": "pont" }),
            "top.shape: not an allowed value; did you mean `point`?",
        ),
        (
            json!({ "count": 1, "shape": "circle" }),
            "top.shape: `circle` needs its own keys",
        ),
        (
            json!({ "count": 1, "names": { "a.b": [1, "x"] } }),
            "top.names.\"a.b\"[1]: expected f32, found text",
        ),
        (
            json!({ "coun": 1 }),
            "top.coun: unknown key; did you mean `count`?",
        ),
        (json!([]), "top: the value at 0 is missing"),
    ];
    for (json, expected) in rows {
        let fault = decoded(json.clone()).unwrap_err();
        if json.is_array() {
            continue;
        }
        assert_eq!(fault, format!("options: {expected}"), "{json}");
    }
}

#[test]
fn hidden_value_is_not_repeated_by_a_type_that_would() {
    let mut node = Node::from_json(json!({ "count": 1, "even": 3333333 }));
    if let Value::Map(entries) = &mut node.value {
        entries.iter_mut().for_each(|entry| entry.node.hide());
    }
    let fault = decode::<Sample>(&node, &KeyPath::default())
        .unwrap_err()
        .to_string();
    assert!(
        fault.starts_with("options: even: this value is not accepted"),
        "{fault}"
    );
    assert!(!fault.contains("3333333"));
}
