//! Every answer that a test of this crate gets, against the OpenAPI document: its status, its media type and its body
//! must be there. So whatever a test does to the API, the document tells of it.

use std::cell::RefCell;
use std::sync::LazyLock;

use boon::{Compiler, Schemas};
use opspilot_net::testing::Reply;
use serde_json::Value;

use super::super::{Route, openapi, routes};

/// What the document is called among schemas.
const DOCUMENT: &str = "https://opspilot.invalid/openapi.json";

static OPENAPI: LazyLock<Value> = LazyLock::new(|| openapi("/api"));

thread_local! {
    static COMPILED: RefCell<(Compiler, Schemas)> = RefCell::new({
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(DOCUMENT, OPENAPI.clone()).unwrap();
        (compiler, Schemas::new())
    });
}

/// Compares a reply with the operation that `request`, a request line without its version, is for. Requests that are
/// for none are answered outside of the document, and so are those whose head is too large to be read.
pub(super) fn check(base_path: &str, request: &str, reply: &Reply) {
    let Some((method, template)) = operation(base_path, request) else {
        return;
    };
    if reply.status == 431 {
        return;
    }
    let place = [
        "paths",
        template,
        &method,
        "responses",
        &reply.status.to_string(),
    ]
    .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
    .concat();
    let answer = OPENAPI.pointer(&place);
    let answer = answer
        .unwrap_or_else(|| panic!("no status {} of `{request}`: {}", reply.status, reply.body));
    let (place, answer) = match answer["$ref"].as_str() {
        Some(reference) => {
            let place = reference.trim_start_matches('#');
            (place.to_owned(), OPENAPI.pointer(place).unwrap())
        }
        None => (place, answer),
    };
    for name in reply.headers.keys().filter(|name| is_ours(name)) {
        let headers = answer["headers"].as_object().unwrap();
        let is_told = headers.keys().any(|told| told.eq_ignore_ascii_case(name));
        assert!(
            is_told,
            "header `{name}` of status {} of `{request}`",
            reply.status
        );
    }
    let kind = reply.headers.get("content-type").map_or("", String::as_str);
    let kind = kind.split(';').next().unwrap_or_default();
    let Some(content) = answer.get("content") else {
        assert_eq!((kind, reply.body.as_str()), ("", ""), "{request}");
        return;
    };
    assert!(
        content.get(kind).is_some(),
        "`{kind}` of status {} of `{request}`",
        reply.status
    );
    if kind.ends_with("json") && !reply.headers.contains_key("content-encoding") {
        let kind = kind.replace('/', "~1");
        validate(
            &format!("{place}/content/{kind}/schema"),
            &reply.json(),
            request,
        );
    }
}

/// Headers that mean something of this API alone.
fn is_ours(name: &str) -> bool {
    let limits = name.starts_with("x-ratelimit-");
    limits
        || [
            "x-request-id",
            "etag",
            "retry-after",
            "idempotency-replayed",
        ]
        .contains(&name)
}

/// Validates `value` with the schema at a place of the document.
pub(super) fn validate(place: &str, value: &Value, about: &str) {
    COMPILED.with_borrow_mut(|(compiler, schemas)| {
        let place = format!(
            "{DOCUMENT}#{}",
            place.replace('{', "%7B").replace('}', "%7D")
        );
        let schema = compiler.compile(&place, schemas).unwrap();
        if let Err(error) = schemas.validate(value, schema) {
            panic!("{about} does not fit {place}: {error:#}\n{value:#}");
        }
    });
}

/// The method and the path of the operation that a request is for.
fn operation(base_path: &str, request: &str) -> Option<(String, &'static str)> {
    let (method, target) = request.split_once(' ')?;
    let path = target
        .split('?')
        .next()?
        .strip_prefix(base_path.trim_end_matches('/'))?;
    let given: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<_> = template.split('/').collect();
        let fits = |(wanted, given): (&&str, &&str)| {
            wanted == given || (wanted.starts_with('{') && !given.is_empty())
        };
        wanted.len() == given.len() && wanted.iter().zip(&given).all(fits)
    };
    // As in the router, a path without parameters wins, whatever its methods.
    let paths = routes().iter().map(|route| route.path);
    let path = paths
        .filter(|path| fits(path))
        .min_by_key(|path| path.contains('{'))?;
    let is_there = |route: &&Route| route.path == path && route.method.as_str() == method;
    let route = routes().iter().find(is_there)?;
    Some((method.to_lowercase(), route.path))
}
