//! Asks a running server over its API.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use opspilot_core::config::{Config, Secret};
use opspilot_core::error::escape;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::Value;

use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

/// The variable with the key that commands show to a server.
const KEY_VARIABLE: &str = "OPSPILOT_API_KEY";

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(35);

/// The largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A client of the API of one server.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<Secret>,
}

impl Client {
    /// A client of the server at `server`, for example `https://ops.example.org/api`, or else of the one that `config`
    /// describes. It shows the key of the environment, if there is one.
    pub(crate) fn new(
        setup: &Setup,
        server: Option<&str>,
        config: &Config,
    ) -> Result<Self, Failure> {
        let text = match server {
            Some(url) => url.to_owned(),
            None => configured(config)?,
        };
        let base = parse(&text)?;
        let key = setup
            .environment
            .get(KEY_VARIABLE)
            .filter(|key| !key.is_empty());
        if key.is_some() && base.scheme() == "http" && !is_local(&base) {
            output::remark(
                "warning: the key goes to the server over plain HTTP, where others can read it",
            );
        }
        Ok(Self {
            http: client()?,
            base,
            key: key.map(|key| Secret::new(key.to_owned())),
        })
    }

    /// Reads `path`, which is below the base path.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts `body` to `path`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Puts `body` at `path`.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// Deletes `path`.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Every entry of the list under `name`, page by page.
    pub(crate) async fn list(&self, path: &str, name: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.get(&format!("{path}?limit=500{cursor}")).await?;
            if let Some(Value::Array(entries)) = page.get_mut(name).map(Value::take) {
                all.extend(entries);
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={}", encode(next)),
                None => return Ok(all),
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.header("x-api-key", key.expose()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let base = &self.base;
        let unreachable = || {
            format!("cannot reach the server at `{base}`; start it, or name it with `--server URL`")
        };
        let mut response = request
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.with_context(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES {
                return Err(anyhow!(
                    "the server's answer is larger than {ANSWER_BYTES} bytes"
                ));
            }
        }
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        if !status.is_success() {
            return Err(refused(status, value.as_ref()));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        value.ok_or_else(|| {
            anyhow!("`{base}` does not answer as an OpsPilot server does; check the address")
        })
    }
}

/// One line for what the server said against it (RFC 9457), with the way out.
fn refused(status: StatusCode, problem: Option<&Value>) -> anyhow::Error {
    let member = |name: &str| problem.and_then(|problem| problem.get(name)?.as_str());
    let title = member("title").unwrap_or("it gives no reason");
    let mut text = format!(
        "the server refuses ({}): {}",
        status.as_u16(),
        escape(title)
    );
    if let Some(detail) = member("detail") {
        text = format!("{text}: {}", escape(detail));
    }
    let way_out = match status {
        StatusCode::UNAUTHORIZED => {
            format!("; set `{KEY_VARIABLE}` to a key of that server that is still valid")
        }
        StatusCode::FORBIDDEN => {
            format!("; `{KEY_VARIABLE}` must hold the key of a person who may do this")
        }
        _ => String::new(),
    };
    anyhow!("{text}{way_out}")
}

/// Where the server listens that `config` describes.
fn configured(config: &Config) -> Result<String, Failure> {
    let none = || {
        Failure::Usage(
            "the configuration switches `ui.api` off; name a server with `--server URL`".into(),
        )
    };
    let options = config
        .module("ui.api")
        .filter(|options| options.is_enabled());
    let api: opspilot_http::Config = options.ok_or_else(none)?.parse()?;
    let host = match api.host.trim_matches(['[', ']']) {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    if api.port == 0 {
        return Err(Failure::Usage(
            "the server takes any free port; name it with `--server URL`".into(),
        ));
    }
    Ok(format!("http://{host}:{}{}", api.port, api.base_path))
}

fn parse(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    });
    url.ok_or_else(|| {
        let text = escape(text);
        Failure::Usage(format!(
            "`{text}` is not the address of a server; write for example `http://127.0.0.1:3000/api`"
        ))
    })
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// `text` as one segment of a path or one value of a query (RFC 3986, section 2.3).
pub(crate) fn encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match is_plain(byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.extend(format!("%{byte:02X}").chars()),
        }
    }
    encoded
}

fn client() -> anyhow::Result<reqwest::Client> {
    // It fails when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("opspilot-server/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("cannot make an HTTP client")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_one_line_with_a_way_out() {
        let rows = [
            (
                401,
                Some(json!({ "title": "A valid credential is needed" })),
                "the server refuses (401): A valid credential is needed; set `OPSPILOT_API_KEY` to a key of that server \
                 that is still valid",
            ),
            (
                400,
                Some(
                    json!({ "title": "The request is wrong", "detail": "field `role`: write `viewer`\u{1b}[2J" }),
                ),
                "the server refuses (400): The request is wrong: field `role`: write `viewer`\\u{1b}[2J",
            ),
            (502, None, "the server refuses (502): it gives no reason"),
        ];
        for (status, problem, expected) in rows {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refused(status, problem.as_ref()).to_string(), expected);
        }
    }

    #[test]
    fn only_addresses_of_the_web_are_servers() {
        for good in ["http://127.0.0.1:3000/api", "https://ops.example.org/api/"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.1:3000",
            "file:///etc",
            "http://user:pw@host/",
            "http://host/?a=b",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn segments_are_encoded() {
        assert_eq!(encode("a.b-c_d~1"), "a.b-c_d~1");
        assert_eq!(encode("a/b?c ä%"), "a%2Fb%3Fc%20%C3%A4%25");
    }
}
