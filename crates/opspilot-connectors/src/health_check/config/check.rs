//! Turns options into what probes work with.

mod endpoint;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use opspilot_core::config::{KeyPath, Secret};
use opspilot_core::incident::Severity;
use opspilot_core::module::BuildError;
use regex::Regex;
use reqwest::header::HeaderMap;

use super::{ClientCertificate, Config, ExpectedJson, Method, Statuses};
use crate::health_check::target::Target;

/// An endpoint whose options are right.
#[derive(Debug, Clone)]
pub(in crate::health_check) struct CheckedEndpoint {
    pub(in crate::health_check) id: Arc<str>,
    pub(in crate::health_check) name: String,
    /// The URL as it is shown.
    pub(in crate::health_check) url: String,
    pub(in crate::health_check) target: Target,
    pub(in crate::health_check) method: Method,
    pub(in crate::health_check) headers: HeaderMap,
    pub(in crate::health_check) body: Option<Secret>,
    pub(in crate::health_check) statuses: Statuses,
    pub(in crate::health_check) contains: Option<String>,
    pub(in crate::health_check) matches: Option<Regex>,
    pub(in crate::health_check) json: Vec<ExpectedJson>,
    pub(in crate::health_check) answers: Vec<IpAddr>,
    pub(in crate::health_check) records: Vec<String>,
    pub(in crate::health_check) severity: Severity,
    pub(in crate::health_check) failures: u32,
    pub(in crate::health_check) successes: u32,
    pub(in crate::health_check) interval: Duration,
    pub(in crate::health_check) timeout: Duration,
    pub(in crate::health_check) retries: u32,
    pub(in crate::health_check) retry_delay: Duration,
    pub(in crate::health_check) max_redirects: usize,
    pub(in crate::health_check) degraded_above_ms: Option<u64>,
    pub(in crate::health_check) warning_days: u32,
    pub(in crate::health_check) ca_file: Option<std::path::PathBuf>,
    pub(in crate::health_check) client_certificate: Option<ClientCertificate>,
}

/// Collects faults, each with the path of its option.
#[derive(Debug, Default)]
struct Faults(Vec<BuildError>);

impl Faults {
    fn add(&mut self, path: KeyPath, message: impl Into<String>) {
        self.0.push(BuildError::option(path, message));
    }

    fn within(&mut self, path: KeyPath, value: u64, (least, most): (u64, u64)) {
        if !(least..=most).contains(&value) {
            self.add(path, format!("must be {least} to {most}"));
        }
    }

    fn keep<T>(&mut self, path: KeyPath, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|message| self.add(path, message)).ok()
    }
}

const DAY: u64 = 86_400_000;
const INTERVAL: (u64, u64) = (5000, DAY);
const TIMEOUT: (u64, u64) = (1000, 600_000);
const ENDPOINTS: usize = 1000;

impl Config {
    /// Checks all options.
    pub(in crate::health_check) fn check(
        &self,
    ) -> Result<(Vec<CheckedEndpoint>, Vec<IpNet>), BuildError> {
        let mut faults = Faults::default();
        self.check_figures(&mut faults);
        let mut networks = Vec::new();
        for (index, text) in self.allowed_networks.iter().enumerate() {
            let path = KeyPath::of(["allowedNetworks"]).with_index(index);
            networks.extend(faults.keep(path, network(text)));
        }
        if self.endpoints.len() > ENDPOINTS {
            let message = format!("at most {ENDPOINTS} endpoints can be probed");
            faults.add(KeyPath::of(["endpoints"]), message);
        }
        let (mut endpoints, mut ids) = (Vec::new(), HashSet::new());
        for (index, endpoint) in self.endpoints.iter().take(ENDPOINTS).enumerate() {
            let path = KeyPath::of(["endpoints"]).with_index(index);
            if !ids.insert(endpoint.id.as_str()) {
                let message = format!(
                    "`{}` is the id of two endpoints: give each its own",
                    endpoint.id
                );
                faults.add(path.with_key("id"), message);
            }
            endpoints.extend(endpoint.check(self, &path, &mut faults));
        }
        BuildError::join(faults.0).map_or(Ok((endpoints, networks)), Err)
    }

    fn check_figures(&self, faults: &mut Faults) {
        let key = |keys: &[&str]| KeyPath::of(keys.iter().copied());
        faults.within(key(&["intervalMs"]), self.interval_ms, INTERVAL);
        faults.within(key(&["timeoutMs"]), self.timeout_ms, TIMEOUT);
        faults.within(key(&["jitterPercent"]), self.jitter_percent, (0, 50));
        faults.within(
            key(&["maxConcurrent"]),
            self.max_concurrent as u64,
            (1, 256),
        );
        faults.within(key(&["reminderMs"]), self.reminder_ms, (0, DAY));
        faults.within(
            key(&["flapping", "changes"]),
            self.flapping.changes as u64,
            (0, 100),
        );
        faults.within(
            key(&["flapping", "windowMs"]),
            self.flapping.window_ms,
            (1000, DAY),
        );
        faults.within(
            key(&["breaker", "failures"]),
            self.breaker.failures.into(),
            (0, 1000),
        );
        faults.within(
            key(&["breaker", "resetMs"]),
            self.breaker.reset_ms,
            (1000, DAY),
        );
        if self.source.is_empty() {
            faults.add(key(&["source"]), "is empty: give the lines a name");
        }
    }
}

/// A network, or an address as a network of its own.
fn network(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().ok();
    net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .ok_or_else(|| format!("`{text}` is not a network: write `169.254.0.0/16`"))
}
