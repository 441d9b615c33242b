//! OTLP over HTTP.

use std::convert::Infallible;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use opspilot_net::{
    Answer, BodyError, HeaderMap, HeaderValue, Incoming, Method, Request, StatusCode, answer,
    header, read_body,
};
use prost::Message;
use serde_json::json;

use super::Protocol;
use super::grpc::Status;
use super::read::{self, Encoding, Kind};
use super::receiver::{BODY, BUSY, RETRY, Shared, Stored, Trouble};
use crate::listen::front;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// An answer that is an error.
struct Refusal {
    status: u16,
    message: String,
    /// After how many seconds to send again, if that makes sense.
    retry: Option<u32>,
}

/// Answers one request.
pub(super) async fn call(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let encoding = encoding(request.headers());
    Ok(match take(&shared, request, encoding).await {
        Ok((kind, stored)) => success(kind, stored, encoding.unwrap_or(Encoding::Protobuf)),
        Err(refusal) => refusal.answer(encoding.unwrap_or(Encoding::Json)),
    })
}

async fn take(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    encoding: Option<Encoding>,
) -> Result<(Kind, Stored), Refusal> {
    shared.within_rate(&request)?;
    let kind = match request.uri().path() {
        "/v1/logs" => Kind::Logs,
        "/v1/metrics" => Kind::Metrics,
        "/v1/traces" => Kind::Traces,
        _ => {
            return Err(Refusal::new(
                404,
                "send to /v1/logs, /v1/metrics or /v1/traces",
            ));
        }
    };
    if request.method() != Method::POST {
        return Err(Refusal::new(405, "telemetry is sent with POST"));
    }
    let room = shared.admit(request.headers())?;
    let unknown = || Refusal::new(415, "send application/x-protobuf or application/json");
    let encoding = encoding.ok_or_else(unknown)?;
    let is_compressed = match text(request.headers(), header::CONTENT_ENCODING) {
        None | Some("identity" | "") => false,
        Some("gzip") => true,
        Some(_) => return Err(Refusal::new(415, "send the body as it is, or with gzip")),
    };
    let body = read_body(request.into_body(), shared.body_limit, BODY).await;
    let message = read::Request {
        kind,
        encoding,
        is_compressed,
        bytes: body.map_err(Trouble::from)?.into(),
    };
    let stored = shared.take(Protocol::Http, message, room).await?;
    Ok((kind, stored))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let kind = text(headers, header::CONTENT_TYPE)?.split(';').next()?;
    match kind.trim().to_ascii_lowercase().as_str() {
        PROTOBUF => Some(Encoding::Protobuf),
        JSON => Some(Encoding::Json),
        _ => None,
    }
}

fn success(kind: Kind, stored: Stored, encoding: Encoding) -> Answer {
    let bytes = match encoding {
        Encoding::Protobuf => response(kind, stored),
        Encoding::Json => json_response(kind, &stored),
    };
    with_body(200, encoding, bytes)
}

/// The response message; what was not taken is told as a partial success.
pub(super) fn response(kind: Kind, stored: Stored) -> Vec<u8> {
    let Stored { rejected, message } = stored;
    let is_partial = rejected > 0;
    match kind {
        Kind::Logs => {
            let partial = ExportLogsPartialSuccess {
                rejected_log_records: rejected,
                error_message: message,
            };
            let partial_success = is_partial.then_some(partial);
            ExportLogsServiceResponse { partial_success }.encode_to_vec()
        }
        Kind::Metrics => {
            let partial = ExportMetricsPartialSuccess {
                rejected_data_points: rejected,
                error_message: message,
            };
            let partial_success = is_partial.then_some(partial);
            ExportMetricsServiceResponse { partial_success }.encode_to_vec()
        }
        Kind::Traces => {
            let partial = ExportTracePartialSuccess {
                rejected_spans: rejected,
                error_message: message,
            };
            let partial_success = is_partial.then_some(partial);
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
    }
}

fn json_response(kind: Kind, stored: &Stored) -> Vec<u8> {
    if stored.rejected == 0 {
        return b"{}".to_vec();
    }
    let rejected = match kind {
        Kind::Logs => "rejectedLogRecords",
        Kind::Metrics => "rejectedDataPoints",
        Kind::Traces => "rejectedSpans",
    };
    // Numbers of 64 bits are texts in the JSON form of Protobuf.
    let partial = json!({ rejected: stored.rejected.to_string(), "errorMessage": stored.message });
    json!({ "partialSuccess": partial })
        .to_string()
        .into_bytes()
}

fn with_body(status: u16, encoding: Encoding, bytes: Vec<u8>) -> Answer {
    let mut answer = answer(status);
    let kind = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    *answer.body_mut() = opspilot_net::Full::new(bytes.into());
    answer
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry: None,
        }
    }

    fn answer(self, encoding: Encoding) -> Answer {
        // The number is that of `google.rpc.Code`; exporters look at the HTTP status.
        let code = match StatusCode::from_u16(self.status) {
            Ok(StatusCode::TOO_MANY_REQUESTS) => 8,
            Ok(StatusCode::UNAUTHORIZED) => 16,
            Ok(StatusCode::SERVICE_UNAVAILABLE) => 14,
            _ => 3,
        };
        let bytes = match encoding {
            Encoding::Protobuf => Status {
                code,
                message: self.message,
                details: Vec::new(),
            }
            .encode_to_vec(),
            Encoding::Json => json!({ "code": code, "message": self.message })
                .to_string()
                .into_bytes(),
        };
        let mut answer = with_body(self.status, encoding, bytes);
        let headers = answer.headers_mut();
        if let Some(seconds) = self.retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == 401 {
            let challenge = HeaderValue::from_static("Bearer realm=\"opspilot\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Busy => Self {
                retry: Some(front::RETRY),
                ..Self::new(429, BUSY)
            },
            Trouble::Unauthenticated => Self::new(401, "the token is not accepted"),
            Trouble::Foreign => Self::new(403, "web pages may not send telemetry here"),
            Trouble::Body(error) => {
                let status = match error {
                    BodyError::TooLarge { .. } => 413,
                    BodyError::TooSlow { .. } => 408,
                    _ => 400,
                };
                Self::new(status, error.to_string())
            }
            Trouble::TooLarge(message) => Self::new(413, message),
            Trouble::Invalid(message) => Self::new(400, message),
            Trouble::Unavailable(unavailable) => Self {
                retry: Some(RETRY),
                ..Self::new(503, unavailable.detail())
            },
        }
    }
}
