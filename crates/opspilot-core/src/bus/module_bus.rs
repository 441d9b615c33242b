//! The bus as one module sees it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::consumer::Consumer;
use super::hub::LogReceiver;
use super::lanes::Lanes;
use super::metrics::QUEUE_DEPTH;
use super::publication::Publication;
use super::stage::{Stage, StageOrder};
use super::submission::Submission;
use super::{Bus, PublishError};
use crate::event::Event;
use crate::health::HealthReporter;
use crate::signal::LogBatch;
use crate::storage::StorageError;

/// The bus as one module may use it: it publishes and consumes what its manifest declares.
#[derive(Debug, Clone)]
pub struct ModuleBus {
    bus: Bus,
    rights: Rights,
    name: Arc<str>,
    health: HealthReporter,
}

/// What a module declares of its events.
#[derive(Debug, Clone, Copy)]
pub struct Rights {
    /// The module's id.
    pub module: &'static str,
    /// The wire types that it reads.
    pub consumes: &'static [&'static str],
    /// The wire types that it publishes.
    pub emits: &'static [&'static str],
}

impl ModuleBus {
    pub(super) fn new(bus: Bus, rights: Rights, health: HealthReporter) -> Self {
        Self {
            bus,
            rights,
            name: rights.module.into(),
            health,
        }
    }

    /// Publishes one event and returns when it is stored.
    ///
    /// # Errors
    /// When the manifest does not declare the type, the event could not be stored, or the bus is closed.
    pub async fn publish<E: Event>(&self, event: E) -> Result<(), PublishError> {
        let (done, stored) = oneshot::channel();
        self.send(Publication::new().event(event), Some(done))
            .await?;
        stored.await.map_err(|_| PublishError::Closed)?
    }

    /// Hands a publication over and returns when the ledger has taken it; its acknowledgement tells of the storing.
    ///
    /// # Errors
    /// When the manifest does not declare a type, or the bus is closed. The acknowledgement is failed then.
    pub async fn submit(&self, publication: Publication) -> Result<(), PublishError> {
        self.send(publication, None).await
    }

    /// Forgets what was published from `stream`, which is at its end and will not be read again.
    ///
    /// # Errors
    /// When the bus is closed.
    pub async fn forget_stream(&self, stream: &Arc<str>) -> Result<(), PublishError> {
        let submission = Submission {
            source: Arc::clone(&self.name),
            publication: Publication::new(),
            work: None,
            forget: Some(Arc::clone(stream)),
            done: None,
            room: None,
        };
        self.bus.submit(submission).await
    }

    /// Up to which position of `stream` this module has published. What lies before it was looked at in an earlier
    /// life: a module that adds up what it finds must not add that again.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn published_until(&self, stream: &str) -> Result<u64, StorageError> {
        Lanes::stored(&self.bus.0.lanes, &self.name, stream).await
    }

    /// Hands a batch to every subscriber of logs; waits while one of their queues is full.
    pub async fn send_logs(&self, batch: LogBatch) {
        self.bus.0.streams.saw(&batch);
        self.bus.0.hub.send(batch).await;
    }

    /// Subscribes to log batches. Do so in `init`, so that no batch is missed.
    #[must_use]
    pub fn logs(&self) -> LogReceiver {
        let depth = self
            .bus
            .0
            .registry
            .gauge(&QUEUE_DEPTH, &[("module", self.rights.module)]);
        self.bus.0.hub.subscribe(depth)
    }

    /// Adds a stage for events of type `E`. Do so in `init`, so that no event passes before.
    ///
    /// # Errors
    /// When the manifest does not declare that the module consumes `E`.
    pub async fn stage<E: Event>(
        &self,
        order: StageOrder,
        stage: impl Stage<E>,
    ) -> Result<(), PublishError> {
        self.check("consumes", self.rights.consumes, E::TYPE)?;
        self.bus
            .0
            .stages
            .lock()
            .await
            .add(self.rights.module, order, stage);
        Ok(())
    }

    /// Attaches the durable consumer `<module>/<part>`, or `<module>` for an empty part, to events of `kinds`. A new
    /// one starts at the end of the journal.
    ///
    /// # Errors
    /// When the storage cannot be read or written.
    pub async fn consumer(
        &self,
        part: &str,
        kinds: &[&'static str],
    ) -> Result<Consumer, StorageError> {
        let name = match part {
            "" => self.rights.module.to_owned(),
            part => format!("{}/{part}", self.rights.module),
        };
        Consumer::attach(
            Arc::clone(&self.bus.0),
            name,
            kinds.to_vec(),
            self.health.clone(),
        )
        .await
    }

    async fn send(
        &self,
        mut publication: Publication,
        done: Option<oneshot::Sender<Result<(), PublishError>>>,
    ) -> Result<(), PublishError> {
        for draft in &mut publication.drafts {
            draft.source = Arc::clone(&self.name);
            if let Err(error) = self.check("emits", self.rights.emits, draft.event.kind()) {
                publication.ack.iter().for_each(crate::signal::Ack::fail);
                return Err(error);
            }
        }
        let source = Arc::clone(&self.name);
        self.bus
            .submit(Submission {
                source,
                publication,
                work: None,
                forget: None,
                done,
                room: None,
            })
            .await
    }

    fn check(
        &self,
        verb: &'static str,
        declared: &[&'static str],
        event: &'static str,
    ) -> Result<(), PublishError> {
        if declared.contains(&event) {
            return Ok(());
        }
        Err(PublishError::Undeclared {
            module: self.rights.module,
            verb,
            event,
        })
    }
}
