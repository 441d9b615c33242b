//! Parameters and fields as schemas.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::super::params::LARGEST_PAGE;
use super::super::routes::{Body, Form, Input, Shape};

/// Texts with something in them, and no control characters besides line breaks and tabs.
const TEXT: &str = concat!(
    r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*",
    r"[^\u0000-\u0008\u000b-\u001f\u007f-\u009f\s]",
    r"[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
);

/// The parameters of the query string.
pub(super) fn query(shape: &Shape, generator: &mut SchemaGenerator) -> Vec<Value> {
    let own = shape.query.iter();
    let mut all: Vec<_> = own.map(|input| parameter(input, generator)).collect();
    if shape.is_paged {
        all.push(json!({
            "name": "limit", "in": "query",
            "description": "How many entries the page has at most.",
            "schema": { "type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": 100 },
        }));
        all.push(json!({
            "name": "cursor", "in": "query",
            "description": "The `nextCursor` of the page before, unchanged.",
            "schema": { "type": "string", "minLength": 1 },
        }));
    }
    all
}

fn parameter(input: &Input, generator: &mut SchemaGenerator) -> Value {
    let mut parameter = json!({
        "name": input.name, "in": "query", "description": input.about,
        "schema": parameter_schema(input.form, generator),
    });
    if let (Form::ListOf(_), Some(object)) = (input.form, parameter.as_object_mut()) {
        object.insert("style".to_owned(), json!("form"));
        object.insert("explode".to_owned(), json!(false));
    }
    parameter
}

/// Texts are looked for, not kept: they may hold anything.
fn parameter_schema(form: Form, generator: &mut SchemaGenerator) -> Value {
    match form {
        Form::Text(longest) => json!({ "type": "string", "maxLength": longest }),
        other => schema(other, generator),
    }
}

/// What is sent along; `None` if nothing is.
pub(super) fn body(body: Body, generator: &mut SchemaGenerator) -> Option<Value> {
    match body {
        Body::Nothing => None,
        Body::Any(kinds) => {
            let content: Map<String, Value> = kinds
                .iter()
                .map(|kind| ((*kind).to_owned(), json!({ "schema": {} })))
                .collect();
            Some(json!({ "required": true, "content": content }))
        }
        Body::Fields(fields) => Some(object(fields, generator)),
    }
}

fn object(fields: &[Input], generator: &mut SchemaGenerator) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), described(field, generator)))
        .collect();
    let required = fields.iter().filter(|field| field.is_required);
    let required: Vec<_> = required.map(|field| field.name).collect();
    let is_required = !required.is_empty();
    let mut schema = json!({
        "type": "object", "properties": properties, "additionalProperties": false,
    });
    if let (true, Some(object)) = (is_required, schema.as_object_mut()) {
        object.insert("required".to_owned(), json!(required));
    }
    json!({
        "required": is_required,
        "content": { "application/json": { "schema": schema } },
    })
}

fn described(field: &Input, generator: &mut SchemaGenerator) -> Value {
    let mut schema = schema(field.form, generator);
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(field.about));
        if let (Form::Texts(..), true) = (field.form, field.is_required) {
            object.insert("minItems".to_owned(), json!(1));
        }
    }
    schema
}

fn schema(form: Form, generator: &mut SchemaGenerator) -> Value {
    match form {
        Form::Text(longest) => {
            json!({ "type": "string", "minLength": 1, "maxLength": longest, "pattern": TEXT })
        }
        Form::TextOrNull(longest) => {
            json!({ "type": ["string", "null"], "minLength": 1, "maxLength": longest, "pattern": TEXT })
        }
        Form::Texts(most, longest) => json!({
            "type": "array", "maxItems": most,
            "items": { "type": "string", "maxLength": longest },
        }),
        Form::Number(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Form::Place => json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
        Form::Time => json!({ "type": "string", "format": "date-time" }),
        Form::Span => json!({
            "type": "string", "pattern": "^0*[1-9][0-9]{0,9}[smhd]?$", "maxLength": 20, "examples": ["8h"],
        }),
        Form::Object => json!({ "type": "object" }),
        Form::Of(schema) => schema(generator).to_value(),
        Form::ListOf(schema) => json!({
            "type": "array", "minItems": 1, "items": schema(generator).to_value(),
        }),
        Form::Words(words) => json!({ "type": "string", "enum": words }),
    }
}
