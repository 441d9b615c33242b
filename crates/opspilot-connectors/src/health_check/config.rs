//! The options of `connector.healthCheck`.

mod check;
mod statuses;

use std::collections::BTreeMap;
use std::path::PathBuf;

use opspilot_core::config::Secret;
use opspilot_core::incident::Severity;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub(super) use check::CheckedEndpoint;
pub use statuses::Statuses;

/// The options of `connector.healthCheck`.
///
/// ```
/// # let config: opspilot_connectors::health_check::Config = serde_saphyr::from_str(r#"
/// intervalMs: 30000
/// endpoints:
///   - id: shop
///     name: Shop
///     url: https://shop.example/health
///     expectedStatus: [200, 204]
///     expectedJson: [{ pointer: /status, equals: ok }]
///     degradedAboveMs: 800
///   - { id: database, name: Database, url: 'tcp://10.0.0.7:5432', severity: critical }
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The time between two probes of an endpoint in milliseconds, 5000 to 86400000. Probes of one never overlap.
    #[schemars(range(min = 5000, max = 86_400_000))]
    pub interval_ms: u64,
    /// How long a probe may take in milliseconds, 1000 to 600000.
    #[schemars(range(min = 1000, max = 600_000))]
    pub timeout_ms: u64,
    /// The name of the source of the lines.
    pub source: String,
    /// What is probed, at most 1000.
    pub endpoints: Vec<Endpoint>,
    /// By how many percent of its length an interval varies, 0 to 50, so that probes spread.
    #[schemars(range(max = 50))]
    pub jitter_percent: u64,
    /// How many probes run at once, 1 to 256.
    #[schemars(range(min = 1, max = 256))]
    pub max_concurrent: usize,
    /// How often a failure that lasts is told again, in milliseconds, at most 86400000; 0 tells it at every probe.
    #[schemars(range(max = 86_400_000))]
    pub reminder_ms: u64,
    /// When an endpoint counts as flapping.
    pub flapping: Flapping,
    /// When an endpoint that fails is probed less often.
    pub breaker: Breaker,
    /// Networks that may be probed although they are link-local or hold the metadata of a cloud (CIDR), and those that
    /// a redirect may lead into from outside.
    pub allowed_networks: Vec<String>,
}

/// When an endpoint counts as flapping: its changes are then told no more, until it has settled.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Flapping {
    /// How many changes within the window are too many, at most 100; 0 means never.
    #[schemars(range(max = 100))]
    pub changes: usize,
    /// The window in milliseconds, 1000 to 86400000.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub window_ms: u64,
}

/// When an endpoint that fails is probed less often, and without retries.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Breaker {
    /// After how many failures in a row, at most 1000; 0 means never.
    #[schemars(range(max = 1000))]
    pub failures: u32,
    /// The time between two probes from then on in milliseconds, 1000 to 86400000.
    #[schemars(range(min = 1000, max = 86_400_000))]
    pub reset_ms: u64,
}

/// One thing that is probed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Its id, which is used once: letters, digits, `.`, `_` and `-`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What is probed: `http://`, `https://`, `tcp://host:port`, `tls://host:port`, `dns://name?type=A` (or `AAAA`, `TXT`,
    /// `MX`, `CNAME`, `SRV`, `NS`), `grpc://host:port/service` or `grpcs://` (the service may be left out). Records other
    /// than addresses are asked of the servers in `/etc/resolv.conf`, or of `&server=192.0.2.53`. What follows a `?` is not
    /// shown, but for `dns://`.
    pub url: String,
    /// The method of an HTTP request.
    #[serde(default)]
    pub method: Method,
    /// The status that an HTTP answer must have: `200`, `200-299`, `2xx`, or a list of such.
    #[serde(default)]
    pub expected_status: Statuses,
    /// A text that must stand in the first MiB of the answer.
    pub expected_body_contains: Option<String>,
    /// A pattern that the first MiB of the answer must match.
    pub expected_body_matches: Option<String>,
    /// Values that must stand in the answer, which is then JSON of at most 1 MiB.
    #[serde(default)]
    pub expected_json: Vec<ExpectedJson>,
    /// What a name must lead to, at least (`dns://`): addresses, or records as zone files show them (`10 mx.example.org`, of
    /// which the name alone is enough).
    #[serde(default)]
    pub expected_answers: Vec<String>,
    /// Headers of the HTTP request. They are never shown, and not sent to another host that a redirect leads to.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// The body of a POST. It is never shown.
    pub body: Option<Secret>,
    /// How bad it is when it fails.
    #[serde(default = "critical")]
    pub severity: Severity,
    /// How many failures in a row make it unhealthy, 1 to 1000.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub consecutive_failures: u32,
    /// How many successes in a row make it healthy again, 1 to 1000.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub consecutive_successes: u32,
    /// Its own `intervalMs`.
    #[schemars(range(min = 5000, max = 86_400_000))]
    pub interval_ms: Option<u64>,
    /// Its own `timeoutMs`.
    #[schemars(range(min = 1000, max = 600_000))]
    pub timeout_ms: Option<u64>,
    /// How often a probe that failed is repeated before it counts as a failure, at most 10.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub retries: u32,
    /// The time before the first retry in milliseconds, 100 to 60000; each further one doubles.
    #[serde(default = "second")]
    #[schemars(range(min = 100, max = 60_000))]
    pub retry_delay_ms: u64,
    /// How many redirects are followed, at most 20; 0 judges the redirect itself.
    #[serde(default = "ten")]
    #[schemars(range(max = 20))]
    pub max_redirects: usize,
    /// An answer that takes longer, in milliseconds, makes the endpoint degraded.
    pub degraded_above_ms: Option<u64>,
    /// A certificate that ends in fewer days makes the endpoint degraded; 0 means never.
    #[serde(default = "fortnight")]
    pub certificate_warning_days: u32,
    /// A file of certificates (PEM) that are trusted instead of the system's. It is read at each probe.
    pub ca_file: Option<PathBuf>,
    /// What the endpoint is shown as proof. The files are read at each probe.
    pub client_certificate: Option<ClientCertificate>,
}

/// A method of an HTTP request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Asks for all.
    #[default]
    Get,
    /// Asks for the status alone.
    Head,
    /// Sends something.
    Post,
}

/// A value that must stand in an answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedJson {
    /// Where it stands (RFC 6901), for example `/status`.
    pub pointer: String,
    /// The value; without it, any value will do but `null`.
    pub equals: Option<Value>,
}

/// A certificate and its key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCertificate {
    /// The file of the certificate and those that lead to its issuer (PEM).
    pub certificate_file: PathBuf,
    /// The file of the key (PEM).
    pub key_file: PathBuf,
}

const fn critical() -> Severity {
    Severity::Critical
}

const fn one() -> u32 {
    1
}

const fn second() -> u64 {
    1000
}

const fn ten() -> usize {
    10
}

const fn fortnight() -> u32 {
    14
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_ms: 30_000,
            timeout_ms: 10_000,
            source: "health-check".to_owned(),
            endpoints: Vec::new(),
            jitter_percent: 10,
            max_concurrent: 32,
            reminder_ms: 300_000,
            flapping: Flapping::default(),
            breaker: Breaker::default(),
            allowed_networks: Vec::new(),
        }
    }
}

impl Default for Flapping {
    fn default() -> Self {
        Self {
            changes: 6,
            window_ms: 600_000,
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 10,
            reset_ms: 60_000,
        }
    }
}
