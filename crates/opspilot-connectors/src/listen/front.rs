//! What stands before a module that is sent to over HTTP: encryption, and bounds for each sender. Whoever is turned away
//! is told so, counted, and named in the log and the health once in a while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::config::KeyPath;
use opspilot_core::error::chain;
use opspilot_core::metrics::{MetricSpec, ModuleMetrics};
use opspilot_core::module::{BuildError, Context, Found, RunError, TrialContext};
use opspilot_net::peers::{Budgets, affordable};
use opspilot_net::tls::{RenewingTls, TlsFiles};
use opspilot_net::{Limits, Listener, Peer, Protocol, ServerMetrics, Unserved, bind};
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use super::renewal;
use super::troubles::Troubles;

/// How often health and certificates are renewed.
const TICK: Duration = Duration::from_secs(1);

/// After how many seconds a sender that sends too fast should send again: by then it may send some more.
pub(crate) const RETRY: u32 = 1;

/// The options `maxConnections`, `maxConnectionsPerPeer` and `maxRequestsPerSecondPerPeer`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    pub(crate) per_peer: usize,
    pub(crate) per_second: u32,
}

/// What stands before a module; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(crate) struct Front(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tls: Vec<(Protocol, Arc<RenewingTls>)>,
    budgets: Option<Budgets>,
    bounds: Bounds,
    troubles: Troubles,
    refusals: Refusals,
}

#[derive(Debug, Clone)]
struct Refusals {
    metrics: ModuleMetrics,
    spec: &'static MetricSpec,
}

impl Bounds {
    /// Names what is out of range.
    pub(crate) fn faults(&self) -> impl Iterator<Item = BuildError> + use<> {
        let rows = [
            ("maxConnections", self.connections),
            ("maxConnectionsPerPeer", self.per_peer),
        ];
        let wrong = rows
            .into_iter()
            .filter(|(_, value)| !(1..=100_000).contains(value));
        wrong.map(|(key, _)| BuildError::option(KeyPath::of([key]), "must be from 1 to 100000"))
    }

    /// The limits of a server that speaks `protocol`.
    pub(crate) fn limits(&self, protocol: Protocol) -> Limits {
        Limits {
            protocol,
            connections: affordable(self.connections),
            per_address: self.per_peer,
            per_loopback: self.per_peer,
            ..Limits::default()
        }
    }
}

impl Front {
    /// Reads certificates, where there are any, for each of `protocols`. Refusals are counted by `refused`, whose only
    /// label is the reason: `connections`, `handshake` or `rate`.
    pub(crate) async fn open(
        cx: &Context,
        (files, protocols): (Option<&TlsFiles>, &[Protocol]),
        bounds: Bounds,
        refused: &'static MetricSpec,
    ) -> Result<Self, RunError> {
        let mut tls = Vec::new();
        if let Some(files) = files {
            for protocol in protocols {
                let opened = renewal::open(cx, files.clone(), protocol.names()).await?;
                tls.push((*protocol, opened));
            }
        }
        Ok(Self(Arc::new(Inner {
            tls,
            budgets: Budgets::new(bounds.per_second),
            bounds,
            troubles: Troubles::of(cx),
            refusals: Refusals {
                metrics: cx.metrics.clone(),
                spec: refused,
            },
        })))
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.0.tls.is_empty() {
            "http"
        } else {
            "https"
        }
    }

    /// A socket with what stands before it.
    pub(crate) fn listener(&self, socket: TcpListener, protocol: Protocol) -> Listener {
        let tls = self.0.tls.iter().find(|(other, _)| *other == protocol);
        let front = self.clone();
        Listener::from(socket)
            .with_tls(tls.map(|(_, tls)| Arc::clone(tls)))
            .with_watch(move |peer, unserved| front.turned_away(peer, unserved))
    }

    /// The limits of a server that speaks `protocol`.
    pub(crate) fn limits(&self, protocol: Protocol) -> Limits {
        self.0.bounds.limits(protocol)
    }

    /// What a server counts, with a gauge of its open connections.
    pub(crate) fn server(&self, open: opspilot_core::metrics::Gauge) -> ServerMetrics {
        ServerMetrics {
            open,
            refused: self.0.refusals.counter("connections"),
        }
    }

    /// True if `peer` may send another request now. If not, that is counted and told.
    pub(crate) fn admit(&self, peer: Option<&Peer>) -> bool {
        let (Some(budgets), Some(Peer(peer))) = (&self.0.budgets, peer) else {
            return true;
        };
        let address = peer.ip().to_canonical();
        let is_admitted = budgets.admit(address);
        if !is_admitted {
            self.0.refusals.counter("rate").inc();
            let most = self.0.bounds.per_second;
            self.0.troubles.note("rate", || {
                format!("{address} sends more than {most} requests a second (`maxRequestsPerSecondPerPeer`); the others are sent back")
            });
        }
        is_admitted
    }

    /// Renews certificates and health, until the module stops.
    pub(crate) async fn look_after(&self, cx: &Context) -> Result<(), RunError> {
        let tls = self.0.tls.iter().map(|(_, tls)| Arc::clone(tls));
        let renewing: Vec<_> = tls.collect();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            self.0.troubles.settle();
            renewal::renew(cx, &renewing).await?;
        }
    }

    fn turned_away(&self, peer: SocketAddr, unserved: &Unserved) {
        let troubles = &self.0.troubles;
        if let Unserved::Handshake(reason) = unserved {
            self.0.refusals.counter("handshake").inc();
            troubles.note("handshake", || format!("no TLS with {peer}: {reason}"));
        } else {
            // The server counts them itself.
            troubles.note("connections", || {
                format!("a connection from {peer} was refused: {unserved} (`maxConnections`, `maxConnectionsPerPeer`)")
            });
        }
    }
}

impl Refusals {
    fn counter(&self, reason: &str) -> opspilot_core::metrics::Counter {
        self.metrics.counter(self.spec, &[("reason", reason)])
    }
}

/// Reads certificates and listens at `address` once: for `check --online`. `section` is where the options are, and `key`
/// the one of the port.
pub(crate) async fn try_address(
    cx: &TrialContext,
    (address, files): (SocketAddr, Option<&TlsFiles>),
    (section, key): (&str, &str),
) -> Found {
    if let Some(files) = files.cloned() {
        let read = cx.tasks.blocking(move || files.server_config(&[])).await;
        let read = read.map_err(|error| chain(&error))?;
        read.map_err(|error| chain(&error))?;
    }
    let Err(error) = bind(address, section) else {
        return Ok(None);
    };
    let told = chain(&error).replace(&format!("`{section}.port`"), &format!("`{section}.{key}`"));
    cx.unless_own(&error, told)
}
