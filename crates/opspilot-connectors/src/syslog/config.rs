//! The options of `connector.syslog`.

use std::net::SocketAddr;
use std::time::Duration;

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use opspilot_net::tls::TlsFiles;
use schemars::JsonSchema;
use serde::Deserialize;

use super::header::Grammar;
use crate::listen::bind::parse_host;

/// The options of `connector.syslog`.
///
/// One listener is described by `protocol`, `host`, `port` and `tls`; several by `listeners`.
///
/// ```
/// # let config: opspilot_connectors::syslog::Config = serde_saphyr::from_str(r#"
/// listeners:
///   - { protocol: udp, host: 0.0.0.0, port: 1514 }
///   - { protocol: tcp, host: '::', port: 1514 }
///   - protocol: tls
///     host: '::'
///     port: 6514
///     tls: { certFile: /etc/opspilot/syslog.pem, keyFile: /etc/opspilot/syslog.key, clientCaFile: /etc/opspilot/ca.pem }
/// maxMessageSize: 8192
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// How messages arrive at the only listener; default `udp`.
    pub protocol: Option<Protocol>,
    /// The address of the only listener: an IP address or `localhost`. The default 127.0.0.1 serves this machine alone;
    /// 0.0.0.0 or `::` let others send too. Anyone who can reach the port can then write what rules will read.
    pub host: Option<String>,
    /// The port of the only listener, default 1514, for `tls` 6514.
    pub port: Option<u16>,
    /// Certificate and key of the only listener, if its protocol is `tls`.
    pub tls: Option<TlsFiles>,
    /// Several listeners, in place of the only one.
    pub listeners: Vec<Listener>,
    /// The name of the source in events.
    pub source: String,
    /// The longest message in bytes, 480 to 65536. What is longer is cut, marked and counted.
    #[schemars(range(min = 480, max = 65_536))]
    pub max_message_size: usize,
    /// How headers are read: `auto` takes what has a version for RFC 5424 and all else for RFC 3164.
    pub parse_rfc: ParseRfc,
    /// The most open connections, 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections: usize,
    /// The most open connections of one peer, 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_connections_per_peer: usize,
    /// How many messages a second one peer may send, with a second's worth at once; 0 for no bound. Faster TCP peers are
    /// read more slowly; what faster UDP peers send beyond it is dropped and counted.
    pub max_messages_per_second_per_peer: u32,
    /// How many bytes of datagrams the kernel keeps while they are not read, 65536 to 1073741824. More than the system's
    /// `net.core.rmem_max` needs CAP_NET_ADMIN.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub receive_buffer_bytes: usize,
    /// How long a message may take to arrive whole over TCP, in milliseconds, 1000 to 3600000. Then the part that came is
    /// taken for a message and the connection closed.
    #[schemars(range(min = 1000, max = 3_600_000))]
    pub message_timeout_ms: u64,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    /// How messages arrive.
    pub protocol: Protocol,
    /// The address, default 127.0.0.1: an IP address or `localhost`.
    #[serde(default)]
    pub host: Option<String>,
    /// The port, default 1514, for `tls` 6514.
    #[serde(default)]
    pub port: Option<u16>,
    /// Certificate and key, for the protocol `tls`.
    #[serde(default)]
    pub tls: Option<TlsFiles>,
}

/// How messages arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// One message is one datagram (RFC 5426). What nobody reads in time is lost, and counted.
    #[default]
    Udp,
    /// A stream of messages (RFC 6587), counted or with line ends. Senders wait where readers are slow.
    Tcp,
    /// The same, encrypted (RFC 5425).
    Tls,
}

/// How headers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum ParseRfc {
    /// RFC 5424 where a version follows the priority, else RFC 3164.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// RFC 3164 only.
    #[serde(rename = "3164")]
    Rfc3164,
    /// RFC 5424 only; what is not is passed on whole.
    #[serde(rename = "5424")]
    Rfc5424,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol: None,
            host: None,
            port: None,
            tls: None,
            listeners: Vec::new(),
            source: "syslog".to_owned(),
            max_message_size: 8192,
            parse_rfc: ParseRfc::default(),
            max_connections: 4096,
            max_connections_per_peer: 1024,
            max_messages_per_second_per_peer: 0,
            receive_buffer_bytes: 32 << 20,
            message_timeout_ms: 60_000,
        }
    }
}

/// A listener whose options were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) protocol: Protocol,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsFiles>,
}

impl Protocol {
    /// The name in configuration and attributes.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 1514,
            Self::Tls => 6514,
        }
    }
}

impl From<ParseRfc> for Grammar {
    fn from(parse: ParseRfc) -> Self {
        match parse {
            ParseRfc::Auto => Self::Auto,
            ParseRfc::Rfc3164 => Self::Rfc3164,
            ParseRfc::Rfc5424 => Self::Rfc5424,
        }
    }
}

impl Config {
    /// Checks the options against their ranges and each other.
    pub(super) fn check(&self) -> Result<Vec<Endpoint>, BuildError> {
        let mut faults: Vec<BuildError> = self.ranges().collect();
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (path, listener) in self.all_listeners(&mut faults) {
            match listener.check(&path) {
                Ok(endpoint) if endpoints.iter().any(|other| other.collides(&endpoint)) => {
                    let message = format!("another listener has {} too", endpoint.address);
                    faults.push(BuildError::option(path.with_key("port"), message));
                }
                Ok(endpoint) => endpoints.push(endpoint),
                Err(fault) => faults.push(fault),
            }
        }
        BuildError::join(faults).map_or(Ok(endpoints), Err)
    }

