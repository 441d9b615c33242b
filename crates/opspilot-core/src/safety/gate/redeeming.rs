//! From a token to an [`Approved`], and from an outcome to the record.

use async_trait::async_trait;
use serde_json::json;

use super::deeds::{expired, find};
use super::notes::{self, Told};
use super::recording::{Finish, Verifying};
use super::{Books, Gate, GateError, preparing};
use crate::bus::{Tx, Work};
use crate::safety::action::{Action, Approved};
use crate::safety::catalogue::{ActionType, Outcome, Policy, Verdict};
use crate::safety::execution::{Execution, ExecutionState};
use crate::safety::proposal::{Presented, Proposal, ProposalStatus};
use crate::safety::refusal::Refusal;
use crate::safety::token::ApprovalToken;

/// The actor of what the server does by itself.
pub(super) const CORE: &str = "core";

impl Gate {
    /// Uses `token` up for action `index` of the proposal `id`, as the catalogue has it now. The intent is stored before
    /// this returns; if it cannot be, nothing may be done.
    ///
    /// # Errors
    /// [`GateError::Refused`] when anything is not exactly as it was approved; it is audited.
    ///
    /// # Cancel safety
    /// When the future is dropped the token may be used up. Nothing was done then, and the execution is shown as unknown
    /// after the next start.
    pub(in crate::safety) async fn redeem(
        &self,
        id: &str,
        index: usize,
        token: &ApprovalToken,
    ) -> Result<Approved, GateError> {
        let present = self.look(id, index).await?;
        let work = Redeem {
            books: self.0.books.clone(),
            id: id.to_owned(),
            index,
            token: ApprovalToken::clone_for_gate(token),
            present,
        };
        self.0.bus.transact(CORE, work).await?
    }

    /// Redeems with an action and policy that the caller made up: what an attacker inside of the process would do.
    #[cfg(test)]
    pub(super) async fn redeem_as(
        &self,
        id: &str,
        index: usize,
        token: &ApprovalToken,
        (action, policy): (Action, Policy),
    ) -> Result<Approved, GateError> {
        let observed = action.precondition.clone();
        let work = Redeem {
            books: self.0.books.clone(),
            id: id.to_owned(),
            index,
            token: ApprovalToken::clone_for_gate(token),
            present: Ok(Present {
                action,
                policy,
                observed,
            }),
        };
        self.0.bus.transact(CORE, work).await?
    }

    /// The action as it would be done now.
    async fn look(&self, id: &str, index: usize) -> Result<Result<Present, Refusal>, GateError> {
        let Some(proposal) = self.get(id).await? else {
            return Ok(Err(Refusal::Unknown));
        };
        let Some(approved) = proposal.actions.get(index).map(|found| &found.action) else {
            return Ok(Err(Refusal::Altered));
        };
        let Some(action_type) = self.catalogue().get(&approved.action_type) else {
            return Ok(Err(Refusal::TypeGone));
        };
        Ok(observe(&*action_type, approved).await)
    }

    /// Stores that the executor is done and the post-condition is being checked.
    pub(in crate::safety) async fn verifying(
        &self,
        execution: &str,
        outcome: Outcome,
    ) -> Result<(), GateError> {
        let work = Verifying {
            books: self.0.books.clone(),
            id: execution.to_owned(),
            outcome,
        };
        self.0.bus.transact(CORE, work).await?
    }

    /// Stores how an execution ended.
    pub(in crate::safety) async fn finish(
        &self,
        execution: &str,
        ending: Ending,
    ) -> Result<Execution, GateError> {
        let work = Finish {
            books: self.0.books.clone(),
            id: execution.to_owned(),
            ending,
        };
        let finished = self.0.bus.transact(CORE, work).await?;
        self.0.waiting.notify_one();
        finished
    }
}

/// How an execution ended.
#[derive(Debug)]
pub(in crate::safety) struct Ending {
    pub(in crate::safety) state: ExecutionState,
    pub(in crate::safety) outcome: Option<Outcome>,
    pub(in crate::safety) verdict: Option<Verdict>,
    pub(in crate::safety) remark: Option<String>,
}

