//! Answers, errors among them. What goes wrong in the same way in many places stands once in the document.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::super::problem::Code;
use super::super::routes::{Body, Content, Reply, Role, Route, Verb};
use super::operation::capitalised;

/// What may go wrong at every row.
const EVERYWHERE: &[Code] = &[
    Code::INVALID_REQUEST,
    Code::CROSS_SITE,
    Code::BODY_TOO_LARGE,
    Code::WRONG_HOST,
    Code::INTERNAL,
    Code::STORAGE_UNAVAILABLE,
    Code::TIMED_OUT,
    Code::STOPPING,
];

/// The answers that were seen so far.
#[derive(Debug, Default)]
pub(super) struct Responses(BTreeMap<String, Value>);

impl Responses {
    /// Those that several operations share, by name.
    pub(super) fn shared(self) -> BTreeMap<String, Value> {
        self.0
    }

    /// The answers of a row, by status.
    pub(super) fn of(&mut self, route: &Route, generator: &mut SchemaGenerator) -> Value {
        let mut all = BTreeMap::new();
        for reply in [Some(route.shape.answer), route.shape.or]
            .into_iter()
            .flatten()
        {
            all.insert(reply.status, success(route, reply, generator));
        }
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in codes(route) {
            let kinds = by_status.entry(code.status().as_u16()).or_default();
            if !kinds.contains(&code) {
                kinds.push(code);
            }
        }
        for (status, codes) in by_status {
            let failure = failure(status, &codes);
            match all.get_mut(&status) {
                Some(answer) => add_content(answer, &failure),
                None => {
                    all.insert(status, self.share(&codes, failure));
                }
            }
        }
        let all: Map<String, Value> = all
            .into_iter()
            .map(|(status, answer)| (status.to_string(), answer))
            .collect();
        all.into()
    }

    fn share(&mut self, codes: &[Code], answer: Value) -> Value {
        let names: Vec<_> = codes
            .iter()
            .map(|code| code.name().split('-').map(capitalised).collect::<String>())
            .collect();
        let name = names.join("Or");
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        self.0.insert(name, answer);
        reference
    }
}

/// Everything that may go wrong at a row.
fn codes(route: &Route) -> Vec<Code> {
    let mut codes = EVERYWHERE.to_vec();
    if route.role != Role::Anyone {
        codes.extend([Code::UNAUTHENTICATED, Code::FORBIDDEN, Code::RATE_LIMITED]);
        if route.method != Verb::Get {
            codes.push(Code::CSRF);
        }
        if route.is_critical() {
            codes.push(Code::SIGN_IN_AGAIN);
        }
    }
    if route.rate_limited {
        codes.push(Code::RATE_LIMITED);
    }
    let has_body = !matches!(route.shape.body, Body::Nothing);
    if has_body {
        codes.push(Code::UNSUPPORTED_MEDIA_TYPE);
    }
    if has_body || route.is_once() {
        codes.push(Code::SLOW_BODY);
    }
    if route.is_once() {
        codes.extend([Code::KEY_REUSED, Code::KEY_IN_USE]);
    }
    codes.extend(route.shape.problems);
    codes.sort_by_key(|code| (code.status().as_u16(), code.name()));
    codes
}

fn success(route: &Route, reply: Reply, generator: &mut SchemaGenerator) -> Value {
    let mut headers = vec!["X-Request-Id"];
    if route.rate_limited {
        headers.extend(LIMITS);
    }
    if route.shape.is_tagged {
        headers.push("ETag");
    }
    if route.is_once() {
        headers.push("Idempotency-Replayed");
    }
    let mut answer = json!({ "description": meaning(reply.status), "headers": refer(&headers) });
    let content: Map<String, Value> = match reply.content {
        Content::Nothing => return answer,
        Content::Json(schema) => {
            let schema = schema(generator).to_value();
            let of_type = ("application/json".to_owned(), json!({ "schema": schema }));
            [of_type].into_iter().collect()
        }
        Content::Text(kinds) => kinds
            .iter()
            .map(|kind| {
                (
                    (*kind).to_owned(),
                    json!({ "schema": { "type": "string" } }),
                )
            })
            .collect(),
    };
    if let Some(object) = answer.as_object_mut() {
        object.insert("content".to_owned(), content.into());
    }
    answer
}

const LIMITS: [&str; 3] = [
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
];

const fn meaning(status: u16) -> &'static str {
    match status {
        101 => "From here on the connection speaks WebSocket.",
        201 => "It was made.",
        202 => "It was begun.",
        204 => "It is done.",
        303 => "The browser goes on elsewhere.",
        304 => "What is known still holds.",
        503 => "It does not work.",
        _ => "The answer.",
    }
}

/// An error of one of some kinds, which have one status.
fn failure(status: u16, codes: &[Code]) -> Value {
    let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
    let titles: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.name(), code.title()))
        .collect();
    let mut headers = vec!["X-Request-Id", "Idempotency-Replayed"];
    headers.extend(LIMITS);
    match status {
        401 => headers.push("WWW-Authenticate"),
        409 | 429 | 503 => headers.push("Retry-After"),
        _ => {}
    }
    let kind =
        json!({ "properties": { "code": { "enum": names }, "status": { "const": status } } });
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, kind] });
    json!({
        "description": titles.join(" "),
        "headers": refer(&headers),
        "content": { "application/problem+json": { "schema": schema } },
    })
}

fn refer(headers: &[&str]) -> Map<String, Value> {
    let reference = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    headers
        .iter()
        .map(|name| ((*name).to_owned(), reference(name)))
        .collect()
}

/// Adds the form of an error to an answer that has the same status.
fn add_content(answer: &mut Value, failure: &Value) {
    for part in ["content", "headers"] {
        let more = failure.get(part).and_then(Value::as_object).cloned();
        let there = answer.get_mut(part).and_then(Value::as_object_mut);
        if let (Some(there), Some(more)) = (there, more) {
            there.extend(more);
        }
    }
}
