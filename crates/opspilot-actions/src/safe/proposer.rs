//! From a matching rule to a proposal, and back when the incident is over first.

mod waiting;

use std::time::Duration;

use opspilot_core::bus::DeliveryError;
use opspilot_core::event::{
    ActionApproved, ActionDenied, ActionExecuted, ActionResult, ActionWithdrawn, Envelope, Event,
    IncidentCreated, IncidentUpdated,
};
use opspilot_core::incident::{Incident, Status};
use opspilot_core::metrics::{Counter, MetricSpec};
use opspilot_core::module::Context;
use opspilot_core::safety::gate::GateError;
use opspilot_core::storage::StorageError;

use self::waiting::unavailable;
use super::pending::{Book, Pending, Stage};
use super::rules::Rules;

pub(super) const PROPOSALS: MetricSpec = MetricSpec::counter(
    "opspilot_safe_proposals_total",
    &["outcome"],
    "Rules that matched an incident, by what became of them: proposed, obsolete (the incident was over first) or failed.",
);

/// The events that it needs.
pub(super) const KINDS: &[&str] = &[
    IncidentCreated::TYPE,
    IncidentUpdated::TYPE,
    ActionApproved::TYPE,
    ActionDenied::TYPE,
    ActionExecuted::TYPE,
    ActionWithdrawn::TYPE,
];

/// How often a proposal is tried whose target does not answer.
const ATTEMPTS: u32 = 10;

/// How long to wait before a proposal is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Proposes what rules ask for.
#[derive(Debug)]
pub(super) struct Proposer {
    pub(super) book: Book,
    cx: Context,
    rules: Rules,
    delay: Duration,
    is_on: bool,
    totals: Totals,
}

#[derive(Debug)]
struct Totals {
    executed: u64,
    failed: u64,
    proposed: Counter,
    obsolete: Counter,
    given_up: Counter,
}

impl Proposer {
    pub(super) fn new(cx: &Context, book: Book, rules: Rules, delay: Option<Duration>) -> Self {
        let counter = |outcome| cx.metrics.counter(&PROPOSALS, &[("outcome", outcome)]);
        let proposer = Self {
            book,
            rules,
            delay: delay.unwrap_or_default(),
            is_on: delay.is_some(),
            totals: Totals {
                executed: 0,
                failed: 0,
                proposed: counter("proposed"),
                obsolete: counter("obsolete"),
                given_up: counter("failed"),
            },
            cx: cx.clone(),
        };
        proposer.report();
        proposer
    }

    /// Handles one event. Handling it again changes nothing.
    ///
    /// # Errors
    /// When the storage does not work.
    pub(super) async fn handle(&mut self, envelope: &Envelope) -> Result<(), DeliveryError> {
        let handled = match envelope.kind() {
            IncidentCreated::TYPE => self.created(&*read(envelope)?).await,
            IncidentUpdated::TYPE => self.updated(&*read(envelope)?).await,
            ActionApproved::TYPE => {
                self.decided(&read::<ActionApproved>(envelope)?.request_id)
                    .await
            }
            ActionDenied::TYPE => {
                self.decided(&read::<ActionDenied>(envelope)?.request_id)
                    .await
            }
            ActionWithdrawn::TYPE => {
                self.decided(&read::<ActionWithdrawn>(envelope)?.request_id)
                    .await
            }
            ActionExecuted::TYPE => self.executed(&*read(envelope)?).await,
            _ => Ok(()),
        };
        self.report();
        handled.map_err(|error| {
            DeliveryError::transient("cannot store what is to be proposed").because(error)
        })
    }

    async fn created(&mut self, event: &IncidentCreated) -> Result<(), StorageError> {
        if !self.is_on {
            return Ok(());
        }
        let now = self.cx.clock.now();
        let incident = Incident::open(event, now);
        for trigger in self
            .rules
            .triggers
            .iter()
            .filter(|trigger| trigger.matches(&incident))
        {
            if self.book.has(&incident.id, &trigger.id).await? {
                continue;
            }
            let row = Pending {
                incident: incident.id.clone(),
                rule: trigger.id.clone(),
                stage: Stage::Waiting,
                at: now.plus(self.delay),
                attempts: 0,
                request: None,
            };
            self.book.save(&row).await?;
        }
        Ok(())
    }

    /// An incident that is over needs no action.
    async fn updated(&mut self, event: &IncidentUpdated) -> Result<(), StorageError> {
        let is_over = event.field == "status"
            && [Status::Resolved, Status::Closed]
                .iter()
                .any(|status| event.new_value == status.as_str());
        if !is_over {
            return Ok(());
        }
        for row in self.book.of_incident(&event.incident_id).await? {
            match row.stage {
                Stage::Waiting => {
                    self.totals.obsolete.inc();
                    self.end(row).await?;
                }
                Stage::Proposed => self.withdraw(row).await?,
                Stage::Over => {}
            }
        }
        Ok(())
    }

    async fn withdraw(&mut self, row: Pending) -> Result<(), StorageError> {
        if let Some(request) = &row.request {
            let reason = Some("the incident is over".to_owned());
            match self.cx.actions.cancel(request, reason).await {
                Ok(_) => self.totals.obsolete.inc(),
                // It was decided meanwhile.
                Err(GateError::Refused(_)) => 0,
                Err(error) => return Err(unavailable("withdrawing a proposal", error)),
            };
        }
        self.end(row).await
    }

    async fn decided(&mut self, request: &str) -> Result<(), StorageError> {
        match self.book.of_request(request).await? {
            Some(row) if row.stage == Stage::Proposed => self.end(row).await,
            _ => Ok(()),
        }
    }

    async fn executed(&mut self, event: &ActionExecuted) -> Result<(), StorageError> {
        if self.book.of_request(&event.request_id).await?.is_some() {
            match event.result {
                ActionResult::Success => self.totals.executed += 1,
                ActionResult::Failure | ActionResult::Unknown => self.totals.failed += 1,
            }
        }
        self.decided(&event.request_id).await
    }

    fn report(&self) {
        let health = &self.cx.health;
        health.detail("activeRules", self.rules.triggers.len());
        health.detail("actionsProposed", self.totals.proposed.get());
        health.detail("actionsExecuted", self.totals.executed);
        health.detail("actionsFailed", self.totals.failed);
        health.detail("pendingApprovals", self.book.open_count());
    }
}

fn read<E: Event>(envelope: &Envelope) -> Result<std::sync::Arc<E>, DeliveryError> {
    envelope
        .payload::<E>()
        .map_err(|error| DeliveryError::permanent("not an event of its type").because(error))
}
