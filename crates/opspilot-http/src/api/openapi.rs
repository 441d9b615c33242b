//! The OpenAPI 3.1 document of the API, made from the table of routes, the shapes beside the handlers and the schemas
//! of the types. OpenAPI 3.1 takes JSON Schema 2020-12 as it is, so a type has one schema here and elsewhere.
//!
//! Handlers are not rewritten for it: what a framework would read off the signature of a handler, this API reads by
//! itself, to tell every fault of a request at once. Tests compare what the handlers know with what the document says.

mod component;
mod docs;
mod input;
mod operation;
mod responses;

use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub(super) use self::docs::{DOCS, docs};
use self::responses::Responses;
use super::answer::{Answer, encode};
use super::etag::{Condition, ETag};
use super::problem::Problem;
use super::routes::{Content, Reply, Shape, routes};
use super::state::State;

/// What `GET /openapi.json` takes and answers.
pub(super) const GET: Shape = Shape::of(Reply {
    status: 200,
    content: Content::Json(component::anything),
})
.or(Reply::bare(304))
.tagged();

/// Where references to schemas lead.
const SCHEMAS: &str = "/components/schemas";

/// `GET /openapi.json`
pub(super) async fn get(Extract(state): Extract<State>, headers: HeaderMap) -> Answer {
    let (body, tag) = state.openapi()?;
    let value = tag.value();
    let tag_header: HeaderMap = value
        .map(|value| (header::ETAG, value))
        .into_iter()
        .collect();
    if Condition::if_none_match(&headers).is_some_and(|known| known.matches(tag)) {
        return Ok((StatusCode::NOT_MODIFIED, tag_header).into_response());
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((tag_header, kind, body.clone()).into_response())
}

/// The document as it is sent, and the tag of that.
///
/// # Errors
/// When it has no JSON form.
pub(super) fn represent(base_path: &str) -> Result<(bytes::Bytes, ETag), Problem> {
    let body = encode(&document(base_path))?;
    let tag = ETag::of(&body);
    Ok((body.into(), tag))
}

/// The OpenAPI document of an API below `base_path`.
#[must_use]
pub fn document(base_path: &str) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.definitions_path = SCHEMAS.into());
    let mut generator = settings.into_generator();
    let mut responses = Responses::default();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let operation = operation::of(route, &mut generator, &mut responses);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), component::problem());
    schemas.values_mut().for_each(component::without_idle_null);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "OpsPilot",
            "summary": "Incidents, and what is done about them.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": if base_path.is_empty() { "/" } else { base_path } }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses.shared(),
            "headers": component::headers(),
            "securitySchemes": component::security_schemes(),
        },
    })
}