    /// How long a message may take to arrive.
    pub(super) const fn message_timeout(&self) -> Duration {
        Duration::from_millis(self.message_timeout_ms)
    }

    fn all_listeners(&self, faults: &mut Vec<BuildError>) -> Vec<(KeyPath, Listener)> {
        if self.listeners.is_empty() {
            let only = Listener {
                protocol: self.protocol.unwrap_or_default(),
                host: self.host.clone(),
                port: self.port,
                tls: self.tls.clone(),
            };
            return vec![(KeyPath::default(), only)];
        }
        let doubled = [
            ("protocol", self.protocol.is_some()),
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("tls", self.tls.is_some()),
        ];
        for (key, _) in doubled.into_iter().filter(|(_, is_given)| *is_given) {
            let message = "has no meaning beside `listeners`: give it there";
            faults.push(BuildError::option(KeyPath::of([key]), message));
        }
        let listeners = self.listeners.iter().cloned().enumerate();
        listeners
            .map(|(index, listener)| (KeyPath::of(["listeners"]).with_index(index), listener))
            .collect()
    }

    fn ranges(&self) -> impl Iterator<Item = BuildError> {
        let ranges: [(&str, u64, u64, u64); 5] = [
            ("maxMessageSize", self.max_message_size as u64, 480, 65_536),
            ("maxConnections", self.max_connections as u64, 1, 100_000),
            (
                "maxConnectionsPerPeer",
                self.max_connections_per_peer as u64,
                1,
                100_000,
            ),
            (
                "receiveBufferBytes",
                self.receive_buffer_bytes as u64,
                65_536,
                1 << 30,
            ),
            ("messageTimeoutMs", self.message_timeout_ms, 1000, 3_600_000),
        ];
        let wrong = ranges
            .into_iter()
            .filter(|(_, value, least, most)| !(least..=most).contains(&value));
        wrong.map(|(key, value, least, most)| {
            let message = format!("is {value}, must be {least} to {most}");
            BuildError::option(KeyPath::of([key]), message)
        })
    }
}

impl Listener {
    fn check(&self, path: &KeyPath) -> Result<Endpoint, BuildError> {
        let fault = |key: &str, message: &str| {
            BuildError::option(path.clone().with_key(key), message.to_owned())
        };
        let host = self.host.as_deref().unwrap_or("127.0.0.1");
        let address = parse_host(host).ok_or_else(|| {
            let message = format!(
                "`{host}` is no IP address: use one of this machine, or 0.0.0.0 or `::` for all of them"
            );
            fault("host", &message)
        })?;
        let port = self.port.unwrap_or_else(|| self.protocol.default_port());
        match (self.protocol, &self.tls) {
            (Protocol::Tls, None) => {
                return Err(fault(
                    "tls",
                    "is missing: name `certFile` and `keyFile` for the protocol `tls`",
                ));
            }
            (Protocol::Udp | Protocol::Tcp, Some(_)) => {
                return Err(fault("tls", "has no meaning unless `protocol` is `tls`"));
            }
            (Protocol::Tls, Some(_)) | (Protocol::Udp | Protocol::Tcp, None) => {}
        }
        Ok(Endpoint {
            protocol: self.protocol,
            address: SocketAddr::new(address, port),
            tls: self.tls.clone(),
        })
    }
}

impl Endpoint {
    fn collides(&self, other: &Self) -> bool {
        let is_udp = |endpoint: &Self| endpoint.protocol == Protocol::Udp;
        is_udp(self) == is_udp(other) && self.address == other.address && self.address.port() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(yaml: &str) -> Result<Vec<Endpoint>, String> {
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn the_keys_of_the_original_work() {
        let yaml = "{protocol: tcp, host: 0.0.0.0, port: 1514, source: s, maxMessageSize: 480, parseRfc: '3164'}";
        let endpoints = checked(yaml).unwrap();
        assert_eq!(endpoints.len(), 1);
        assert_eq!(endpoints[0].address, "0.0.0.0:1514".parse().unwrap());
        let default = checked("{}").unwrap();
        assert_eq!(default[0].protocol, Protocol::Udp);
        assert_eq!(default[0].address, "127.0.0.1:1514".parse().unwrap());
    }

    #[test]
    fn every_fault_is_named() {
        for (yaml, expected) in [
            (
                "{maxMessageSize: 479}",
                "maxMessageSize: is 479, must be 480 to 65536",
            ),
            (
                "{host: example.org}",
                "host: `example.org` is no IP address",
            ),
            ("{protocol: tls}", "tls: is missing"),
            (
                "{tls: {certFile: a, keyFile: b}}",
                "tls: has no meaning unless `protocol` is `tls`",
            ),
            (
                "{port: 1, listeners: [{protocol: udp}]}",
                "port: has no meaning beside `listeners`",
            ),
            (
                "{listeners: [{protocol: tcp}, {protocol: tls}]}",
                "listeners[1].tls: is missing",
            ),
            (
                "{listeners: [{protocol: udp}, {protocol: tcp}, {protocol: udp}]}",
                "listeners[2].port: another listener has 127.0.0.1:1514 too",
            ),
        ] {
            let message = checked(yaml).unwrap_err();
            assert!(message.contains(expected), "{yaml}: {message}");
        }
    }
}
