//! The health service of gRPC: `grpc.health.v1.Health/Check`.
//!
//! One request with one short message, so it is made with the HTTP client at hand: a gRPC crate would bring a second
//! client, whose connections would have to be guarded anew. The frame is that of "gRPC over HTTP2", the messages those
//! of `grpc/health/v1/health.proto`: a text in field 1 of the request, a number in field 1 of the answer.

use http_body_util::{BodyExt as _, Limited};
use reqwest::header::{CONTENT_TYPE, HeaderMap, TE};
use reqwest::{Body, Url};

use super::super::config::CheckedEndpoint;
use super::super::failure::Failure;
use super::http::{certificate_end, check_host, client, no_tls};
use super::{Answer, Network};

/// How much of an answer is read in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
/// The length of what stands before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

pub(super) async fn probe(
    network: &Network,
    endpoint: &CheckedEndpoint,
    url: &Url,
    service: &str,
) -> Result<Answer, Failure> {
    check_host(&network.reach, url)?;
    let tls = match url.scheme() {
        "https" => network.tls(endpoint, &["h2"]).await?,
        _ => no_tls()?,
    };
    let client = client(&network.reach, tls, endpoint.timeout)?
        .http2_prior_knowledge()
        .build()
        .map_err(|error| Failure::of(&error))?;
    let response = client
        .post(url.clone())
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header("grpc-timeout", format!("{}m", endpoint.timeout.as_millis()))
        .body(request(service))
        .send()
        .await
        .map_err(|error| Failure::of(&error.without_url()))?;
    let answer = Answer {
        status: None,
        certificate_end: certificate_end(&response),
    };
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(Failure::new(format!(
            "answered HTTP status {status}, not gRPC"
        )));
    }
    check_status(response.headers())?;
    let body = Limited::new(Body::from(response), ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| Failure::of(&*error))?;
    if let Some(trailers) = body.trailers() {
        check_status(trailers)?;
    }
    match serving(&body.to_bytes()) {
        Some(1) => Ok(answer),
        Some(0) => Err(Failure::new("the service says UNKNOWN")),
        Some(2) => Err(Failure::new("the service says NOT_SERVING")),
        Some(3) => Err(Failure::new("the service says SERVICE_UNKNOWN")),
        Some(_) | None => Err(Failure::new(
            "the answer is not that of a gRPC health service",
        )),
    }
}

/// The frame of a request.
fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if let Ok(length) = u8::try_from(service.len())
        && length > 0
    {
        // Field 1, as a text of so many bytes. A length from 128 on takes two bytes.
        message.push(0x0a);
        if length < 0x80 {
            message.push(length);
        } else {
            message.extend([length, 1]);
        }
        message.extend(service.bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or_default();
    let mut frame = vec![0];
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame
}

/// The status in the frame of an answer; `None` if it is none. A message without fields means 0.
fn serving(frame: &[u8]) -> Option<u8> {
    let (prefix, message) = frame.split_at_checked(PREFIX)?;
    let [0, length @ ..] = prefix else {
        return None;
    };
    let length = u32::from_be_bytes(length.try_into().ok()?);
    match message {
        _ if message.len() != length as usize => None,
        [] => Some(0),
        [0x08, status] if *status < 0x80 => Some(*status),
        _ => None,
    }
}

/// Looks at the status of a call: names of the codes are those of the gRPC specification.
fn check_status(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let name = match text("grpc-status") {
        None | Some("0") => return Ok(()),
        Some("4") => "DEADLINE_EXCEEDED",
        Some("5") => "NOT_FOUND: the server does not know the service",
        Some("7") => "PERMISSION_DENIED",
        Some("12") => "UNIMPLEMENTED: the server has no health service",
        Some("14") => "UNAVAILABLE",
        Some("16") => "UNAUTHENTICATED",
        Some(code) => code,
    };
    let message = text("grpc-message").unwrap_or_default();
    let separator = if message.is_empty() { "" } else { ": " };
    Err(Failure::heard(
        format!("gRPC status {name}{separator}{message}"),
        "the call failed with a gRPC status other than 0",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_specification() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("a.B"), *b"\0\0\0\0\x05\x0a\x03a.B");
        let long = "s".repeat(200);
        assert_eq!(request(&long)[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
        let rows: [(&[u8], Option<u8>); 8] = [
            (b"\0\0\0\0\x02\x08\x01", Some(1)),
            (b"\0\0\0\0\x02\x08\x02", Some(2)),
            (b"\0\0\0\0\0", Some(0)),
            (b"\x01\0\0\0\x02\x08\x01", None),
            (b"\0\0\0\0\x03\x08\x01", None),
            (b"\0\0\0\0\x02\x10\x01", None),
            (b"\0\0\0", None),
            (b"", None),
        ];
        for (frame, expected) in rows {
            assert_eq!(serving(frame), expected, "{frame:?}");
        }
    }
}
