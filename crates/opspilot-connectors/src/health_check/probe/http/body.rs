//! What the body of an answer must say.

use reqwest::Response;
use serde_json::Value;

use crate::health_check::config::CheckedEndpoint;
use crate::health_check::failure::Failure;

/// How much of an answer is read in bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// Reads the body and holds it against what the endpoint expects.
pub(super) async fn check_body(
    endpoint: &CheckedEndpoint,
    mut response: Response,
) -> Result<(), Failure> {
    let (mut body, mut is_cut) = (Vec::new(), false);
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Failure::of(&error.without_url()))?
    {
        let room = ANSWER_LIMIT - body.len();
        body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if chunk.len() > room {
            is_cut = true;
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    if let Some(expected) = endpoint
        .contains
        .as_ref()
        .filter(|expected| !text.contains(*expected))
    {
        let message = format!("the body does not contain `{expected}`");
        return Err(unexpected(message));
    }
    if let Some(pattern) = endpoint
        .matches
        .as_ref()
        .filter(|pattern| !pattern.is_match(&text))
    {
        return Err(unexpected(format!("the body does not match `{pattern}`")));
    }
    if endpoint.json.is_empty() {
        return Ok(());
    }
    if is_cut {
        return Err(unexpected("the body is longer than 1 MiB"));
    }
    let body: Value =
        serde_json::from_slice(&body).map_err(|_| unexpected("the body is not JSON"))?;
    check_json(endpoint, &body)
}

fn check_json(endpoint: &CheckedEndpoint, body: &Value) -> Result<(), Failure> {
    for expected in &endpoint.json {
        let pointer = &expected.pointer;
        let found = body.pointer(pointer).unwrap_or(&Value::Null);
        match &expected.equals {
            Some(value) if value != found => {
                let message = format!("the body has no {value} at `{pointer}`");
                return Err(unexpected(message));
            }
            None if found.is_null() => {
                return Err(unexpected(format!("the body has nothing at `{pointer}`")));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// An answer that is not as it should be.
fn unexpected(message: impl AsRef<str>) -> Failure {
    Failure::heard(message, "the body is not as expected")
}
