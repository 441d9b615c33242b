//! The options of `connector.kubernetes`.

use std::collections::BTreeMap;
use std::time::Duration;

use opspilot_core::config::{KeyPath, Secret};
use opspilot_core::module::BuildError;
use schemars::JsonSchema;
use serde::Deserialize;

/// The options of `connector.kubernetes`.
///
/// ```
/// # let config: opspilot_connectors::kubernetes::Config = serde_saphyr::from_str(r#"
/// namespace: shop
/// watchNodes: false
/// severityMap: { FailedScheduling: critical }
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Config {
    /// The name that records carry as their source.
    pub source: String,
    /// The address of the API server, `https://…`. Empty: that of `kubeconfig`, or else of the cluster that the server
    /// runs in.
    pub api_url: String,
    /// A bearer token. Empty: that of `tokenPath`.
    pub token: Secret,
    /// A file with a bearer token, for `apiUrl`. It is read again when it may have changed. Empty: the token of the
    /// service account, if there is one.
    pub token_path: String,
    /// A file with the certificates that may sign the API server's, for `apiUrl`. Empty: those of the service account, if
    /// there are any, or else the system's.
    pub ca_path: String,
    /// A kubeconfig file. One that starts a program to log in is refused.
    pub kubeconfig: String,
    /// The context of the kubeconfig file; empty means its current one.
    pub context: String,
    /// The namespace that is watched; empty means all of them.
    pub namespace: String,
    /// Watch Events.
    pub watch_events: bool,
    /// Watch containers that crash, are out of memory, or cannot start.
    pub watch_pods: bool,
    /// Watch the conditions of nodes. Needs a cluster role.
    pub watch_nodes: bool,
    /// Watch deployments that lack replicas or do not get on.
    pub watch_deployments: bool,
    /// Pods whose containers' logs are read.
    pub pod_logs: Vec<PodLogs>,
    /// The most logs that are read at a time, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub max_log_streams: usize,
    /// The severity (`info`, `warning`, `critical`) by type of Event or by reason, over the built-in ones.
    pub severity_map: BTreeMap<String, String>,
    /// The longest pause between two attempts at a watch that fails, and the pause after a log that failed, in milliseconds,
    /// 1000 to 300000.
    #[schemars(range(min = 1000, max = 300_000))]
    pub poll_interval_ms: u64,
    /// How long the API server may take to answer, in milliseconds, 1000 to 300000.
    #[schemars(range(min = 1000, max = 300_000))]
    pub timeout_ms: u64,
}

/// Pods whose containers' logs are read.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodLogs {
    /// Labels that the pods have, as a label selector of the API: `app=web,tier!=test`.
    pub selector: String,
    /// The containers by name; empty means all of them.
    pub containers: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: "kubernetes".to_owned(),
            api_url: String::new(),
            token: Secret::default(),
            token_path: String::new(),
            ca_path: String::new(),
            kubeconfig: String::new(),
            context: String::new(),
            namespace: String::new(),
            watch_events: true,
            watch_pods: true,
            watch_nodes: false,
            watch_deployments: true,
            pod_logs: Vec::new(),
            max_log_streams: 100,
            severity_map: BTreeMap::new(),
            poll_interval_ms: 10_000,
            timeout_ms: 10_000,
        }
    }
}

/// The severities that are built in, by type of Event or by reason.
const SEVERITIES: &[(&str, &str)] = &[
    ("Warning", "warning"),
    ("Normal", "info"),
    ("CrashLoopBackOff", "critical"),
    ("OOMKilled", "critical"),
    ("NodeNotReady", "critical"),
    ("ImagePullBackOff", "warning"),
    ("ErrImagePull", "warning"),
    ("ErrImageNeverPull", "warning"),
    ("InvalidImageName", "warning"),
    ("CreateContainerConfigError", "warning"),
    ("CreateContainerError", "warning"),
    ("RunContainerError", "warning"),
    ("ContainerCannotRun", "warning"),
    ("StartError", "warning"),
    ("Error", "warning"),
    ("Evicted", "warning"),
    ("MemoryPressure", "warning"),
    ("DiskPressure", "warning"),
    ("PIDPressure", "warning"),
    ("NetworkUnavailable", "warning"),
    ("UnavailableReplicas", "warning"),
    ("ProgressDeadlineExceeded", "critical"),
];

/// The severities of types and reasons.
#[derive(Debug, Clone)]
pub(super) struct Severities {
    own: BTreeMap<String, String>,
    all: BTreeMap<String, String>,
}

impl Severities {
    /// The first severity that one of `names` has, else `info`.
    pub(super) fn of(&self, names: &[&str]) -> &str {
        names
            .iter()
            .find_map(|name| self.all.get(*name))
            .map_or("info", String::as_str)
    }

    /// The severity of an Event: that of its reason where the options name it, else that of its type.
    pub(super) fn of_event(&self, kind: &str, reason: &str) -> &str {
        match self.own.get(reason) {
            Some(severity) => severity,
            None => self.of(&[kind, reason]),
        }
    }
}

