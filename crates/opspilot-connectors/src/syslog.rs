//! `connector.syslog`: messages over UDP, TCP and TLS.
//!
//! The text of a record is the message part only; what its header says is worked out when a rule matched (`facts`). A
//! batch is what one look at a socket found, up to 256 KiB, and its records are ranges of that buffer.
//!
//! What each part does: `framing` finds messages in a stream and `header` the text in a message, both without
//! allocating; `batch` makes batches; `connection` reads one TCP or TLS peer, `datagrams` a UDP socket with the help of
//! `drops`; `positions` names streams; `accept` takes connections.
//!
//! TCP and TLS wait where detectors are slow: nothing is read, and the sender's buffer fills. UDP cannot wait: what the
//! kernel has no room for is dropped, and counted. Neither has acknowledgements, so what the kernel of either side holds
//! at a crash is lost, and nobody can count that.

mod accept;
mod batch;
mod config;
mod connection;
mod datagrams;
mod drops;
pub mod facts;
pub mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub mod header;
mod meters;
mod offer;
mod positions;
mod shared;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::module::{
    BuildError, Category, Context, Manifest, Module, Offer, RunError, Trial, TrialContext,
};
use tokio::time::MissedTickBehavior;

pub use config::{Config, Listener, ParseRfc, Protocol};

use accept::Acceptor;
use config::Endpoint;
use datagrams::Datagrams;
use meters::Meters;
use shared::Shared;

/// How often health and figures are renewed.
const TICK: Duration = Duration::from_secs(1);

/// Receives syslog messages.
#[derive(Debug)]
pub struct Syslog {
    config: Config,
    endpoints: Vec<Endpoint>,
    open: Option<Open>,
}

/// What `init` opened.
#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    datagrams: Vec<Datagrams>,
    acceptors: Vec<Acceptor>,
}

#[async_trait]
impl Module for Syslog {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        enabled_by_default: false,
        metrics: meters::METRICS,
        ..Manifest::new(
            "connector.syslog",
            Category::Connector,
            "Receives syslog messages over UDP, TCP and TLS.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let endpoints = config.check()?;
        Ok(Self {
            config,
            endpoints,
            open: None,
        })
    }

    fn offers() -> Vec<Offer> {
        offer::offers()
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        trial::try_all(&self.endpoints, &self.config, cx).await
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let shared = Arc::new(Shared::open(cx, &self.config).await?);
        let mut open = Open {
            shared: Arc::clone(&shared),
            datagrams: Vec::new(),
            acceptors: Vec::new(),
        };
        let mut addresses = Vec::new();
        for endpoint in &self.endpoints {
            let name = endpoint.protocol.name();
            let bound = open.add(cx, endpoint, &self.config).await?;
            addresses.push(format!("{name}://{bound}"));
        }
        tracing::info!(module = cx.id, listeners = ?addresses, "listening for syslog messages");
        cx.health.detail("listeners", addresses);
        self.open = Some(open);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let Some(open) = self.open.take() else {
            return Err(RunError::message("the listeners were not opened"));
        };
        for datagrams in open.datagrams {
            cx.tasks.spawn("datagrams", datagrams.run());
        }
        let mut renewing = Vec::new();
        for acceptor in open.acceptors {
            renewing.extend(acceptor.tls());
            cx.tasks.spawn("accept", acceptor.run(cx.tasks.clone()));
        }
        let shared = open.shared;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            shared.troubles.settle();
            shared.meters.report(cx, shared.connections.len());
            match shared.meters.take_not_stored() {
                0 => {}
                lost => Meters::warn_of_loss(cx, lost),
            }
            crate::listen::renewal::renew(cx, &renewing).await?;
        }
    }
}

impl Open {
    /// Listens as `endpoint` says, and tells the address.
    async fn add(
        &mut self,
        cx: &Context,
        endpoint: &Endpoint,
        config: &Config,
    ) -> Result<std::net::SocketAddr, RunError> {
        let shared = Arc::clone(&self.shared);
        if endpoint.protocol == Protocol::Udp {
            let bound = crate::listen::bind::udp(endpoint.address, config.receive_buffer_bytes);
            let (socket, room) =
                bound.map_err(|error| RunError::new("cannot receive datagrams", error))?;
            let address = socket.local_addr().unwrap_or(endpoint.address);
            if room < config.receive_buffer_bytes {
                tracing::info!(
                    module = cx.id,
                    room,
                    wanted = config.receive_buffer_bytes,
                    "the system limits the receive buffer (net.core.rmem_max)"
                );
            }
            self.datagrams.push(Datagrams::new(shared, socket, room));
            return Ok(address);
        }
        let acceptor = Acceptor::open(cx, shared, endpoint).await?;
        let address = acceptor.address();
        self.acceptors.push(acceptor);
        Ok(address)
    }
}

#[cfg(test)]
mod tests;
