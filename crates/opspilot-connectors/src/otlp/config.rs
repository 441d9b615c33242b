//! Options of `connector.otlp`.

#[cfg(feature = "otlp")]
use std::net::IpAddr;

use opspilot_core::config::{KeyPath, Secret};
use opspilot_core::module::BuildError;
use opspilot_net::tls::TlsFiles;
use opspilot_net::{is_wide, parse_host};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::listen::front::Bounds;

/// The shortest token, in bytes.
const SHORTEST: usize = 16;

/// Options of `connector.otlp`.
///
/// ```yaml
/// host: 127.0.0.1
/// protocols: [http, grpc]
/// httpPort: 4318
/// grpcPort: 4317
/// token: ${OTLP_TOKEN}
/// slowSpanMs: 2000
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on: an IP address, or `localhost`. One that other machines reach needs `token`, or `tls`
    /// with `clientCaFile`.
    pub host: String,
    /// What is spoken.
    #[schemars(length(min = 1))]
    pub protocols: Vec<Protocol>,
    /// The TCP port for HTTP, from 1 to 65535; 0 takes any free one.
    pub http_port: u16,
    /// The TCP port for gRPC, from 1 to 65535; 0 takes any free one.
    pub grpc_port: u16,
    /// Certificate and key. Without them nothing is encrypted, so tokens and what is sent can be read on the way.
    pub tls: Option<TlsFiles>,
    /// The most open connections, 1 to 100,000; further ones are told so and closed.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections: usize,
    /// The most open connections of one peer, 1 to 100,000.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections_per_peer: usize,
    /// How many requests a second one peer may send, with a second's worth at once; 0 for no bound. Further ones are
    /// sent back with 429, with gRPC `RESOURCE_EXHAUSTED`.
    pub max_requests_per_second_per_peer: u32,
    /// What exporters send as `Authorization: Bearer TOKEN`, at least 16 characters. Absent: whoever reaches the port
    /// may send.
    pub token: Option<Secret>,
    /// A span of this length or longer becomes a record, in milliseconds, at least 1; absent: only failed spans do.
    pub slow_span_ms: Option<u64>,
    /// The largest request as it is sent, in bytes, 1,024 to 16,777,216.
    #[schemars(range(min = 1_024, max = 16_777_216))]
    pub max_body_bytes: usize,
    /// The largest request after decompression, in bytes, 1,024 to 67,108,864.
    #[schemars(range(min = 1_024, max = 67_108_864))]
    pub max_decoded_bytes: usize,
    /// How many requests are worked on at a time, 1 to 256; further ones are sent back.
    #[schemars(range(min = 1, max = 256))]
    pub max_in_flight: usize,
    /// How long an exporter waits until its request is stored before it is sent back, in milliseconds, 100 to 60,000.
    #[schemars(range(min = 100, max = 60_000))]
    pub timeout_ms: u64,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// OTLP/HTTP, with Protobuf or JSON.
    Http,
    /// OTLP/gRPC.
    Grpc,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            protocols: vec![Protocol::Http, Protocol::Grpc],
            http_port: 4318,
            grpc_port: 4317,
            tls: None,
            max_connections: 512,
            max_connections_per_peer: 128,
            max_requests_per_second_per_peer: 500,
            token: None,
            slow_span_ms: None,
            max_body_bytes: 4 << 20,
            max_decoded_bytes: 8 << 20,
            max_in_flight: 16,
            timeout_ms: 8_000,
        }
    }
}

impl Config {
    /// Names everything that is wrong.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let mut faults = Vec::new();
        match (parse_host(&self.host), &self.token) {
            (Err(message), _) => faults.push(fault("host", message)),
            (Ok(host), None) if is_wide(host) && !self.asks_for_certificates() => {
                let message = format!(
                    "other machines could reach `{}`, and nobody would ask them who they are: set `host` to \
                     `127.0.0.1`, set `token`, or name the authority of their certificates in `tls.clientCaFile`",
                    self.host
                );
                faults.push(fault("host", message));
            }
            (Ok(_), _) => {}
        }
        let token = self.token.as_ref();
        if token.is_some_and(|token| token.expose().len() < SHORTEST) {
            let message = format!(
                "must have at least {SHORTEST} characters; `openssl rand -hex 32` makes a good one"
            );
            faults.push(fault("token", message));
        }
        if self.protocols.is_empty() {
            faults.push(fault("protocols", "name `http`, `grpc` or both"));
        }
        if self.slow_span_ms == Some(0) {
            faults.push(fault(
                "slowSpanMs",
                "must be at least 1; leave it out for failed spans alone",
            ));
        }
        let rows = [
            ("maxBodyBytes", self.max_body_bytes as u64, 1_024, 16 << 20),
            (
                "maxDecodedBytes",
                self.max_decoded_bytes as u64,
                1_024,
                64 << 20,
            ),
            ("maxInFlight", self.max_in_flight as u64, 1, 256),
            ("timeoutMs", self.timeout_ms, 100, 60_000),
        ];
        for (key, value, low, high) in rows {
            if value < low || value > high {
                faults.push(fault(key, format!("must be from {low} to {high}")));
            }
        }
        faults.extend(self.bounds().faults());
        BuildError::join(faults).map_or(Ok(()), Err)
    }

    fn asks_for_certificates(&self) -> bool {
        let tls = self.tls.as_ref();
        tls.is_some_and(|tls| tls.client_ca_file.is_some())
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.max_connections,
            per_peer: self.max_connections_per_peer,
            per_second: self.max_requests_per_second_per_peer,
        }
    }

    /// The address; checked before.
    #[cfg(feature = "otlp")]
    pub(super) fn address(&self) -> IpAddr {
        parse_host(&self.host).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
    }

    /// Whether `protocol` is spoken.
    #[cfg(feature = "otlp")]
    pub(super) fn speaks(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }
}

fn fault(key: &str, message: impl Into<String>) -> BuildError {
    BuildError::option(KeyPath::of([key]), message)
}
