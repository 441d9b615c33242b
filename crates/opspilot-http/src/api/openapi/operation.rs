//! One row of the table as an operation of the document.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::super::routes::{Role, Route, Verb};
use super::input;
use super::responses::Responses;

/// The operation of a row.
pub(super) fn of(
    route: &Route,
    generator: &mut SchemaGenerator,
    responses: &mut Responses,
) -> Value {
    let mut operation = json!({
        "operationId": id(route),
        "summary": route.summary,
        "tags": [tag(route)],
        "x-role": route.role,
        "x-callers": route.kinds,
        "security": security(route),
        "parameters": parameters(route, generator),
        "responses": responses.of(route, generator),
    });
    let body = input::body(route.shape.body, generator);
    if let (Some(body), Some(object)) = (body, operation.as_object_mut()) {
        object.insert("requestBody".to_owned(), body);
    }
    operation
}

/// The method, and the segments of the path: `postIncidentsByIdAcknowledge`. It changes only if the route does.
fn id(route: &Route) -> String {
    let mut id = route.method.as_str().to_lowercase();
    for segment in segments(route) {
        if let Some(name) = parameter_name(segment) {
            id.push_str("By");
            id.push_str(&capitalised(name));
        } else {
            let words = segment.split(['-', '.']);
            id.extend(words.map(capitalised));
        }
    }
    id
}

fn tag(route: &Route) -> &str {
    let first = segments(route).next().unwrap_or_default();
    first.split('.').next().unwrap_or_default()
}

fn segments(route: &Route) -> impl Iterator<Item = &'static str> + use<> {
    route.path.split('/').filter(|segment| !segment.is_empty())
}

fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// `word` with a large first letter.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Which credentials let somebody in; an empty choice is nobody's.
fn security(route: &Route) -> Value {
    let session = match route.method {
        Verb::Get => json!({ "session": [] }),
        Verb::Post | Verb::Put | Verb::Delete => json!({ "session": [], "csrf": [] }),
    };
    let credentials = [json!({ "bearer": [] }), json!({ "apiKey": [] }), session];
    match route.role {
        Role::Anyone => json!([]),
        Role::Public => credentials.into_iter().chain([json!({})]).collect(),
        Role::Viewer | Role::Operator | Role::Admin => credentials.into_iter().collect(),
    }
}

fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let names = segments(route).filter_map(parameter_name);
    let mut all: Vec<Value> = names.map(in_path).collect();
    all.extend(input::query(&route.shape, generator));
    if route.is_once() {
        let about = "The same key with the same request is answered once.";
        let schema =
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        all.push(header("Idempotency-Key", about, &schema));
    }
    if route.shape.is_tagged {
        let (name, about) = match route.method {
            Verb::Get => (
                "If-None-Match",
                "An `ETag` that is known: 304 if it still holds.",
            ),
            _ => (
                "If-Match",
                "The `ETag` that the change is for: 412 if it does not hold any more.",
            ),
        };
        all.push(header(name, about, &json!({ "type": "string" })));
    }
    all
}

fn in_path(name: &str) -> Value {
    let schema = match name {
        "step" => json!({ "type": "integer", "minimum": 0 }),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn header(name: &str, about: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "header", "description": about, "schema": schema })
}