impl Config {
    /// Checks the options against their ranges and one another.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let ranges = [
            ("pollIntervalMs", self.poll_interval_ms),
            ("timeoutMs", self.timeout_ms),
        ];
        let wrong = ranges
            .into_iter()
            .filter(|(_, value)| !(1000..=300_000).contains(value));
        let ranges =
            wrong.map(|(key, value)| fault(&[key], &format!("is {value}, must be 1000 to 300000")));
        let known = ["info", "warning", "critical"];
        let severities = self
            .severity_map
            .iter()
            .filter(|(_, severity)| !known.contains(&severity.as_str()));
        let severities = severities.map(|(name, severity)| {
            fault(
                &["severityMap", name],
                &format!("is `{severity}`, must be `info`, `warning` or `critical`"),
            )
        });
        let is_name = |text: &str| {
            text.len() <= 63
                && text
                    .bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let namespace = (!is_name(&self.namespace)).then(|| {
            fault(
                &["namespace"],
                &format!("`{}` is not the name of a namespace", self.namespace),
            )
        });
        let nothing = self.pod_logs.is_empty()
            && !(self.watch_events
                || self.watch_pods
                || self.watch_nodes
                || self.watch_deployments);
        let nothing = nothing.then(|| {
            fault(
                &["watchEvents"],
                "nothing is watched: switch one of the watches on",
            )
        });
        let all = ranges
            .chain(severities)
            .chain(namespace)
            .chain(nothing)
            .chain(self.logs())
            .chain(self.access());
        BuildError::join(all).map_or(Ok(()), Err)
    }

    fn logs(&self) -> impl Iterator<Item = BuildError> {
        let streams = (!(1..=1000).contains(&self.max_log_streams)).then(|| {
            let message = format!("is {}, must be 1 to 1000", self.max_log_streams);
            fault(&["maxLogStreams"], &message)
        });
        let all = self.pod_logs.iter().enumerate();
        let empty = all
            .filter(|(_, logs)| logs.selector.trim().is_empty())
            .map(|(index, _)| {
                let key = KeyPath::of(["podLogs"])
                    .with_index(index)
                    .with_key("selector");
                BuildError::option(key, "is missing: name labels, for example `app=web`")
            });
        streams.into_iter().chain(empty)
    }

    fn access(&self) -> impl Iterator<Item = BuildError> {
        let has_url = !self.api_url.is_empty();
        let is_secure = self.api_url.starts_with("https://");
        let host = self.api_url.strip_prefix("http://").unwrap_or_default();
        let is_loopback = ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
            host.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
        let address = (has_url && !is_secure && !is_loopback).then(|| {
            let message = format!(
                "`{}` is not `https://…`: the token would be seen by everybody on the way",
                self.api_url
            );
            fault(&["apiUrl"], &message)
        });
        let both = (has_url && !self.kubeconfig.is_empty()).then(|| {
            fault(
                &["kubeconfig"],
                "cannot be used together with `apiUrl`: leave one of them out",
            )
        });
        let context = (!self.context.is_empty() && self.kubeconfig.is_empty())
            .then(|| fault(&["context"], "has no meaning without `kubeconfig`"));
        let lonely = [
            ("token", !self.token.is_empty()),
            ("tokenPath", !self.token_path.is_empty()),
            ("caPath", !self.ca_path.is_empty()),
        ];
        let is_elsewhere = !self.kubeconfig.is_empty();
        let lonely = lonely
            .into_iter()
            .filter(move |(_, is_set)| *is_set && is_elsewhere)
            .map(|(key, _)| {
                fault(
                    &[key],
                    "has no meaning with `kubeconfig`, which has its own",
                )
            });
        address.into_iter().chain(both).chain(context).chain(lonely)
    }

    pub(super) fn severities(&self) -> Severities {
        let own = |(name, severity): &(&str, &str)| ((*name).to_owned(), (*severity).to_owned());
        let mut all: BTreeMap<_, _> = SEVERITIES.iter().map(own).collect();
        all.extend(self.severity_map.clone());
        Severities {
            own: self.severity_map.clone(),
            all,
        }
    }

    pub(super) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

fn fault(key: &[&str], message: &str) -> BuildError {
    BuildError::option(KeyPath::of(key.iter().copied()), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named() {
        for (yaml, expected) in [
            (
                "{maxLogStreams: 0}",
                "maxLogStreams: is 0, must be 1 to 1000",
            ),
            (
                "{podLogs: [{containers: [a]}]}",
                "podLogs[0].selector: is missing: name labels",
            ),
            ("{timeoutMs: 1}", "timeoutMs: is 1, must be 1000 to 300000"),
            (
                "{severityMap: {X: bad}}",
                "severityMap.X: is `bad`, must be `info`, `warning` or `critical`",
            ),
            (
                "{namespace: 'a/b'}",
                "namespace: `a/b` is not the name of a namespace",
            ),
            (
                "{apiUrl: 'http://10.0.0.1:6443'}",
                "apiUrl: `http://10.0.0.1:6443` is not `https://",
            ),
            (
                "{apiUrl: 'http://localhost.evil.org'}",
                "apiUrl: `http://localhost.evil.org` is not",
            ),
            (
                "{apiUrl: 'https://a', kubeconfig: /x}",
                "kubeconfig: cannot be used together with `apiUrl`",
            ),
            (
                "{context: x}",
                "context: has no meaning without `kubeconfig`",
            ),
            (
                "{kubeconfig: /x, token: t}",
                "token: has no meaning with `kubeconfig`",
            ),
            (
                "{watchEvents: false, watchPods: false, watchDeployments: false}",
                "watchEvents: nothing is watched",
            ),
        ] {
            let config: Config = serde_saphyr::from_str(yaml).unwrap();
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{yaml}: {message}");
        }
    }

    #[test]
    fn the_keys_of_the_first_version_still_work() {
        let yaml = "{pollIntervalMs: 10000, source: kubernetes, apiUrl: 'https://a', token: '', tokenPath: /t, caPath: /c, \
                    namespace: '', watchEvents: true, watchPods: true, watchNodes: true, severityMap: {Warning: critical}, timeoutMs: 10000}";
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        config.check().unwrap();
        let severities = config.severities();
        assert_eq!(severities.of(&["Warning", "OOMKilled"]), "critical");
        assert_eq!(
            (
                severities.of(&["None", "OOMKilled"]),
                severities.of(&["None"])
            ),
            ("critical", "info")
        );
    }
}
