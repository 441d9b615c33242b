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
        "schema": parameter_schema(input, generator),
    });
    if let (Form::ListOf(_), Some(object)) = (input.form, parameter.as_object_mut()) {
        object.insert("style".to_owned(), json!("form"));
        object.insert("explode".to_owned(), json!(false));
    }
    if let (true, Some(object)) = (input.is_required, parameter.as_object_mut()) {
        object.insert("required".to_owned(), json!(true));
    }
    parameter
}

/// Texts are looked for, not kept: they may hold anything. One that must be there is not empty.
fn parameter_schema(input: &Input, generator: &mut SchemaGenerator) -> Value {
    match (input.form, input.is_required) {
        (Form::Text(longest), true) => {
            json!({ "type": "string", "minLength": 1, "maxLength": longest })
        }
        (Form::Text(longest), false) => json!({ "type": "string", "maxLength": longest }),
        (other, _) => schema(other, generator),
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
        Body::Fields(fields) => {
            let is_required = fields.iter().any(|field| field.is_required);
            Some(of_json(is_required, &object(fields, generator)))
        }
        Body::OneOf(bodies) => {
            let bodies = bodies.iter().map(|fields| object(fields, generator));
            let schema = json!({ "oneOf": bodies.collect::<Vec<_>>() });
            Some(of_json(true, &schema))
        }
    }
}

fn of_json(is_required: bool, schema: &Value) -> Value {
    json!({
        "required": is_required,
        "content": { "application/json": { "schema": schema } },
    })
}

fn object(fields: &[Input], generator: &mut SchemaGenerator) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), described(field, generator)))
        .collect();
    let required = fields.iter().filter(|field| field.is_required);
    let required: Vec<_> = required.map(|field| field.name).collect();
    let mut schema = json!({
        "type": "object", "properties": properties, "additionalProperties": false,
    });
    if let (false, Some(object)) = (required.is_empty(), schema.as_object_mut()) {
        object.insert("required".to_owned(), json!(required));
    }
    schema
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
