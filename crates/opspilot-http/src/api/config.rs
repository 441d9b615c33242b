//! The options of `ui.api`.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderValue, Uri};
use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use schemars::JsonSchema;
use serde::Deserialize;

/// The options of `ui.api`.
///
/// ```yaml
/// ui.api:
///   enabled: true
///   host: 127.0.0.1
///   port: 3000
///   basePath: /api
///   rateLimitPerMinute: 120
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on: an IP address, or `localhost`. One that other machines reach needs `auth.enabled`.
    pub host: String,
    /// The TCP port, from 1 to 65535; 0 takes any free one.
    pub port: u16,
    /// What every path starts with: `/` and path segments, without a slash at the end.
    pub base_path: String,
    /// The one web origin whose pages may use the API, for example `https://ops.example.org`. Without it, only pages
    /// that the server itself serves may.
    pub cors_origin: Option<String>,
    /// How many requests a minute one client address may make; 0 means no cap. Health, livez, readyz and metrics
    /// are not counted.
    #[schemars(range(max = 10_000))]
    pub rate_limit_per_minute: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 3000,
            base_path: "/api".into(),
            cors_origin: None,
            rate_limit_per_minute: 120,
        }
    }
}

/// Options that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// Where to listen.
    pub(super) address: SocketAddr,
    /// Empty, or `/` and segments without a slash at the end.
    pub(super) base_path: String,
    /// The allowed origin.
    pub(super) cors_origin: Option<HeaderValue>,
    /// Requests a minute of one address; 0 for no cap.
    pub(super) rate_limit: usize,
}

impl Options {
    /// Where the API is reached when it listens on `bound`.
    pub(super) fn url(&self, bound: SocketAddr) -> String {
        format!("http://{bound}{}", self.base_path)
    }
}

impl TryFrom<Config> for Options {
    type Error = BuildError;

    fn try_from(config: Config) -> Result<Self, BuildError> {
        let host = parse_host(&config.host);
        let base_path = parse_base_path(&config.base_path);
        let cors_origin = config.cors_origin.as_deref().map(parse_origin).transpose();
        match (host, base_path, cors_origin) {
            (Ok(host), Ok(base_path), Ok(cors_origin)) => Ok(Self {
                address: SocketAddr::new(host, config.port),
                base_path,
                cors_origin,
                rate_limit: usize::try_from(config.rate_limit_per_minute).unwrap_or(usize::MAX),
            }),
            (host, base_path, cors_origin) => {
                let faults = [host.err(), base_path.err(), cors_origin.err()];
                let joined = BuildError::join(faults.into_iter().flatten());
                Err(joined.unwrap_or_else(|| fault("host", "cannot be used")))
            }
        }
    }
}

fn fault(key: &str, message: impl Into<String>) -> BuildError {
    BuildError::option(KeyPath::of([key]), message)
}

fn parse_host(text: &str) -> Result<IpAddr, BuildError> {
    opspilot_net::parse_host(text).map_err(|message| fault("host", message))
}

fn parse_base_path(text: &str) -> Result<String, BuildError> {
    if text.is_empty() || text == "/" {
        return Ok(String::new());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let is_segment =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain);
    let segments = text
        .strip_prefix('/')
        .map(|rest| rest.split('/').all(is_segment));
    if segments != Some(true) {
        let message = format!(
            "`{text}` is not a path like `/api`: write `/` and letters, digits, `-`, `_`, `.` or `~`, \
             without a slash at the end"
        );
        return Err(fault("basePath", message));
    }
    Ok(text.to_owned())
}

fn parse_origin(text: &str) -> Result<HeaderValue, BuildError> {
    let refuse = || {
        let message = format!(
            "`{text}` is not one web origin: write scheme, host and port alone, for example \
             `https://ops.example.org`"
        );
        fault("corsOrigin", message)
    };
    let uri: Uri = text.parse().map_err(|_| refuse())?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| matches!(*scheme, "http" | "https"));
    let host = uri
        .authority()
        .filter(|host| !host.as_str().contains(['@', '*']));
    let (Some(scheme), Some(host)) = (scheme, host) else {
        return Err(refuse());
    };
    let origin = format!("{scheme}://{host}");
    if origin != text {
        return Err(refuse());
    }
    HeaderValue::from_str(&origin).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_contracts_on_loopback() {
        let options = Options::try_from(Config::default()).unwrap();
        assert_eq!(options.url(options.address), "http://127.0.0.1:3000/api");
        assert_eq!(options.cors_origin, None);
        assert_eq!(options.rate_limit, 120);
    }

    #[test]
    fn hosts_are_addresses() {
        for host in [
            "127.0.0.1",
            "::1",
            "[::1]",
            "localhost",
            "0.0.0.0",
            "::",
            "192.168.0.1",
        ] {
            assert!(parse_host(host).is_ok(), "{host}");
        }
        for host in ["example.org", "", "127.0.0.1:80", "[127.0.0.1"] {
            assert!(parse_host(host).is_err(), "{host}");
        }
    }

    #[test]
    fn base_paths_are_plain_segments() {
        assert_eq!(parse_base_path("/"), Ok(String::new()));
        assert_eq!(parse_base_path("/ops/api"), Ok("/ops/api".into()));
        for path in [
            "api", "/api/", "//", "/a//b", "/a/../b", "/{x}", "/a%2f", "/a b",
        ] {
            assert!(parse_base_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        for origin in ["https://ops.example.org", "http://localhost:8080"] {
            assert_eq!(parse_origin(origin).unwrap(), origin);
        }
        for origin in [
            "*",
            "null",
            "https://a/",
            "https://*.a",
            "ftp://a",
            "a",
            "https://u@a",
            "https://a/b?c",
        ] {
            assert!(parse_origin(origin).is_err(), "{origin}");
        }
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let config = Config {
            host: "example.org".into(),
            base_path: "api".into(),
            cors_origin: Some("*".into()),
            ..Config::default()
        };
        let message = Options::try_from(config).unwrap_err().to_string();
        for key in ["host", "basePath", "corsOrigin"] {
            assert!(message.contains(key), "{message}");
        }
    }
}
