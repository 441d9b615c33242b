//! The OpenAPI document against the table, the handlers and itself. What the API answers is compared in `conform`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::routes::Body;
use super::super::{Route, Verb, openapi, routes};
use super::Fixture;

/// The operations of the document by method and path.
fn operations(document: &Value) -> BTreeMap<(String, String), Value> {
    let paths = document["paths"].as_object().unwrap();
    let operation = |path: &str, (method, operation): (&String, &Value)| {
        ((method.to_uppercase(), path.to_owned()), operation.clone())
    };
    let of_path = |(path, item): (&String, &Value)| -> Vec<_> {
        let methods = item.as_object().unwrap().iter();
        methods.map(|method| operation(path, method)).collect()
    };
    paths.iter().flat_map(of_path).collect()
}

/// Every reference of the document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            let reference = object.get("$ref").and_then(Value::as_str);
            found.extend(reference.map(str::to_owned));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_row_of_the_table_is_an_operation_and_nothing_else_is() {
    let operations = operations(&openapi("/api"));
    let rows = routes().iter();
    let rows: BTreeSet<_> = rows
        .map(|route| (route.method.as_str().to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(operations.keys().cloned().collect::<BTreeSet<_>>(), rows);
    for route in routes() {
        let operation = &operations[&(route.method.as_str().to_owned(), route.path.to_owned())];
        assert_eq!(operation["summary"], route.summary);
        assert_eq!(operation["x-role"], json!(route.role), "{}", route.path);
        let declared = operation["parameters"].as_array().unwrap();
        let in_path = declared.iter().filter(|one| one["in"] == "path").count();
        assert_eq!(in_path, route.path.matches('{').count(), "{}", route.path);
    }
}

#[test]
fn operations_have_names_of_their_own_that_do_not_change() {
    let operations = operations(&openapi("/api"));
    let names: BTreeSet<_> = operations
        .values()
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), operations.len());
    // Programs are generated from these names: a change here breaks them.
    for name in [
        "getIncidents",
        "getIncidentsById",
        "postIncidentsByIdAcknowledge",
        "getIncidentsByIdPostMortem",
        "postRunsByIdStepsByStepSkip",
        "getOpenapiJson",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
}

#[test]
fn references_lead_to_something_and_no_two_types_share_a_name() {
    let document = openapi("/api");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        // The generator numbers types that have the name of another.
        assert!(!name.ends_with(|c: char| c.is_ascii_digit()), "{name}");
        assert!(
            found.contains(&format!("#/components/schemas/{name}")),
            "{name} is not used"
        );
    }
}

/// The generator takes two types of one module for one if they are called the same.
#[test]
fn no_name_is_given_twice() {
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let given = text.split("#[schemars(rename = \"").skip(1);
            names.extend(given.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(names.len() > 30, "{names:?}");
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
}

#[test]
fn every_code_is_told_of() {
    let source = include_str!("../problem/code.rs");
    let text = openapi("/api")["components"]["responses"].to_string();
    let quoted = source.split('"').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let codes: Vec<_> = quoted.filter(is_name).collect();
    assert!(codes.len() > 30, "{codes:?}");
    for code in codes {
        // No operation has another method than its own.
        let is_told = text.contains(&format!("\"{code}\"")) || code == "method-not-allowed";
        assert!(is_told, "{code}");
    }
}

#[test]
fn the_document_names_the_base_of_its_paths() {
    assert_eq!(openapi("/ops")["servers"], json!([{ "url": "/ops" }]));
    assert_eq!(openapi("")["servers"], json!([{ "url": "/" }]));
}

/// The names that a 400 offers instead of one that nothing knows.
fn offered(detail: &str) -> BTreeSet<String> {
    let (_, list) = detail.split_once("is not known; the ").unwrap_or_default();
    let list = list.split(';').next().unwrap_or_default();
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn path(route: &Route) -> String {
    let path = route.path.replace("{step}", "0");
    ["{id}", "{jti}", "{name}"]
        .iter()
        .fold(path, |path, name| path.replace(name, "some-id"))
}

#[tokio::test]
async fn handlers_know_the_fields_that_the_document_names() {
    let api = Fixture::new().await;
    let mut compared = 0;
    for route in routes() {
        let fields: Vec<_> = match route.shape.body {
            Body::Fields(fields) => fields.iter().collect(),
            Body::OneOf(bodies) => bodies.iter().copied().flatten().collect(),
            Body::Nothing | Body::Any(_) => continue,
        };
        let head = format!("{} /api{}", route.method.as_str(), path(route));
        let mut known = BTreeSet::new();
        // What else a change of several incidents takes depends on the change.
        for change in ["comment", "assign"] {
            let body = json!({ "surely-unknown": 1, "change": change }).to_string();
            let reply = api
                .ask(&[&head, "Content-Type: application/json"], body.as_bytes())
                .await;
            assert_eq!(reply.status, 400, "{head}: {}", reply.body);
            known.extend(offered(reply.json()["detail"].as_str().unwrap()));
        }
        let told: BTreeSet<_> = fields.iter().map(|field| field.name.to_owned()).collect();
        assert_eq!(known, told, "{head}");
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

#[tokio::test]
async fn handlers_know_the_parameters_that_the_document_names() {
    let api = Fixture::new().await;
    let operations = operations(&openapi("/api"));
    let mut compared = 0;
    for route in routes().iter().filter(|route| route.method == Verb::Get) {
        let head = format!("GET /api{}?surely-unknown=1", path(route));
        let reply = api.ask(&[&head], b"").await;
        let operation = &operations[&("GET".to_owned(), route.path.to_owned())];
        let told = operation["parameters"].as_array().unwrap().iter();
        let told = told.filter(|one| one["in"] == "query");
        let told: BTreeSet<_> = told
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        if reply.status == 400 {
            let detail = reply.json()["detail"].as_str().unwrap().to_owned();
            assert_eq!(offered(&detail), told, "{head}: {detail}");
            compared += 1;
        } else {
            // It reads no parameters, and ignores them.
            assert!(told.is_empty(), "{head}: {}", reply.status);
        }
    }
    assert!(compared > 20, "{compared}");
}

#[tokio::test]
async fn what_a_query_must_say_is_told_and_is_missed() {
    let api = Fixture::new().await;
    let mut compared = 0;
    for ((method, path), operation) in operations(&openapi("/api")) {
        let parameters = operation["parameters"].as_array().unwrap().iter();
        let needed = parameters.filter(|one| one["in"] == "query" && one["required"] == true);
        for name in needed.map(|one| one["name"].as_str().unwrap()) {
            let head = format!("{method} /api{path}?{name}=");
            let reply = api.ask(&[&head], b"").await;
            assert_eq!(reply.status, 400, "{head}: {}", reply.body);
            let detail = reply.json()["detail"].to_string();
            let missed = format!("`{name}`: is missing");
            assert!(detail.contains(&missed), "{head}: {detail}");
            compared += 1;
        }
    }
    assert!(compared > 1, "{compared}");
}

#[tokio::test]
async fn the_document_is_served_with_its_tag() {
    let api = Fixture::new().await;
    let reply = api.get("/openapi.json").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), openapi("/api"));
    let known = format!("If-None-Match: {}", reply.header("etag"));
    let again = api.ask(&["GET /api/openapi.json", &known], b"").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}
