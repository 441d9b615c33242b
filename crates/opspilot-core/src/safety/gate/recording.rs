//! What came of an action, on its way into the record.

use async_trait::async_trait;
use serde_json::json;

use super::deeds::find;
use super::notes::{self, Told};
use super::redeeming::{CORE, Ending};
use super::{Books, GateError};
use crate::bus::{Tx, Work};
use crate::safety::catalogue::Outcome;
use crate::safety::execution::{Execution, ExecutionState};
use crate::safety::proposal::ProposalStatus;
use crate::safety::refusal::Refusal;

/// An action that was carried out is being checked.
pub(super) struct Verifying {
    pub(super) books: Books,
    pub(super) id: String,
    pub(super) outcome: Outcome,
}

#[async_trait]
impl Work for Verifying {
    type Output = Result<(), GateError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Some(mut execution) = tx.get(&self.books.executions, &self.id).await? else {
            return Err(GateError::Refused(Refusal::Unknown));
        };
        execution.state = ExecutionState::Verifying;
        execution.outcome = Some(self.outcome);
        tx.put(&self.books.executions, &execution)?;
        Ok(())
    }
}

/// An action is over.
pub(super) struct Finish {
    pub(super) books: Books,
    pub(super) id: String,
    pub(super) ending: Ending,
}

#[async_trait]
impl Work for Finish {
    type Output = Result<Execution, GateError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Self { books, id, ending } = self;
        let Some(mut execution) = tx.get(&books.executions, &id).await? else {
            return Err(GateError::Refused(Refusal::Unknown));
        };
        execution.state = ending.state;
        execution.ended_at = Some(tx.now());
        execution.outcome = ending.outcome.or(execution.outcome);
        execution.verdict = ending.verdict.or(execution.verdict);
        tx.put(&books.executions, &execution)?;
        let mut proposal = find(&books, tx, &execution.proposal_id, "finish", CORE).await?;
        proposal.finish(match execution.state {
            ExecutionState::Succeeded => ProposalStatus::Succeeded,
            ExecutionState::Failed => ProposalStatus::Failed,
            ExecutionState::Unknown | ExecutionState::Running | ExecutionState::Verifying => {
                ProposalStatus::Unknown
            }
        });
        let summary = execution.outcome.as_ref().map(|outcome| &outcome.summary);
        let detail = execution.verdict.as_ref().map(|verdict| &verdict.detail);
        let told = Told::new("action.executed", CORE)
            .with("executionId", json!(execution.id))
            .with("result", json!(execution.state))
            .with("summary", json!(summary))
            .with("check", json!(detail))
            .with("remark", json!(ending.remark));
        books.record(tx, &proposal, told).await?;
        tx.emit(notes::executed(&execution));
        Ok(execution)
    }
}
