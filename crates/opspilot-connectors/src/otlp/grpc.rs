//! OTLP over gRPC: unary calls alone, over the HTTP/2 of `opspilot-net`.
//!
//! Source: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>. A message is five bytes (compressed or not,
//! and its length) and its content; the outcome comes in trailers. Which codes have an exporter send again is said by
//! <https://opentelemetry.io/docs/specs/otlp/#failures>, and which code compression asks for by
//! <https://github.com/grpc/grpc/blob/master/doc/compression.md>.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use opspilot_net::{
    BodyError, HeaderMap, HeaderValue, Incoming, Method, Request, TrailedAnswer, answer, header,
    read_body, with_trailers,
};
use prost::Message;

use super::Protocol;
use super::http::response;
use super::read::{self, Encoding, Kind};
use super::receiver::{BODY, BUSY, RETRY, Shared, Trouble};
use crate::listen::front;

/// The five bytes before a message.
const PREFIX: usize = 5;

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Detail {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// A call that failed, by `google.rpc.Code`.
struct Failure {
    code: i32,
    message: String,
    /// After how many seconds to send again, if that makes sense.
    retry: Option<u32>,
}

const INVALID_ARGUMENT: i32 = 3;
const DEADLINE_EXCEEDED: i32 = 4;
const PERMISSION_DENIED: i32 = 7;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const INTERNAL: i32 = 13;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;

/// Answers one call.
pub(super) async fn call(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<TrailedAnswer, Infallible> {
    let content = request.headers().get(header::CONTENT_TYPE);
    let content = content.and_then(|content| content.to_str().ok());
    if !content.is_some_and(|content| content.starts_with("application/grpc")) {
        return Ok(with_trailers(answer(415), HeaderMap::new()));
    }
    Ok(match take(&shared, request).await {
        Ok(message) => success(&message),
        Err(failure) => failure.answer(),
    })
}

async fn take(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Vec<u8>, Failure> {
    shared.within_rate(&request)?;
    let kind = match request.uri().path() {
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Kind::Logs,
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Kind::Metrics,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Kind::Traces,
        _ => return Err(Failure::new(UNIMPLEMENTED, "there is no such method")),
    };
    if request.method() != Method::POST {
        return Err(Failure::new(UNIMPLEMENTED, "calls are sent with POST"));
    }
    let room = shared.admit(request.headers())?;
    let compression = request
        .headers()
        .get("grpc-encoding")
        .map(|encoding| encoding.as_bytes().to_vec());
    let can_unpack = match compression.as_deref() {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        Some(_) => return Err(Failure::new(UNIMPLEMENTED, "only gzip is understood")),
    };
    let limit = shared.body_limit + PREFIX;
    let body = read_body(request.into_body(), limit, BODY).await;
    let body = body.map_err(Trouble::from)?;
    let (is_compressed, bytes) = unframed(&body)
        .ok_or_else(|| Failure::new(INVALID_ARGUMENT, "the body is not one gRPC message"))?;
    if is_compressed && !can_unpack {
        let message = "the message is compressed, and `grpc-encoding` does not say how";
        return Err(Failure::new(INTERNAL, message));
    }
    let message = read::Request {
        kind,
        encoding: Encoding::Protobuf,
        is_compressed,
        bytes: bytes.to_vec(),
    };
    drop(body);
    let stored = shared.take(Protocol::Grpc, message, room).await?;
    Ok(response(kind, stored))
}

/// The one message of a body, and whether it is compressed.
fn unframed(body: &[u8]) -> Option<(bool, &[u8])> {
    let (prefix, message) = body.split_first_chunk::<PREFIX>()?;
    let [flag, length @ ..] = *prefix;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (length == message.len() && flag <= 1).then_some((flag == 1, message))
}

fn success(message: &[u8]) -> TrailedAnswer {
    let length = u32::try_from(message.len()).unwrap_or(0).to_be_bytes();
    let mut framed = vec![0];
    framed.extend_from_slice(&length);
    framed.extend_from_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailed(framed, trailers)
}

fn trailed(body: Vec<u8>, trailers: HeaderMap) -> TrailedAnswer {
    let mut answer = answer(200);
    let headers = answer.headers_mut();
    let content = HeaderValue::from_static("application/grpc");
    headers.insert(header::CONTENT_TYPE, content);
    let accepted = HeaderValue::from_static("identity,gzip");
    headers.insert("grpc-accept-encoding", accepted);
    *answer.body_mut() = opspilot_net::Full::new(body.into());
    with_trailers(answer, trailers)
}

impl Failure {
    fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry: None,
        }
    }

    fn answer(self) -> TrailedAnswer {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(self.code));
        if let Ok(message) = HeaderValue::from_str(&percent_encoded(&self.message)) {
            trailers.insert("grpc-message", message);
        }
        if let Some(seconds) = self.retry {
            let info = RetryInfo {
                retry_delay: Some(Delay {
                    seconds: seconds.into(),
                }),
            };
            let status = Status {
                code: self.code,
                message: self.message,
                details: vec![Detail {
                    type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                    value: info.encode_to_vec(),
                }],
            };
            let encoded = STANDARD_NO_PAD.encode(status.encode_to_vec());
            if let Ok(details) = HeaderValue::from_str(&encoded) {
                trailers.insert("grpc-status-details-bin", details);
            }
        }
        trailed(Vec::new(), trailers)
    }
}

/// As the protocol wants messages: bytes other than printable ASCII, and `%`, as `%XX`.
fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'%' => "%25".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            // With the delay, exporters send it again; without, as for what is too large, they must not.
            Trouble::Busy => Self {
                retry: Some(front::RETRY),
                ..Self::new(RESOURCE_EXHAUSTED, BUSY)
            },
            Trouble::Unauthenticated => Self::new(UNAUTHENTICATED, "the token is not accepted"),
            Trouble::Foreign => {
                Self::new(PERMISSION_DENIED, "web pages may not send telemetry here")
            }
            Trouble::Body(error) => {
                let code = match error {
                    BodyError::TooLarge { .. } => RESOURCE_EXHAUSTED,
                    BodyError::TooSlow { .. } => DEADLINE_EXCEEDED,
                    _ => INVALID_ARGUMENT,
                };
                Self::new(code, error.to_string())
            }
            Trouble::TooLarge(message) => Self::new(RESOURCE_EXHAUSTED, message),
            Trouble::Invalid(message) => Self::new(INVALID_ARGUMENT, message),
            Trouble::Unavailable(unavailable) => Self {
                retry: Some(RETRY),
                ..Self::new(UNAVAILABLE, unavailable.detail())
            },
        }
    }
}
