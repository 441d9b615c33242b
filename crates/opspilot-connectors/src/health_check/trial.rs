//! Tries every endpoint once: for `check --online`.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use opspilot_core::clock::Clock;
use opspilot_core::module::{BuildError, Module as _, Tasks};
use serde::Serialize;

use super::config::Config;
use super::probe::{Network, Outcome, once};
use super::{CheckedEndpoint, HealthCheck};

/// How one endpoint was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// The endpoint's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its URL, without what follows a `?`.
    pub url: String,
    /// True if it is up.
    pub is_up: bool,
    /// How long it took to answer or to fail in milliseconds.
    pub response_ms: u64,
    /// The status of the HTTP answer, if there was one.
    pub status_code: Option<u16>,
    /// In how many days the certificate ends.
    pub certificate_days: Option<i64>,
    /// Why it is not up, or what is not well with it although it is.
    pub message: Option<String>,
}

/// Tries every endpoint of `config` once, without retries, and gives the results in the order of the configuration.
///
/// # Errors
/// When an option is wrong; nothing is tried then.
///
/// # Cancel safety
/// Dropping the future ends all probes.
pub async fn try_all(config: &Config, clock: Arc<dyn Clock>) -> Result<Vec<Trial>, BuildError> {
    let (endpoints, networks) = config.check()?;
    let network = Network::new(&networks, Tasks::of(HealthCheck::MANIFEST.id));
    let (network, clock) = (&network, &*clock);
    let trials = endpoints.into_iter().map(|endpoint| {
        Box::pin(async move {
            let outcome = once(network, &endpoint, clock).await;
            trial(&endpoint, outcome)
        })
    });
    Ok(stream::iter(trials)
        .buffered(config.max_concurrent)
        .collect()
        .await)
}

fn trial(endpoint: &CheckedEndpoint, outcome: Outcome) -> Trial {
    Trial {
        id: endpoint.id.to_string(),
        name: endpoint.name.clone(),
        url: endpoint.url.clone(),
        is_up: outcome.result.is_ok(),
        response_ms: outcome.response_ms,
        status_code: outcome.status,
        certificate_days: outcome.certificate_days,
        message: outcome
            .result
            .unwrap_or_else(|failure| Some(failure.to_string())),
    }
}
