//! Parts of the document that many operations refer to.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// The schema of a document of another standard.
pub(super) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

/// Errors as callers see them (RFC 9457).
pub(super) fn problem() -> Value {
    let fault = json!({
        "type": "object",
        "properties": {
            "parameter": { "type": "string" },
            "field": { "type": "string" },
            "message": { "type": "string" },
        },
        "required": ["message"],
        "additionalProperties": false,
    });
    json!({
        "description": "What went wrong (RFC 9457). Some kinds have further members.",
        "type": "object",
        "properties": {
            "type": { "description": "`urn:opspilot:problem:` and the code.", "type": "string", "format": "uri" },
            "title": { "description": "The kind of error in words.", "type": "string" },
            "status": { "description": "The status.", "type": "integer", "minimum": 400, "maximum": 599 },
            "code": { "description": "The kind of error: a name that does not change.", "type": "string" },
            "instance": { "description": "The request, as in `X-Request-Id`.", "type": "string", "format": "uri" },
            "detail": { "description": "What is wrong with this request.", "type": "string" },
            "errors": { "description": "Each wrong parameter or field.", "type": "array", "items": fault },
        },
        "required": ["type", "title", "status", "code", "instance"],
    })
}

/// Headers of answers.
pub(super) fn headers() -> Value {
    let header = |about: &str, schema: Value| json!({ "description": about, "schema": schema });
    let number = || json!({ "type": "integer", "minimum": 0 });
    let text = || json!({ "type": "string" });
    json!({
        "X-Request-Id": header("The request's id, which the log and errors name.", json!({ "type": "string", "format": "uuid" })),
        "X-RateLimit-Limit": header("How many requests a minute are allowed, where that is limited.", number()),
        "X-RateLimit-Remaining": header("How many of them are left.", number()),
        "X-RateLimit-Reset": header("When one more is allowed than now, in seconds since 1970.", number()),
        "Retry-After": header("After how many seconds to ask again.", number()),
        "ETag": header("Names this version of the answer.", text()),
        "Idempotency-Replayed": header("`true` if this is the answer to an earlier request with the same key.", text()),
        "WWW-Authenticate": header("How to show a credential.", text()),
    })
}

/// The credentials that are taken.
pub(super) fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http", "scheme": "bearer",
            "description": "A token (JWT), or an API key.",
        },
        "apiKey": {
            "type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": "An API key.",
        },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "__Host-opspilot",
            "description": "The session of a browser. On this machine's own names the cookie is `opspilot_session`.",
        },
        "csrf": {
            "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
            "description": "What `GET /session` says, with each change that a session makes.",
        },
    })
}

/// Takes `null` away from what may be absent: it is left out instead of being `null`.
pub(super) fn without_idle_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        if let Some(list) = schema.as_array_mut() {
            list.iter_mut().for_each(without_idle_null);
        }
        return;
    };
    let required = object.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        let mut names = required.as_array().into_iter().flatten();
        names.any(|one| one == name)
    };
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        let optional = properties.iter_mut().filter(|(name, _)| !is_required(name));
        optional.for_each(|(_, property)| drop_null(property));
    }
    object.values_mut().for_each(without_idle_null);
}

fn drop_null(property: &mut Value) {
    let is_null = |one: &Value| one == "null" || *one == json!({ "type": "null" });
    for key in ["type", "anyOf"] {
        let Some(Value::Array(choices)) = property.get_mut(key) else {
            continue;
        };
        choices.retain(|one| !is_null(one));
        if let [only] = choices.as_slice() {
            let only = only.clone();
            match (key, only, property.as_object_mut()) {
                ("type", only, Some(object)) => drop(object.insert(key.to_owned(), only)),
                (_, Value::Object(only), Some(object)) => {
                    object.remove(key);
                    object.extend(only);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_absent_is_never_null() {
        let mut schema = json!({
            "properties": {
                "a": { "type": ["string", "null"], "description": "d" },
                "b": { "type": ["string", "null"] },
                "c": { "description": "d", "anyOf": [{ "$ref": "#/x" }, { "type": "null" }] },
            },
            "required": ["b"],
        });
        without_idle_null(&mut schema);
        let expected = json!({
            "a": { "type": "string", "description": "d" },
            "b": { "type": ["string", "null"] },
            "c": { "description": "d", "$ref": "#/x" },
        });
        assert_eq!(schema["properties"], expected);
    }
}
