//! The options of `ui.websocket`.

use std::net::SocketAddr;
use std::time::Duration;

use opspilot_core::config::KeyPath;
use opspilot_core::event::CORE_EVENTS;
use opspilot_core::module::BuildError;
use schemars::JsonSchema;
use serde::Deserialize;

/// The lines of logs: a name that configurations know, but not an event. Lines travel in batches, at rates that no
/// client follows.
const LOG_LINES: &str = "log.ingested";

/// The options of `ui.websocket`.
///
/// ```yaml
/// ui.websocket:
///   enabled: true
///   host: 127.0.0.1
///   port: 3001
///   heartbeatIntervalMs: 30000
///   maxClients: 100
///   subscribableEvents: [incident.created, action.proposed]
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on: an IP address, or `localhost`. One that other machines reach needs `auth.enabled`.
    pub host: String,
    /// The TCP port, from 1 to 65535; 0 takes any free one. Clients may also come to `ui.api`, under `/ws` of its
    /// `basePath`.
    pub port: u16,
    /// How often a client is asked whether it still lives, in milliseconds. One that says nothing until the next time is
    /// closed.
    #[schemars(range(min = 1_000, max = 3_600_000))]
    pub heartbeat_interval_ms: u32,
    /// The most clients at a time.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_clients: u32,
    /// The types of event that clients may subscribe to. `log.ingested` is understood and left out.
    pub subscribable_events: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let events = [
            "incident.created",
            "incident.updated",
            "enrichment.completed",
            "action.proposed",
            "action.approved",
            "action.executed",
            LOG_LINES,
        ];
        Self {
            host: "127.0.0.1".into(),
            port: 3001,
            heartbeat_interval_ms: 30_000,
            max_clients: 100,
            subscribable_events: events.map(str::to_owned).to_vec(),
        }
    }
}

/// Options that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// Where to listen.
    pub(super) address: SocketAddr,
    /// The time between two signs of life.
    pub(super) heartbeat: Duration,
    /// The most clients.
    pub(super) clients: usize,
    /// The types that there are to subscribe to.
    pub(super) events: Vec<&'static str>,
}

impl TryFrom<Config> for Options {
    type Error = BuildError;

    fn try_from(config: Config) -> Result<Self, BuildError> {
        let host = opspilot_net::parse_host(&config.host)
            .map_err(|message| BuildError::option(KeyPath::of(["host"]), message));
        let events = parse_events(&config.subscribable_events);
        match (host, events) {
            (Ok(host), Ok(events)) => Ok(Self {
                address: SocketAddr::new(host, config.port),
                heartbeat: Duration::from_millis(config.heartbeat_interval_ms.into()),
                clients: usize::try_from(config.max_clients).unwrap_or(usize::MAX),
                events,
            }),
            (host, events) => {
                let joined = BuildError::join([host.err(), events.err()].into_iter().flatten());
                Err(joined
                    .unwrap_or_else(|| BuildError::option(KeyPath::of(["host"]), "cannot be used")))
            }
        }
    }
}

fn parse_events(names: &[String]) -> Result<Vec<&'static str>, BuildError> {
    let mut events = Vec::new();
    for name in names.iter().filter(|name| *name != LOG_LINES) {
        let Some(kind) = CORE_EVENTS.iter().find(|kind| kind.name == name) else {
            let known = CORE_EVENTS.iter().map(|kind| kind.name);
            let message = format!(
                "`{name}` is not a type of event; the types are {}",
                known.collect::<Vec<_>>().join(", ")
            );
            return Err(BuildError::option(
                KeyPath::of(["subscribableEvents"]),
                message,
            ));
        };
        if !events.contains(&kind.name) {
            events.push(kind.name);
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_contracts_on_loopback() {
        let options = Options::try_from(Config::default()).unwrap();
        assert_eq!(options.address, "127.0.0.1:3001".parse().unwrap());
        assert_eq!(options.heartbeat, Duration::from_secs(30));
        assert_eq!(options.clients, 100);
        assert_eq!(options.events.len(), 6);
        assert!(!options.events.contains(&LOG_LINES));
    }

    #[test]
    fn faults_are_named() {
        let config = Config {
            host: "example.org".into(),
            subscribable_events: vec!["incident.invented".into()],
            ..Config::default()
        };
        let message = Options::try_from(config).unwrap_err().to_string();
        for part in ["host", "subscribableEvents", "incident.invented"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
