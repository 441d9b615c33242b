//! One endpoint.

use std::net::IpAddr;
use std::time::Duration;

use opspilot_core::config::KeyPath;
use regex::RegexBuilder;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{CheckedEndpoint, Faults, INTERVAL, TIMEOUT};
use crate::health_check::config::{Config, Endpoint, Method, Statuses};
use crate::health_check::target::{self, Target};

impl Endpoint {
    pub(super) fn check(
        &self,
        config: &Config,
        path: &KeyPath,
        faults: &mut Faults,
    ) -> Option<CheckedEndpoint> {
        let before = faults.0.len();
        self.check_words(path, faults);
        self.check_figures(path, faults);
        let target = faults.keep(path.with_key("url"), Target::parse(&self.url));
        let headers = self.header_map(path, faults);
        let matches = self.expected_body_matches.as_deref();
        let matches = matches.and_then(|pattern| {
            let built = RegexBuilder::new(pattern).size_limit(1 << 20).build();
            faults.keep(
                path.with_key("expectedBodyMatches"),
                built.map_err(|fault| fault.to_string()),
            )
        });
        let target = target?;
        let has_texts = matches!(target, Target::Records { .. });
        let (answers, records) = if has_texts {
            (Vec::new(), self.expected_answers.clone())
        } else {
            (self.addresses(path, faults), Vec::new())
        };
        self.check_fit(&target, path, faults);
        if faults.0.len() > before {
            return None;
        }
        let millis = Duration::from_millis;
        Some(CheckedEndpoint {
            id: self.id.as_str().into(),
            name: self.name.clone(),
            url: target::shown(&self.url),
            target,
            method: self.method,
            headers,
            body: self.body.clone(),
            statuses: self.expected_status.clone(),
            contains: self.expected_body_contains.clone(),
            matches,
            json: self.expected_json.clone(),
            answers,
            records,
            severity: self.severity,
            failures: self.consecutive_failures,
            successes: self.consecutive_successes,
            interval: millis(self.interval_ms.unwrap_or(config.interval_ms)),
            timeout: millis(self.timeout_ms.unwrap_or(config.timeout_ms)),
            retries: self.retries,
            retry_delay: millis(self.retry_delay_ms),
            max_redirects: self.max_redirects,
            degraded_above_ms: self.degraded_above_ms,
            warning_days: self.certificate_warning_days,
            ca_file: self.ca_file.clone(),
            client_certificate: self.client_certificate.clone(),
        })
    }

    /// The addresses that a name must lead to.
    fn addresses(&self, path: &KeyPath, faults: &mut Faults) -> Vec<IpAddr> {
        let mut answers = Vec::new();
        for (index, text) in self.expected_answers.iter().enumerate() {
            let path = path.with_key("expectedAnswers").with_index(index);
            let address = text.parse::<IpAddr>();
            let address = address.map_err(|_| format!("`{text}` is not an address"));
            answers.extend(faults.keep(path, address));
        }
        answers
    }

    fn check_words(&self, path: &KeyPath, faults: &mut Faults) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.id.is_empty() || self.id.len() > 100 || !self.id.chars().all(is_plain) {
            let message = "must be 1 to 100 letters, digits, `.`, `_` or `-`";
            faults.add(path.with_key("id"), message);
        }
        if self.name.is_empty() || self.name.len() > 200 || self.name.chars().any(char::is_control)
        {
            let message = "must be 1 to 200 bytes in one line";
            faults.add(path.with_key("name"), message);
        }
        for (index, expected) in self.expected_json.iter().enumerate() {
            if !expected.pointer.is_empty() && !expected.pointer.starts_with('/') {
                let path = path.with_key("expectedJson").with_index(index);
                faults.add(
                    path.with_key("pointer"),
                    "a pointer starts with `/` (RFC 6901)",
                );
            }
        }
    }

    fn check_figures(&self, path: &KeyPath, faults: &mut Faults) {
        let rows = [
            (
                "consecutiveFailures",
                self.consecutive_failures.into(),
                (1, 1000),
            ),
            (
                "consecutiveSuccesses",
                self.consecutive_successes.into(),
                (1, 1000),
            ),
            (
                "intervalMs",
                self.interval_ms.unwrap_or(INTERVAL.0),
                INTERVAL,
            ),
            ("timeoutMs", self.timeout_ms.unwrap_or(TIMEOUT.0), TIMEOUT),
            ("retries", self.retries.into(), (0, 10)),
            ("retryDelayMs", self.retry_delay_ms, (100, 60_000)),
            ("maxRedirects", self.max_redirects as u64, (0, 20)),
        ];
        for (key, value, range) in rows {
            faults.within(path.with_key(key), value, range);
        }
    }

    fn header_map(&self, path: &KeyPath, faults: &mut Faults) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let path = path.with_key("headers").with_key(name);
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "not a name of a header");
            let value = HeaderValue::from_str(value.expose())
                .map_err(|_| "a value of a header has no line breaks or other control characters");
            let pair = key.and_then(|key| value.map(|value| (key, value)));
            if let Some((key, mut value)) = faults.keep(path, pair) {
                value.set_sensitive(true);
                headers.insert(key, value);
            }
        }
        headers
    }

    /// Refuses options that mean nothing for the target, so that nobody relies on them.
    fn check_fit(&self, target: &Target, path: &KeyPath, faults: &mut Faults) {
        let is_http = matches!(target, Target::Http(_));
        let is_dns = matches!(target, Target::Dns { .. } | Target::Records { .. });
        let uses_tls = is_http || target.has_certificate();
        let has_body_check = self.expected_body_contains.is_some()
            || self.expected_body_matches.is_some()
            || !self.expected_json.is_empty();
        let rows = [
            (
                "headers",
                !self.headers.is_empty() && !is_http,
                "are of HTTP alone",
            ),
            (
                "body",
                self.body.is_some() && self.method != Method::Post,
                "needs `method: POST`",
            ),
            (
                "method",
                self.method != Method::Get && !is_http,
                "is of HTTP alone",
            ),
            (
                "expectedStatus",
                self.expected_status != Statuses::default() && !is_http,
                "is of HTTP alone",
            ),
            (
                "url",
                has_body_check && !is_http,
                "has no body that could be checked: only HTTP has",
            ),
            (
                "method",
                has_body_check && self.method == Method::Head,
                "an answer to HEAD has no body that could be checked",
            ),
            (
                "expectedAnswers",
                !self.expected_answers.is_empty() && !is_dns,
                "are of `dns://` alone",
            ),
            (
                "caFile",
                self.ca_file.is_some() && !uses_tls,
                "is of TLS alone",
            ),
            (
                "clientCertificate",
                self.client_certificate.is_some() && !uses_tls,
                "is of TLS alone",
            ),
        ];
        for (key, is_wrong, message) in rows {
            if is_wrong {
                faults.add(path.with_key(key), message);
            }
        }
    }
}