/// An action, its policy and its target as they are now.
struct Present {
    action: Action,
    policy: Policy,
    observed: Option<String>,
}

/// `approved` as it would be done now, whatever state its target is in.
pub(super) fn planned(action_type: &dyn ActionType, approved: &Action) -> Result<Action, Refusal> {
    let plan = action_type
        .plan(&approved.arguments)
        .map_err(|_| Refusal::Altered)?;
    Ok(Action {
        executor: action_type.executor().to_owned(),
        action_type: approved.action_type.clone(),
        target: plan.target,
        arguments: approved.arguments.clone(),
        recipe: action_type.recipe(),
        precondition: approved.precondition.clone(),
    })
}

/// Plans `approved` again and looks at its target.
async fn observe(action_type: &dyn ActionType, approved: &Action) -> Result<Present, Refusal> {
    let action = planned(action_type, approved)?;
    let observed = preparing::in_time(action_type.observe(&approved.arguments))
        .await
        .map_err(|_| Refusal::Unobservable)?;
    Ok(Present {
        action,
        policy: action_type.policy(),
        observed,
    })
}

struct Redeem {
    books: Books,
    id: String,
    index: usize,
    token: ApprovalToken,
    present: Result<Present, Refusal>,
}

#[async_trait]
impl Work for Redeem {
    type Output = Result<Approved, GateError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Self {
            books,
            id,
            index,
            token,
            present,
        } = self;
        let mut proposal = find(&books, tx, &id, "execute", CORE).await?;
        let (now, before) = (tx.now(), proposal.status);
        let result = match &present {
            Ok(present) => proposal.redeem(
                &Presented {
                    token: &token,
                    index,
                    action: &present.action,
                    policy: &present.policy,
                    observed: present.observed.as_deref(),
                },
                now,
            ),
            Err(refusal) => Err(proposal.void(&token, *refusal, now)),
        };
        match result {
            Ok(()) => begin(&books, tx, &proposal, index).await,
            Err(refusal) => refuse(&books, tx, (&proposal, before), refusal).await,
        }
    }
}

/// Stores the intent.
async fn begin(
    books: &Books,
    tx: &mut Tx,
    proposal: &Proposal,
    index: usize,
) -> Result<Approved, GateError> {
    let Some(action) = proposal
        .actions
        .get(index)
        .map(|found| found.action.clone())
    else {
        return refuse(books, tx, (proposal, proposal.status), Refusal::Altered).await;
    };
    let approved_by: Vec<_> = proposal
        .approvals
        .iter()
        .map(|decision| decision.by.clone())
        .collect();
    let execution = Execution {
        id: uuid::Uuid::now_v7().to_string(),
        proposal_id: proposal.id.clone(),
        index,
        action: action.clone(),
        approved_by: approved_by.clone(),
        incident_id: proposal.incident_id.clone(),
        state: ExecutionState::Running,
        started_at: tx.now(),
        ended_at: None,
        outcome: None,
        verdict: None,
    };
    tx.put(&books.executions, &execution)?;
    let told = Told::new("action.started", CORE)
        .with("executionId", json!(execution.id))
        .with("actionIndex", json!(index))
        .with("approvedBy", json!(approved_by));
    books.record(tx, proposal, told).await?;
    Ok(Approved::new(
        action,
        execution.id,
        approved_by,
        execution.incident_id,
    ))
}

async fn refuse(
    books: &Books,
    tx: &mut Tx,
    (proposal, before): (&Proposal, ProposalStatus),
    refusal: Refusal,
) -> Result<Approved, GateError> {
    if proposal.status != before && proposal.status == ProposalStatus::Expired {
        expired(books, tx, proposal).await?;
    } else if proposal.status != before {
        let told = Told::new("action.voided", CORE).with("reason", json!(refusal.code()));
        books.record(tx, proposal, told).await?;
        tx.emit(notes::withdrawn(proposal));
    }
    books
        .tell_refusal(
            tx,
            (&proposal.id, Some(proposal)),
            ("execute", CORE),
            refusal,
        )
        .await?;
    Err(GateError::Refused(refusal))
}
