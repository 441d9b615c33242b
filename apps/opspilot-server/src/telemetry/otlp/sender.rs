//! One request to the collector, and what its answer means.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opspilot_core::error::chain;
use prost::Message as _;
use prost::bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};

use super::config::{Checked, Signal};

/// The largest answer that is read, in bytes.
const ANSWER: usize = 64 * 1024;

/// The longest pause that a collector may ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Speaks to the collector.
#[derive(Debug)]
pub(super) struct Sender {
    http: Client,
    endpoint: Url,
}

/// Why a request failed, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// It may be sent again, not before a pause where one is asked for.
    #[error("{reason}")]
    Later {
        /// What happened.
        reason: String,
        /// What the collector asks for.
        pause: Option<Duration>,
    },
    /// It will never be taken.
    #[error("{0}")]
    Never(String),
}

impl Sender {
    /// Makes a client.
    pub(super) fn new(config: &Checked) -> Result<Self, reqwest::Error> {
        // It fails when a provider is installed already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let http = Client::builder()
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .default_headers(config.headers.clone())
            .user_agent(concat!("opspilot-server/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            endpoint: config.endpoint.clone(),
        })
    }

    /// Sends a request. Returns how many of its items were rejected.
    pub(super) async fn send(&self, signal: Signal, body: Bytes) -> Result<u64, SendError> {
        let base = self.endpoint.as_str().trim_end_matches('/');
        let request = self
            .http
            .post(format!("{base}/v1/{}", signal.as_str()))
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(body);
        let response = request.send().await.map_err(|error| unreached(&error))?;
        let status = response.status();
        if status.is_success() {
            let answer = read(response).await;
            return Ok(signal.rejected(&answer));
        }
        Err(refused(&response))
    }
}

impl Signal {
    /// The name in addresses and labels.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }

    /// What a partial success left out. An answer that cannot be read rejected nothing.
    fn rejected(self, answer: &[u8]) -> u64 {
        let rejected = match self {
            Self::Metrics => ExportMetricsServiceResponse::decode(answer)
                .ok()
                .and_then(|answer| Some(answer.partial_success?.rejected_data_points)),
            Self::Traces => ExportTraceServiceResponse::decode(answer)
                .ok()
                .and_then(|answer| Some(answer.partial_success?.rejected_spans)),
            Self::Logs => ExportLogsServiceResponse::decode(answer)
                .ok()
                .and_then(|answer| Some(answer.partial_success?.rejected_log_records)),
        };
        rejected
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or(0)
    }
}

/// The address is in the configuration, and is not repeated.
fn unreached(error: &reqwest::Error) -> SendError {
    let reason = match std::error::Error::source(error) {
        Some(source) if !error.is_timeout() => chain(source),
        _ if error.is_timeout() => "no answer in time".to_owned(),
        _ => "the request failed".to_owned(),
    };
    SendError::Later {
        reason,
        pause: None,
    }
}

/// Which answers may be repeated is said in the section "Retryable Response Codes" of the specification.
fn refused(response: &Response) -> SendError {
    let status = response.status();
    let reason = format!("answered {}", status.as_u16());
    let may_repeat = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    if !may_repeat {
        return SendError::Never(reason);
    }
    let seconds = response.headers().get(RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
    let pause = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
    SendError::Later { reason, pause }
}

/// The answer as far as it fits and arrives: the collector has what was sent whatever it says.
async fn read(mut response: Response) -> BytesMut {
    let mut answer = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if answer.len() + chunk.len() > ANSWER {
            break;
        }
        answer.extend_from_slice(&chunk);
    }
    answer
}
