//! One probe of one endpoint.

mod dns;
mod grpc;
mod http;
mod records;
mod socket;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ipnet::IpNet;
use opspilot_core::clock::{Clock, Timestamp};
use opspilot_core::module::Tasks;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::config::CheckedEndpoint;
use super::failure::{Failure, date};
use super::reach::Reach;
use super::target::Target;
use super::tls::Trust;

/// What a probe found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status of an HTTP answer.
    pub(super) status: Option<u16>,
    /// When the certificate ends that does so first.
    pub(super) certificate_end: Option<Timestamp>,
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) response_ms: u64,
    /// In how many days the certificate ends.
    pub(super) certificate_days: Option<i64>,
    pub(super) status: Option<u16>,
    /// Whether the endpoint is up, and what is not well with it although it is.
    pub(super) result: Result<Option<String>, Failure>,
}

/// Probes endpoints. Dropping the future ends the probe.
#[async_trait]
pub(super) trait Prober: Send + Sync + fmt::Debug {
    async fn probe(&self, endpoint: &CheckedEndpoint) -> Result<Answer, Failure>;
}

/// The prober that uses the network.
#[derive(Debug)]
pub(super) struct Network {
    reach: Reach,
    trust: Arc<Trust>,
    tasks: Tasks,
}

impl Network {
    pub(super) fn new(allowed: &[IpNet], tasks: Tasks) -> Self {
        Self {
            reach: Reach::new(allowed),
            trust: Arc::default(),
            tasks,
        }
    }

    /// How to shake hands with `endpoint`, with `protocols` to choose from.
    async fn tls(
        &self,
        endpoint: &CheckedEndpoint,
        protocols: &[&str],
    ) -> Result<ClientConfig, Failure> {
        let (trust, endpoint) = (Arc::clone(&self.trust), endpoint.clone());
        let read = self.tasks.blocking(move || trust.client(&endpoint)).await;
        let mut config = read.map_err(|error| Failure::of(&error))??;
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Ok(config)
    }
}

#[async_trait]
impl Prober for Network {
    async fn probe(&self, endpoint: &CheckedEndpoint) -> Result<Answer, Failure> {
        match &endpoint.target {
            Target::Http(url) => http::probe(self, endpoint, url).await,
            Target::Tcp(place) => socket::tcp(self, place).await,
            Target::Tls(place) => socket::tls(self, endpoint, place).await,
            Target::Dns { name, family } => dns::probe(endpoint, name, *family).await,
            Target::Records {
                name,
                record,
                server,
            } => records::probe(self, endpoint, name, (*record, *server)).await,
            Target::Grpc { url, service } => grpc::probe(self, endpoint, url, service).await,
        }
    }
}

/// Probes `endpoint` once, within its time.
pub(super) async fn once(
    prober: &dyn Prober,
    endpoint: &CheckedEndpoint,
    clock: &dyn Clock,
) -> Outcome {
    let start = Instant::now();
    let found = tokio::time::timeout(endpoint.timeout, prober.probe(endpoint)).await;
    let found = found.unwrap_or_else(|_| Err(Failure::timeout(endpoint.timeout)));
    judge(endpoint, found, start.elapsed(), clock.now())
}

/// Says how a probe ended that found `found` within `elapsed`.
fn judge(
    endpoint: &CheckedEndpoint,
    found: Result<Answer, Failure>,
    elapsed: Duration,
    now: Timestamp,
) -> Outcome {
    let response_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let (answer, result) = match found {
        Ok(answer) => (answer, Ok(())),
        Err(failure) => {
            let status = failure.status;
            let answer = Answer {
                status,
                certificate_end: None,
            };
            (answer, Err(failure))
        }
    };
    let days = answer
        .certificate_end
        .map(|end| (end.as_millis() - now.as_millis()).div_euclid(86_400_000));
    let mut warnings = Vec::new();
    if let Some(limit) = endpoint
        .degraded_above_ms
        .filter(|limit| response_ms > *limit)
    {
        warnings.push(format!(
            "answered in {response_ms} ms, more than {limit} ms"
        ));
    }
    if let Some((days, end)) = days.zip(answer.certificate_end)
        && days < i64::from(endpoint.warning_days)
    {
        warnings.push(format!("certificate ends on {}, in {days} days", date(end)));
    }
    Outcome {
        response_ms,
        certificate_days: days,
        status: answer.status,
        result: result.map(|()| (!warnings.is_empty()).then(|| warnings.join("; "))),
    }
}
