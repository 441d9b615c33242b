//! Where a web hook is, checked before anything is sent.

use std::fmt;

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::super::config;
use crate::http;

/// Where and how to send. Shown, it is only scheme, host and port: paths of web hooks are secrets.
#[derive(Clone)]
pub(in super::super) struct Target {
    url: Url,
    method: Method,
    headers: HeaderMap,
}

impl Target {
    /// Checks the options at `path`.
    pub(in super::super) fn parse(
        webhook: &config::Webhook,
        path: &KeyPath,
    ) -> Result<Self, BuildError> {
        let url = parse_url(webhook.webhook_url.expose())
            .map_err(|message| BuildError::option(path.with_key("webhookUrl"), message));
        let headers = parse_headers(webhook, &path.with_key("webhookHeaders"));
        let faults = [url.as_ref().err(), headers.as_ref().err()];
        if let Some(error) = BuildError::join(faults.into_iter().flatten().cloned()) {
            return Err(error);
        }
        let method = match webhook.webhook_method {
            config::Method::Post => Method::POST,
            config::Method::Put => Method::PUT,
        };
        Ok(Self {
            url: url?,
            method,
            headers: headers?,
        })
    }

    pub(in super::super) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

/// The message never repeats the text, which may hold a token.
fn parse_url(text: &str) -> Result<Url, String> {
    if text.chars().any(char::is_control) {
        return Err("a URL has no line breaks or other control characters".to_owned());
    }
    let url = Url::parse(text)
        .map_err(|fault| format!("not a URL ({fault}): write one that starts with `https://`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("only `http` and `https` URLs can be sent to".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a name or password in a URL ends up in logs: use `webhookHeaders`".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse().ok();
    match address.and_then(http::refusal) {
        Some(reason) => Err(format!(
            "the host is {reason}: such addresses are not sent to"
        )),
        None => Ok(url),
    }
}

fn parse_headers(webhook: &config::Webhook, path: &KeyPath) -> Result<HeaderMap, BuildError> {
    let (mut headers, mut faults) = (HeaderMap::new(), Vec::new());
    for (name, value) in &webhook.webhook_headers {
        let header = HeaderName::try_from(name.as_str()).map_err(|_| "not the name of a header");
        let value = HeaderValue::from_str(value.expose())
            .map_err(|_| "the value of a header has no line breaks or other control characters");
        match header.and_then(|header| Ok((header, value?))) {
            Ok((header, mut value)) => {
                value.set_sensitive(true);
                headers.insert(header, value);
            }
            Err(message) => faults.push(BuildError::option(path.with_key(name), message)),
        }
    }
    match BuildError::join(faults) {
        Some(error) => Err(error),
        None => Ok(headers),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.url.scheme())?;
        match self.url.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
