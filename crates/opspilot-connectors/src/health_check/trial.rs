//! Tries every endpoint once: for `check --online`.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use ipnet::IpNet;
use opspilot_core::module::{Trial, TrialContext};

use super::CheckedEndpoint;
use super::config::Method;
use super::probe::{Network, Outcome, once};
use super::target::{self, Place, Target};

/// The most probes under way at once.
const AT_ONCE: usize = 256;

/// How one endpoint was.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    /// Its id and its URL, without what follows a `?`.
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

/// What `check --online` does with an endpoint whose probe might change something: a connection, with a handshake where
/// the probe has one, in place of a POST.
pub(super) fn harmless(endpoint: &CheckedEndpoint) -> Option<CheckedEndpoint> {
    let Target::Http(url) = &endpoint.target else {
        return None;
    };
    let place = Place {
        host: target::host(url),
        port: url.port_or_known_default()?,
    };
    let is_encrypted = endpoint.target.has_certificate();
    (endpoint.method == Method::Post).then(|| CheckedEndpoint {
        target: if is_encrypted {
            Target::Tls(place)
        } else {
            Target::Tcp(place)
        },
        ..endpoint.clone()
    })
}

/// Tries every endpoint once, without retries and without a POST, and gives the outcomes in their order. For somebody who
/// asks over the network no more addresses are reached than without any options, and nothing of an answer is told.
///
/// # Cancel safety
/// Dropping the future ends all probes.
pub(super) async fn try_harmlessly(
    endpoints: &[Arc<CheckedEndpoint>],
    networks: &[IpNet],
    cx: &TrialContext,
) -> Vec<Trial> {
    let changed: Vec<_> = endpoints
        .iter()
        .map(|endpoint| harmless(endpoint))
        .collect();
    let own = endpoints.iter().zip(&changed);
    let own: Vec<_> = own
        .map(|(endpoint, changed)| {
            changed
                .clone()
                .map_or_else(|| Arc::clone(endpoint), Arc::new)
        })
        .collect();
    let networks = if cx.is_remote { &[] } else { networks };
    let tried = try_all(&own, networks, cx).await;
    let noted = tried.into_iter().zip(changed).map(|(mut tried, changed)| {
        if changed.is_some()
            && let Ok(note) = &mut tried.outcome.result
        {
            let unsent = "a connection was made; the POST itself is not sent by a check";
            let told = note.take().map(|note| format!("{note}; {unsent}"));
            *note = Some(told.unwrap_or_else(|| unsent.to_owned()));
        }
        tried.told(cx.is_remote)
    });
    noted.collect()
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

impl Tried {
    fn told(self, is_remote: bool) -> Trial {
        let found = self.outcome.result.map_err(|failure| {
            if is_remote {
                failure.discreet().to_owned()
            } else {
                failure.to_string()
            }
        });
        Trial::of(self.name, found)
    }
}
