//! Rules that matched and wait for their time, and the proposals that come of them.

use opspilot_core::clock::Timestamp;
use opspilot_core::error::chain;
use opspilot_core::incident::{Incident, IncidentError, IncidentId};
use opspilot_core::safety::gate::{Draft, GateError, Item, ProposalFilter};
use opspilot_core::storage::StorageError;
use serde_json::Value as Json;
use tracing::{info, warn};

use super::{ATTEMPTS, Proposer, TRY_AGAIN};
use crate::safe::pending::{Pending, Stage};
use crate::safe::rules::Trigger;

impl Proposer {
    /// When something is to be proposed next.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(in crate::safe) async fn next_due(&self) -> Result<Option<Timestamp>, StorageError> {
        if !self.is_on {
            return Ok(None);
        }
        Ok(self.book.next().await?.map(|row| row.at))
    }

    /// Proposes everything whose time has come, and forgets what is long over.
    ///
    /// # Errors
    /// When the storage does not work.
    pub(in crate::safe) async fn propose_due(&mut self) -> Result<(), StorageError> {
        let now = self.cx.clock.now();
        while let Some(row) = self.book.next().await?.filter(|row| row.at <= now) {
            self.propose(row).await?;
            if self.cx.cancel.is_cancelled() {
                break;
            }
        }
        self.book.prune(now).await?;
        self.report();
        Ok(())
    }

    pub(super) async fn propose(&mut self, row: Pending) -> Result<(), StorageError> {
        let incident = match self.cx.incidents.get(&row.incident).await {
            Ok(incident) if incident.status.is_active() => incident,
            Ok(_) | Err(IncidentError::NotFound(_)) => {
                self.totals.obsolete.inc();
                return self.end(row).await;
            }
            Err(error) => return Err(unavailable("reading an incident", error)),
        };
        let trigger = self
            .rules
            .triggers
            .iter()
            .find(|trigger| trigger.id == row.rule);
        // The rule was removed or switched off while the incident waited.
        let Some(trigger) = trigger else {
            self.totals.obsolete.inc();
            return self.end(row).await;
        };
        let draft = match draft(trigger, &incident) {
            Ok(draft) => draft,
            Err(reason) => return self.give_up(row, &reason).await,
        };
        // The server may have ended between the proposal and the row that tells of it.
        if let Some(request) = self.proposed_before(&draft, &incident.id).await? {
            return self.remember(row, request).await;
        }
        match self.cx.actions.propose(draft).await {
            Ok(proposal) => {
                info!(incident = %row.incident, rule = row.rule, proposal = proposal.id, "action proposed");
                self.totals.proposed.inc();
                self.remember(row, proposal.id).await
            }
            Err(
                error @ (GateError::UnknownType(_)
                | GateError::Arguments { .. }
                | GateError::Count { .. }),
            ) => self.give_up(row, &chain(&error)).await,
            Err(error @ GateError::Unavailable { .. }) => self.try_later(row, &chain(&error)).await,
            Err(error) => Err(unavailable("storing a proposal", error)),
        }
    }

    /// The proposal of this very rule and incident, if there is one.
    pub(super) async fn proposed_before(
        &self,
        draft: &Draft,
        incident: &IncidentId,
    ) -> Result<Option<String>, StorageError> {
        let filter = ProposalFilter {
            statuses: Vec::new(),
            incident: Some(incident.clone()),
        };
        let (found, _) = self.cx.actions.gate().list(&filter, None, 200).await?;
        let same = found.into_iter().find(|proposal| {
            proposal.requested_by == self.cx.id && proposal.reasoning == draft.reasoning
        });
        Ok(same.map(|proposal| proposal.id))
    }

    pub(super) async fn remember(
        &mut self,
        row: Pending,
        request: String,
    ) -> Result<(), StorageError> {
        let is_open = match self.cx.actions.gate().get(&request).await? {
            Some(proposal) => proposal.status.is_open(),
            None => false,
        };
        let row = Pending {
            stage: if is_open {
                Stage::Proposed
            } else {
                Stage::Over
            },
            at: self.cx.clock.now(),
            request: Some(request),
            ..row
        };
        self.book.save(&row).await
    }

    pub(super) async fn try_later(
        &mut self,
        mut row: Pending,
        reason: &str,
    ) -> Result<(), StorageError> {
        row.attempts += 1;
        if row.attempts >= ATTEMPTS {
            return self.give_up(row, reason).await;
        }
        warn!(incident = %row.incident, rule = row.rule, error = reason, "action cannot be proposed now, trying again");
        row.at = self.cx.clock.now().plus(TRY_AGAIN);
        self.book.save(&row).await
    }

    pub(super) async fn give_up(&mut self, row: Pending, reason: &str) -> Result<(), StorageError> {
        warn!(incident = %row.incident, rule = row.rule, error = reason, "action not proposed");
        self.totals.given_up.inc();
        self.end(row).await
    }

    pub(super) async fn end(&mut self, row: Pending) -> Result<(), StorageError> {
        let row = Pending {
            stage: Stage::Over,
            at: self.cx.clock.now(),
            ..row
        };
        self.book.save(&row).await
    }
}

fn draft(trigger: &Trigger, incident: &Incident) -> Result<Draft, String> {
    let arguments = trigger.arguments(incident)?;
    let from_evidence = trigger.evidence();
    let reasoning = Json::from(trigger.id.as_str());
    Ok(Draft {
        items: vec![Item {
            action_type: trigger.action_type.clone(),
            arguments,
            from_evidence,
        }],
        description: trigger.description.clone(),
        reasoning: format!("rule {reasoning} is for incidents like this one"),
        incident: Some(incident.id.clone()),
        asked_by: None,
        held: false,
    })
}

pub(super) fn unavailable(
    operation: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StorageError {
    StorageError::Unavailable {
        operation: operation.to_owned(),
        source: Box::new(error),
    }
}
