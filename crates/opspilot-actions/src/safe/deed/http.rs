//! `http`: a request is sent to a host of a list.

mod body;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::error::chain;
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::{Effect, Outcome};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use self::body::Body;
use super::web::{self, Reach};
use super::{Deed, Planned, Site, World, not_done, owned};
use crate::safe::catalogue::{Http, Method, Template, Values};

/// Headers that say where a request goes or how it is framed; they are the client's.
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
];

/// A request of the catalogue.
#[derive(Debug)]
pub(crate) struct Request {
    method: Method,
    url: Template,
    headers: HeaderMap,
    body: Option<Body>,
    reach: Reach,
    timeout: Duration,
}

impl Request {
    /// Checks the options of `site`.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(options: &Http, site: &Site<'_>) -> Result<Self, BuildError> {
        let mut faults = Vec::new();
        let url = parse_url(options, site).map_err(|fault| faults.push(fault));
        let headers = parse_headers(options, site).map_err(|fault| faults.push(fault));
        let body = options.body.as_deref().map(|body| Body::parse(body, site));
        let body = body.transpose().map_err(|fault| faults.push(fault));
        if !(1..=300).contains(&options.timeout_seconds) {
            faults.push(site.fault("timeoutSeconds", "must be from 1 to 300"));
        }
        if options.body.is_some() && options.method == Method::Get {
            faults.push(site.fault("body", "cannot be sent with the method `GET`"));
        }
        match (BuildError::join(faults), url, headers, body) {
            (None, Ok(url), Ok(headers), Ok(body)) => Ok(Self {
                method: options.method,
                url,
                headers,
                body,
                reach: match options.allow_private {
                    true => Reach::Private,
                    false => Reach::Public,
                },
                timeout: Duration::from_secs(options.timeout_seconds),
            }),
            (fault, ..) => Err(fault.unwrap_or_else(|| site.fault("url", "cannot be used"))),
        }
    }

    /// The address with its values, each one percent-encoded.
    fn render_url(&self, values: &Values) -> Result<Url, String> {
        let text = self.url.render_with(values, percent_encode);
        let url = web::parse_url(&text)?;
        // Dots of a value must not climb: a path that was tidied up is not the path that was approved.
        if !self.url.is_fixed() && path_of(&text) != url.path() {
            return Err("the values would change the path of the URL".to_owned());
        }
        Ok(url)
    }

    async fn send(&self, values: &Values) -> Result<Outcome, String> {
        let failed = |error: reqwest::Error| chain(&error.without_url());
        let client = web::client(self.reach, self.timeout).map_err(failed)?;
        let method = self.method.to_reqwest();
        let mut request = client
            .request(method, self.render_url(values)?)
            .headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.render(values));
        }
        let response = request.send().await.map_err(failed)?;
        let answer = web::read(response).await.map_err(failed)?;
        Ok(Outcome {
            succeeded: answer.status.is_success(),
            summary: answer.status.to_string(),
            output: answer.text,
            truncated: answer.is_cut,
        })
    }
}

#[async_trait]
impl Deed for Request {
    fn executor(&self) -> &'static str {
        "http"
    }

    fn names(&self) -> BTreeSet<String> {
        let mut names = owned([&self.url]);
        names.extend(self.body.iter().flat_map(Body::names));
        names
    }

    fn success(&self) -> &'static str {
        "a status from 200 to 299"
    }

    fn plan(&self, values: &Values) -> Result<Planned, Vec<String>> {
        let url = self
            .render_url(values)
            .map_err(|fault| vec![format!("url: {fault}")])?;
        let host = host_and_port(&url);
        Ok(Planned {
            target: format!("host {host}"),
            touches: vec![format!("host {host}")],
            effect: Effect::Request {
                method: self.method.to_reqwest().to_string(),
                url: url.to_string(),
                headers: self.headers.keys().map(ToString::to_string).collect(),
                body: self.body.as_ref().map(|body| body.render(values)),
            },
            limits: vec![
                format!("time: {} s", self.timeout.as_secs()),
                "redirects are not followed".to_owned(),
                match self.reach {
                    Reach::Public => {
                        "the host's name must not lead to a private address".to_owned()
                    }
                    Reach::Private => "the host's name may lead to a private address".to_owned(),
                },
            ],
        })
    }

    async fn perform(&self, values: &Values, _: &World) -> Outcome {
        self.send(values).await.unwrap_or_else(not_done)
    }
}

/// The path of a URL as it is written.
fn path_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = behind
        .find('/')
        .and_then(|at| behind.get(at..))
        .unwrap_or_default();
    path.split(['?', '#']).next().unwrap_or_default()
}

fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The address, whose scheme, host and port are fixed and whose host is one of the list.
fn parse_url(options: &Http, site: &Site<'_>) -> Result<Template, BuildError> {
    let template = site.template("url", &options.url)?;
    let origin_is_fixed = template.is_fixed() || {
        let behind = template.prefix().split_once("://").map(|(_, rest)| rest);
        behind.is_some_and(|rest| rest.contains('/'))
    };
    if !origin_is_fixed {
        return Err(site.fault(
            "url",
            "values may stand in the path and the query only, never before",
        ));
    }
    let sample = Values::new();
    let url =
        web::parse_url(&template.render(&sample)).map_err(|fault| site.fault("url", fault))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_listed = options
        .hosts
        .iter()
        .any(|listed| listed.trim_matches(['[', ']']).eq_ignore_ascii_case(host));
    if !options.hosts.is_empty() && !is_listed {
        return Err(site.fault("hosts", format!("must list the host of `url`, `{host}`")));
    }
    let private = web::address(&url).and_then(web::private);
    match private.filter(|_| !is_listed && !options.allow_private) {
        Some(reason) => Err(site.fault(
            "hosts",
            format!("the host of `url` is {reason}: list `{host}`, or set `allowPrivate: true`"),
        )),
        None => Ok(template),
    }
}

fn parse_headers(options: &Http, site: &Site<'_>) -> Result<HeaderMap, BuildError> {
    let (mut headers, mut faults) = (HeaderMap::new(), Vec::new());
    if options.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in &options.headers {
        let header = HeaderName::try_from(name.as_str()).map_err(|_| "not the name of a header");
        let header = header.and_then(|header| match RESERVED.contains(&header.as_str()) {
            true => Err("this header is set by the client"),
            false => Ok(header),
        });
        let value = HeaderValue::from_str(value.expose())
            .map_err(|_| "the value of a header has no line breaks or other control characters");
        match header.and_then(|header| Ok((header, value?))) {
            Ok((header, mut value)) => {
                value.set_sensitive(true);
                headers.insert(header, value);
            }
            Err(message) => {
                let path = site.path.with_key("headers").with_key(name);
                faults.push(BuildError::option(path, message));
            }
        }
    }
    BuildError::join(faults).map_or(Ok(headers), Err)
}

/// Percent-encodes everything but the unreserved characters (RFC 3986, section 2.3).
fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a string does not fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}

impl Method {
    const fn to_reqwest(self) -> reqwest::Method {
        match self {
            Self::Post => reqwest::Method::POST,
            Self::Put => reqwest::Method::PUT,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
            Self::Get => reqwest::Method::GET,
        }
    }
}
