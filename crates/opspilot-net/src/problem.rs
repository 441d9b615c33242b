//! Answers without a framework.

use std::convert::Infallible;
use std::future::{Ready, ready};

use bytes::Bytes;
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt as _, Full};
use hyper::Response;
use hyper::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::body::BodyError;

/// An answer whose body is in memory.
pub type Answer = Response<Full<Bytes>>;

/// An answer without a body. A `status` that does not exist becomes 500.
#[must_use]
pub fn answer(status: u16) -> Answer {
    with_body(status, Bytes::new())
}

fn with_body(status: u16, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}

/// An answer with trailers behind its body.
pub type TrailedAnswer =
    Response<WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>>;

/// Puts trailers behind the body of an answer.
#[must_use]
pub fn with_trailers(answer: Answer, trailers: HeaderMap) -> TrailedAnswer {
    answer.map(|body| body.with_trailers(ready(Some(Ok(trailers)))))
}

/// An error as callers see it: `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The status.
    pub status: u16,
    /// A stable name, in lower case with hyphens.
    pub code: &'static str,
    /// What is wrong, for people.
    pub detail: String,
    /// After how many seconds to try again.
    pub retry_after: Option<u32>,
    /// How to authenticate, for the header `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
    /// Further members.
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem without further members.
    #[must_use]
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
            challenge: None,
            members: Map::new(),
        }
    }

    /// The same problem; trying again makes sense after so many seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// The same problem with another member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The answer that tells of it.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let title = StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason());
        let mut body = json!({
            "type": format!("urn:opspilot:problem:{}", self.code),
            "title": title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.members);
        }
        let mut answer = with_body(self.status, body.to_string().into());
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        answer
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let (status, code) = match error {
            BodyError::TooLarge { .. } => (413, "body-too-large"),
            BodyError::TooSlow { .. } => (408, "body-too-slow"),
            BodyError::Broken => (400, "body-broken"),
        };
        Self::new(status, code, error.to_string())
    }
}
