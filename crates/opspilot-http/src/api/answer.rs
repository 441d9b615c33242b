//! Answers as JSON, indented by two as the contract has it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::problem::Problem;

/// What a handler gives back.
pub(super) type Answer = Result<Response, Problem>;

/// `value` with the status 200.
///
/// # Errors
/// When `value` has no JSON form.
pub(super) fn json(value: &impl Serialize) -> Answer {
    json_with(StatusCode::OK, value)
}

/// `value` with `status`.
///
/// # Errors
/// When `value` has no JSON form.
pub(super) fn json_with(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = encode(value)?;
    let kind = HeaderValue::from_static("application/json");
    Ok((status, [(header::CONTENT_TYPE, kind)], body).into_response())
}

/// The bytes of `value`.
///
/// # Errors
/// When `value` has no JSON form.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let mut body = serde_json::to_vec_pretty(value)
        .map_err(|error| Problem::internal(format!("an answer has no JSON form: {error}")))?;
    body.push(b'\n');
    Ok(body)
}
