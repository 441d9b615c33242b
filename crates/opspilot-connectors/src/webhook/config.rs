//! Options of `connector.webhook`.

mod mapping;

use std::collections::BTreeMap;

use opspilot_core::config::Secret;
use opspilot_core::incident::Severity;
use opspilot_net::tls::TlsFiles;
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::mapping::{As, BodyTest, Expected, ExpectedKind, MapConfig};
use crate::listen::front::Bounds;

/// Options of `connector.webhook`.
///
/// ```yaml
/// host: 127.0.0.1
/// port: 3004
/// routes:
///   - id: alertmanager
///     path: /alertmanager
///     format: alertmanager
///     auth: { type: bearer, token: '${ALERTMANAGER_TOKEN}' }
///   - id: builds
///     path: /builds
///     format: generic
///     auth: { type: hmac, header: X-Signature, secret: '${BUILDS_SECRET}' }
///     map:
///       - items: /builds
///         when: { /state: [failed, passed] }
///         as: incident
///         identity: '{/pipeline}'
///         resolvedWhen: { /state: [passed] }
///         title: '{/pipeline} failed'
///         severity: /priority
///         severities: { P1: critical, P2: warning }
///     tests:
///       - body: '{"builds": [{"pipeline": "web", "state": "failed", "priority": "P1"}]}'
///         expect: [{ as: incident, title: web failed, severity: critical }]
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on: an IP address, or `localhost`. One that other machines reach needs `auth` on every
    /// route, or `tls` with `clientCaFile`.
    pub host: String,
    /// The TCP port, from 1 to 65535; 0 takes any free one.
    pub port: u16,
    /// Certificate and key. Without them nothing is encrypted, so tokens and what is sent can be read on the way.
    pub tls: Option<TlsFiles>,
    /// The most open connections, 1 to 100,000; further ones are told so and closed.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections: usize,
    /// The most open connections of one peer, 1 to 100,000.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections_per_peer: usize,
    /// How many requests a second one peer may send, with a second's worth at once; 0 for no bound. Further ones are
    /// sent back with 429.
    pub max_requests_per_second_per_peer: u32,
    /// The largest body, in bytes, 1,024 to 16,777,216.
    #[schemars(range(min = 1_024, max = 16_777_216))]
    pub max_body_bytes: usize,
    /// How many deliveries are worked on at a time, 1 to 256; further ones are answered with 503.
    #[schemars(range(min = 1, max = 256))]
    pub max_in_flight: usize,
    /// How long a sender waits until its delivery is stored before it is answered with 503, in milliseconds, 100 to
    /// 60,000.
    #[schemars(range(min = 100, max = 60_000))]
    pub timeout_ms: u64,
    /// What is delivered where. At most 100.
    #[schemars(length(max = 100))]
    pub routes: Vec<RouteConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 3004,
            tls: None,
            max_connections: 512,
            max_connections_per_peer: 128,
            max_requests_per_second_per_peer: 100,
            max_body_bytes: 1 << 20,
            max_in_flight: 16,
            timeout_ms: 10_000,
            routes: Vec::new(),
        }
    }
}

impl Config {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.max_connections,
            per_peer: self.max_connections_per_peer,
            per_second: self.max_requests_per_second_per_peer,
        }
    }

    /// True if only clients with a certificate are served.
    pub(super) fn asks_for_certificates(&self) -> bool {
        let tls = self.tls.as_ref();
        tls.is_some_and(|tls| tls.client_ca_file.is_some())
    }
}

/// One path, and what is delivered there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteConfig {
    /// The route's name. Part of the identity of its incidents, so no two routes share one: letters, digits, `-`, `_`
    /// and `.`.
    #[schemars(length(min = 1, max = 60))]
    pub id: String,
    /// The path: `/` and letters, digits, `-`, `_`, `.`, `~` and `/`. It is compared literally.
    #[schemars(length(min = 1, max = 200))]
    pub path: String,
    /// What is delivered.
    pub format: Format,
    /// What the sender must prove.
    #[serde(default)]
    pub auth: AuthConfig,
    /// What words for severity mean, besides the usual ones; the case of letters does not count.
    #[serde(default)]
    pub severities: BTreeMap<String, Severity>,
    /// The severity when no word is given or nobody knows it.
    #[serde(default)]
    pub default_severity: Severity,
    /// With `alertmanager` and `grafana`: the label that tells the severity.
    #[serde(default = "severity_label")]
    pub severity_label: String,
    /// Resolve an incident when it was not repeated for this long, in milliseconds; 0 or absent: never.
    #[serde(default)]
    pub auto_resolve_ms: Option<u64>,
    /// A header that names the delivery, so that one that comes twice is taken once. Default: `X-GitHub-Delivery` with
    /// `github`, otherwise none.
    #[serde(default)]
    pub delivery_id_header: Option<String>,
    /// With `generic`: what becomes of the body. Each mapping is applied.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub map: Vec<MapConfig>,
    /// Bodies and what the route should make of them. `opspilot-server check` tries them.
    #[serde(default)]
    pub tests: Vec<BodyTest>,
}

fn severity_label() -> String {
    "severity".to_owned()
}

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// Prometheus Alertmanager, version 4 of its payload.
    Alertmanager,
    /// Grafana Alerting.
    Grafana,
    /// GitHub: failed workflow runs and deployments and security alerts become incidents, other events log records.
    Github,
    /// Any JSON, by `map`.
    Generic,
}

/// What the sender must prove.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum AuthConfig {
    /// Nothing: whoever reaches the port may deliver. For loopback only.
    None {},
    /// `Authorization: Bearer TOKEN`.
    #[serde(rename_all = "camelCase")]
    Bearer {
        /// The token, of at least 16 characters.
        token: Secret,
    },
    /// `Authorization: Basic …`.
    #[serde(rename_all = "camelCase")]
    Basic {
        /// The name.
        username: String,
        /// The password, of at least 16 characters.
        password: Secret,
    },
    /// An HMAC-SHA-256 over the body.
    Hmac(HmacConfig),
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self::None {}
    }
}

/// How a body is signed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HmacConfig {
    /// The shared secret, of at least 16 characters.
    pub secret: Secret,
    /// The header with the signature.
    #[serde(default = "signature_header")]
    pub header: String,
    /// What stands before the signature in the header.
    #[serde(default = "signature_prefix")]
    pub prefix: String,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// The header with the time of signing, in seconds since 1970. With it, old deliveries are refused, and one that
    /// comes twice is taken once.
    #[serde(default)]
    pub timestamp_header: Option<String>,
    /// With `timestampHeader`: how far the time of signing may be off, in seconds, at most 3,600.
    #[serde(default = "tolerance")]
    #[schemars(range(min = 1, max = 3_600))]
    pub tolerance_sec: u32,
    /// With `timestampHeader`: what is signed. Grafana: `{timestamp}:{body}`; Slack: `v0:{timestamp}:{body}`; Stripe:
    /// `{timestamp}.{body}`.
    #[serde(default = "signed")]
    pub signed: String,
}

fn signature_header() -> String {
    "X-Hub-Signature-256".to_owned()
}

fn signature_prefix() -> String {
    "sha256=".to_owned()
}

fn tolerance() -> u32 {
    300
}

fn signed() -> String {
    "{timestamp}:{body}".to_owned()
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Encoding {
    /// Two digits for a byte.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}
