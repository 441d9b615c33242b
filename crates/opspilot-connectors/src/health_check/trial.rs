//! Tries every endpoint once: for `check --online`.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use ipnet::IpNet;
use opspilot_core::module::{Trial, TrialContext};

use super::CheckedEndpoint;
use super::probe::{Network, Outcome, once};

/// The most probes under way at once.
const AT_ONCE: usize = 256;

/// How one endpoint was.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    /// Its id and its URL, without what follows a `?`.
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

/// Tries every endpoint once, without retries, and gives the outcomes in their order.
///
/// # Cancel safety
/// Dropping the future ends all probes.
pub(super) async fn try_all(
    endpoints: &[Arc<CheckedEndpoint>],
    networks: &[IpNet],
    cx: &TrialContext,
) -> Vec<Tried> {
    let network = Network::new(networks, cx.tasks.clone());
    let (network, clock) = (&network, &*cx.clock);
    let mut own = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let mut endpoint = CheckedEndpoint::clone(endpoint);
        endpoint.timeout = endpoint.timeout.min(cx.limit);
        own.push(endpoint);
    }
    let trials = own.into_iter().map(|endpoint| {
        Box::pin(async move {
            let outcome = once(network, &endpoint, clock).await;
            let name = format!("{} ({})", endpoint.id, endpoint.url);
            Tried { name, outcome }
        })
    });
    stream::iter(trials).buffered(AT_ONCE).collect().await
}

impl From<Tried> for Trial {
    fn from(tried: Tried) -> Self {
        let found = tried.outcome.result;
        Self::of(tried.name, found.map_err(|failure| failure.to_string()))
    }
}
