//! Options of `telemetry.otlp`.

use std::collections::BTreeMap;
#[cfg(feature = "otlp")]
use std::time::Duration;

use opspilot_core::config::Secret;
#[cfg(feature = "otlp")]
use opspilot_core::{config::KeyPath, module::BuildError};
#[cfg(feature = "otlp")]
use reqwest::Url;
#[cfg(feature = "otlp")]
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

/// Options of `telemetry.otlp`.
///
/// ```yaml
/// endpoint: https://otel.example.org:4318
/// headers: { authorization: 'Bearer ${OTEL_TOKEN}' }
/// signals: [metrics, traces, logs]
/// intervalMs: 15000
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The collector, without `/v1/...`. Over plain HTTP, others on the way can read what is sent, headers included.
    pub(super) endpoint: String,
    /// Headers of every request.
    pub(super) headers: BTreeMap<String, Secret>,
    /// What is sent.
    #[schemars(length(min = 1))]
    pub(super) signals: Vec<Signal>,
    /// How often it is sent, in milliseconds, 100 to 600,000. Spans and messages are also sent when 512 wait.
    #[schemars(range(min = 100, max = 600_000))]
    pub(super) interval_ms: u64,
    /// How long the collector may take to answer, in milliseconds, 100 to 60,000.
    #[schemars(range(min = 100, max = 60_000))]
    pub(super) timeout_ms: u64,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Signal {
    /// The metrics of `/api/metrics`.
    Metrics,
    /// Spans of modules and of HTTP requests.
    Traces,
    /// Messages of the level `info` and above, whatever `logging.level` is.
    Logs,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:4318".to_owned(),
            headers: BTreeMap::new(),
            signals: vec![Signal::Metrics, Signal::Traces, Signal::Logs],
            interval_ms: 15_000,
            timeout_ms: 10_000,
        }
    }
}

/// Checked options.
#[cfg(feature = "otlp")]
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) endpoint: Url,
    pub(super) headers: HeaderMap,
    pub(super) signals: Vec<Signal>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

#[cfg(feature = "otlp")]
impl Config {
    /// Turns texts into what they stand for.
    pub(super) fn check(self) -> Result<Checked, BuildError> {
        let (endpoint, headers) = match (endpoint(&self.endpoint), headers(&self.headers)) {
            (Ok(endpoint), Ok(headers)) => (endpoint, headers),
            (Err(message), _) => {
                return Err(BuildError::option(KeyPath::of(["endpoint"]), message));
            }
            (_, Err((name, message))) => {
                return Err(BuildError::option(KeyPath::of(["headers", &name]), message));
            }
        };
        Ok(Checked {
            endpoint,
            headers,
            signals: self.signals,
            interval: Duration::from_millis(self.interval_ms),
            timeout: Duration::from_millis(self.timeout_ms),
        })
    }
}

#[cfg(feature = "otlp")]
fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("is no address: {error}; write one such as `http://127.0.0.1:4318`")
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must begin with `http://` or `https://`".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a password, which would be shown; use `headers`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("ends with a question or a mark; `/v1/...` is added to it".to_owned());
    }
    Ok(url)
}

#[cfg(feature = "otlp")]
fn headers(texts: &BTreeMap<String, Secret>) -> Result<HeaderMap, (String, &'static str)> {
    let mut headers = HeaderMap::new();
    for (name, value) in texts {
        let fault = |message| (name.clone(), message);
        let key = HeaderName::try_from(name).map_err(|_| fault("is no name of a header"))?;
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| fault("holds what may not be in a header"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

#[cfg(test)]
#[cfg(feature = "otlp")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(options: &Value, expected: Option<&str>) {
        let config: Config = serde_json::from_value(options.clone()).unwrap();
        let fault = config.check().err().map(|error| error.to_string());
        let is_as_expected = match (&fault, expected) {
            (Some(fault), Some(expected)) => fault.contains(expected) && !fault.contains("s3cret"),
            (fault, expected) => fault.is_none() && expected.is_none(),
        };
        assert!(is_as_expected, "{options}: {fault:?}, not {expected:?}");
    }

    #[test]
    fn faults_name_the_key_and_never_the_secret() {
        check(&json!({}), None);
        check(&json!({ "headers": { "x-key": "s3cret" } }), None);
        check(&json!({ "endpoint": "collector:4318" }), Some("`http://`"));
        check(&json!({ "endpoint": "127.0.0.1" }), Some("no address"));
        check(
            &json!({ "endpoint": "http://a:s3cret@b" }),
            Some("use `headers`"),
        );
        check(
            &json!({ "endpoint": "http://b/?key=s3cret" }),
            Some("is added"),
        );
        check(&json!({ "headers": { "a b": "s3cret" } }), Some("no name"));
        check(
            &json!({ "headers": { "a": "s3cret\n" } }),
            Some("may not be"),
        );
    }
}
