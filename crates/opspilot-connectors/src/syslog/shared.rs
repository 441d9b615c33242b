//! What all listeners and connections of the module share.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::bus::ModuleBus;
use opspilot_core::clock::Clock;
use opspilot_core::module::{Context, HealthStatus, RunError};
use opspilot_core::signal::{BufferPool, LogBatch, LogSource};
use opspilot_net::peers::{Budgets, Connections, affordable};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::config::{Config, Protocol};
use super::header::Grammar;
use super::meters::{Meters, Reason};
use super::positions::Positions;
use crate::listen::troubles::Troubles;

/// How long what was read may take to be handed over when the module stops.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// How long the last look at a socket waits for something to be there.
pub(super) const LAST_LOOK: Duration = Duration::from_millis(20);

/// How many connections read at once. Each holds up to one chunk until detectors have room for it.
const TURNS: usize = 32;

/// How many idle buffers are kept.
const BUFFERS: usize = 16;

/// The module's means.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) module: &'static str,
    pub(super) cancel: CancellationToken,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) meters: Meters,
    pub(super) troubles: Troubles,
    pub(super) positions: Positions,
    pub(super) connections: Connections,
    pub(super) budgets: Option<Budgets>,
    pub(super) turns: Semaphore,
    pub(super) pool: BufferPool,
    pub(super) grammar: Grammar,
    pub(super) longest: usize,
    pub(super) message_timeout: Duration,
    bus: ModuleBus,
    name: Arc<str>,
    health: opspilot_core::module::HealthReporter,
}

impl Shared {
    /// Gathers what is needed, and reserves positions.
    pub(super) async fn open(cx: &Context, config: &Config) -> Result<Self, RunError> {
        let most = affordable(config.max_connections);
        if most < config.max_connections {
            tracing::info!(
                module = cx.id,
                most,
                wanted = config.max_connections,
                "the limit of open files (`ulimit -n`) allows fewer connections"
            );
        }
        Ok(Self {
            module: cx.id,
            cancel: cx.cancel.clone(),
            clock: Arc::clone(&cx.clock),
            meters: Meters::new(cx),
            troubles: Troubles::of(cx),
            positions: Positions::open(cx).await?,
            connections: Connections::new(most, config.max_connections_per_peer),
            budgets: Budgets::new(config.max_messages_per_second_per_peer),
            turns: Semaphore::new(TURNS),
            pool: BufferPool::new(BUFFERS),
            grammar: config.parse_rfc.into(),
            longest: config.max_message_size,
            message_timeout: config.message_timeout(),
            bus: cx.bus.clone(),
            name: config.source.as_str().into(),
            health: cx.health.clone(),
        })
    }

    /// The source of messages that arrive by `protocol` in `stream`.
    pub(super) fn source(&self, protocol: Protocol, stream: &Arc<str>) -> LogSource {
        let attributes = [("collector", self.module), ("protocol", protocol.name())];
        LogSource {
            module: self.module.into(),
            name: Arc::clone(&self.name),
            stream: Arc::clone(stream),
            attributes: attributes
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
        }
    }

    /// Makes sure that positions up to `end` are reserved, and tries again until they are.
    pub(super) async fn reserve(&self, end: u64) {
        let mut is_troubled = false;
        while let Err(error) = self.positions.reserve(end).await {
            is_troubled = true;
            let message = format!("cannot reserve positions: {error}");
            self.health
                .raise("positions", HealthStatus::Degraded, message);
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        if is_troubled {
            self.health.clear("positions");
        }
    }

    /// Hands a batch over and waits until there is room for it; while the module stops, for a bounded time.
    pub(super) async fn send(&self, batch: LogBatch, is_stopping: bool) {
        let count = batch.len() as u64;
        let mut sending = std::pin::pin!(self.bus.send_logs(batch));
        if !is_stopping {
            tokio::select! {
                biased;
                () = &mut sending => return,
                () = self.cancel.cancelled() => {}
            }
        }
        if timeout(STOP_PATIENCE, sending).await.is_err() {
            self.meters.dropped(Reason::Stopped, count);
        }
    }
}
