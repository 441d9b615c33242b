//! One HTTP request for each notice.

mod target;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::DeliveryError;
use opspilot_core::clock::Clock;
use opspilot_core::resilience::CircuitBreaker;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use self::target::Target;
use crate::driver::{Notice, Notifier};
use crate::http;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// After how many failures in a row no request is made for [`RESET`].
const FAILURES: u32 = 5;
const RESET: Duration = Duration::from_secs(30);

/// The longest wait that a peer can ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How much of an answer is read, and how much of it is shown in an error.
const READ: usize = 64 * 1024;
const SHOWN: usize = 200;

/// Sends notices to a web hook.
pub(super) struct WebhookNotifier {
    target: Target,
    timeout: Duration,
    client: OnceLock<Client>,
    breaker: Mutex<CircuitBreaker>,
    clock: Arc<dyn Clock>,
}

/// The body of a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    id: &'a str,
    event_type: &'a str,
    source: &'a str,
    timestamp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    payload: &'a RawValue,
}

/// The wire form of a notice.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: String,
    r#type: String,
    source: String,
    timestamp: String,
    correlation_id: Option<String>,
    payload: Box<RawValue>,
}

impl WebhookNotifier {
    pub(super) fn new(target: Target, clock: Arc<dyn Clock>) -> Self {
        Self::with_timeout(target, clock, TIMEOUT)
    }

    pub(super) fn with_timeout(target: Target, clock: Arc<dyn Clock>, timeout: Duration) -> Self {
        Self {
            target,
            timeout,
            client: OnceLock::new(),
            breaker: Mutex::new(CircuitBreaker::new(FAILURES, RESET)),
            clock,
        }
    }

    /// The client, which is made when it is first needed.
    fn client(&self) -> Result<&Client, DeliveryError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = http::client(self.timeout).map_err(|failure| {
            DeliveryError::transient("cannot make an HTTP client").because(failure)
        })?;
        Ok(self.client.get_or_init(|| made))
    }

    async fn send(&self, notice: &Notice) -> Result<(), DeliveryError> {
        let id = header(&notice.id().to_string())?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("idempotency-key", id);
        if let Some(place) = notice.trace() {
            headers.insert("traceparent", header(&place.to_string())?);
        }
        headers.extend(self.target.headers().clone());
        let request = self
            .client()?
            .request(self.target.method().clone(), self.target.url())
            .headers(headers)
            .body(body(notice)?);
        let answer = request.send().await.map_err(|failure| {
            DeliveryError::transient(format!("cannot reach {}", self.target))
                .because(failure.without_url())
        })?;
        self.judge(answer).await
    }

    async fn judge(&self, mut answer: Response) -> Result<(), DeliveryError> {
        let status = answer.status();
        let wait = retry_after(&answer);
        let text = start_of(&mut answer).await;
        if status.is_success() {
            return Ok(());
        }
        let separator = if text.is_empty() { "" } else { ": " };
        let message = format!("{} answered {status}{separator}{text}", self.target);
        let may_pass = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
            );
        Err(match wait {
            _ if !may_pass => DeliveryError::permanent(message),
            Some(wait) => DeliveryError::transient(message).after(wait),
            None => DeliveryError::transient(message),
        })
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, CircuitBreaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Notifier for WebhookNotifier {
    async fn deliver(&self, notice: &Notice) -> Result<(), DeliveryError> {
        let now = self.clock.now();
        let admitted = self.breaker().admit(now);
        if let Err(until) = admitted {
            let message = format!(
                "{} failed {FAILURES} times in a row and is left alone",
                self.target
            );
            return Err(DeliveryError::transient(message).after(until.since(now)));
        }
        let outcome = self.send(notice).await;
        // A peer that refuses one event works.
        let works = !outcome.as_ref().is_err_and(DeliveryError::is_transient);
        self.breaker().record(self.clock.now(), works);
        outcome
    }
}

fn body(notice: &Notice) -> Result<String, DeliveryError> {
    let encode = || {
        let wire: Wire = serde_json::from_str(&notice.json())?;
        serde_json::to_string(&Body {
            id: &wire.id,
            event_type: &wire.r#type,
            source: &wire.source,
            timestamp: &wire.timestamp,
            correlation_id: wire.correlation_id.as_deref(),
            payload: &wire.payload,
        })
    };
    encode().map_err(|failure| DeliveryError::permanent("the event is damaged").because(failure))
}

fn header(text: &str) -> Result<HeaderValue, DeliveryError> {
    HeaderValue::from_str(text)
        .map_err(|failure| DeliveryError::permanent("the event has no id").because(failure))
}

/// The start of an answer's text. The rest is read up to a limit, so that the connection can be used again.
async fn start_of(answer: &mut Response) -> String {
    let (mut start, mut read) = (Vec::new(), 0);
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        start.extend(chunk.iter().take(SHOWN.saturating_sub(start.len())));
        if read > READ {
            break;
        }
    }
    String::from_utf8_lossy(&start).trim().to_owned()
}

/// The seconds that the peer asks to wait (RFC 9110, section 10.2.3); its other form, a date, is left to the back-off.
fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

impl fmt::Debug for WebhookNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookNotifier")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
