//! Proposals: listing, proposing, deciding and taking back.

mod asked;
mod shapes;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use opspilot_core::error::chain;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::gate::{GateError, ProposalFilter, Verb};
use opspilot_core::safety::powers::Decisions;
use opspilot_core::safety::proposal::{Proposal, ProposalStatus};
use opspilot_core::safety::refusal::Refusal;
use serde_json::json as value;

pub(super) use self::asked::Asked;
pub(super) use self::shapes::{
    APPROVE, CANCEL, DENY, GET, LIST, PENDING, PREVIEW, PROPOSE, REASON_LENGTH,
};
use self::shapes::{DecidedBody, ListBody, TokenBody};
use super::answer::{Answer, json, json_with};
use super::params::Params;
use super::problem::{Code, Problem};
use super::state::State;
use super::views::ProposalBody;

/// `GET /approvals`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let statuses = params.list::<ProposalStatus>("status");
    let incident = params.text("incident");
    page(&state, params, (statuses, incident)).await
}

/// `GET /approvals/pending`
pub(super) async fn pending(Extract(state): Extract<State>, params: Params) -> Answer {
    page(&state, params, (vec![ProposalStatus::Pending], None)).await
}

async fn page(
    state: &State,
    mut params: Params,
    (statuses, incident): (Vec<ProposalStatus>, Option<String>),
) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let filter = ProposalFilter {
        statuses,
        incident: incident.map(IncidentId::from),
    };
    let (found, next) = state.cx.actions.gate().list(&filter, cursor, limit).await?;
    json(&ListBody {
        count: found.len(),
        requests: found.into_iter().map(ProposalBody::from).collect(),
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `GET /approvals/{id}`
pub(super) async fn get(
    Extract(state): Extract<State>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let unknown = || Problem::of(Code::NO_SUCH_PROPOSAL);
    let Path(id) = id.map_err(|_| unknown())?;
    let found = state.cx.actions.gate().get(&id).await?;
    json(&ProposalBody::from(found.ok_or_else(unknown)?))
}

/// `POST /approvals`
pub(super) async fn propose(ask: Asked) -> Answer {
    let (state, caller, draft) = ask.draft()?;
    state.require_storage()?;
    let proposal = state.decisions()?.propose(draft, caller.identity()).await?;
    json_with(StatusCode::CREATED, &ProposalBody::from(proposal))
}

/// `POST /approvals/preview`
pub(super) async fn preview(ask: Asked) -> Answer {
    let (state, caller, draft) = ask.draft()?;
    let proposal = state.decisions()?.preview(draft, caller.identity()).await?;
    json(&ProposalBody::from(proposal))
}

/// `POST /approvals/{id}/approve`
pub(super) async fn approve(id: Result<Path<String>, PathRejection>, ask: Asked) -> Answer {
    let proposal = ask.decide(id, Verb::Approve).await?;
    let message = match proposal.status {
        ProposalStatus::Pending => "approved; more people must approve",
        _ => "approved",
    };
    let token = proposal.token.as_ref().map(|token| TokenBody {
        id: token.public_id.clone(),
        expires_at: proposal.expires_at,
    });
    told(message, token, proposal)
}

/// `POST /approvals/{id}/deny`
pub(super) async fn deny(id: Result<Path<String>, PathRejection>, ask: Asked) -> Answer {
    told("denied", None, ask.decide(id, Verb::Deny).await?)
}

/// `POST /approvals/{id}/cancel`
pub(super) async fn cancel(id: Result<Path<String>, PathRejection>, ask: Asked) -> Answer {
    let (id, state, caller, reason) = ask.reason(id)?;
    let proposal = state
        .decisions()?
        .cancel(&id, caller.identity(), reason)
        .await?;
    told("cancelled", None, proposal)
}

fn told(message: &'static str, token: Option<TokenBody>, proposal: Proposal) -> Answer {
    json(&DecidedBody {
        message,
        request_id: proposal.id.clone(),
        token,
        request: ProposalBody::from(proposal),
    })
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Refused(refusal) => refused(refusal),
            GateError::UnknownType(_) | GateError::Arguments { .. } | GateError::Count { .. } => {
                Self::of(Code::INVALID_REQUEST).detail(error.to_string())
            }
            GateError::Unavailable { .. } => {
                Self::of(Code::TARGET_UNAVAILABLE).detail(error.to_string())
            }
            GateError::Storage(storage) => storage.into(),
            GateError::Publish(publish) => publish.into(),
            other => Self::internal(chain(&other)),
        }
    }
}

pub(super) fn refused(refusal: Refusal) -> Problem {
    let code = match refusal {
        Refusal::Unknown => Code::NO_SUCH_PROPOSAL,
        Refusal::NotAPerson
        | Refusal::RoleTooLow
        | Refusal::OwnProposal
        | Refusal::NotTheProposer => Code::FORBIDDEN,
        Refusal::Expired => Code::EXPIRED,
        Refusal::NotAsSeen => Code::NOT_AS_SEEN,
        _ => Code::DECIDED,
    };
    Problem::of(code)
        .detail(refusal.to_string())
        .with("reason", value!(refusal.code()))
}

impl State {
    /// The power to decide.
    ///
    /// # Errors
    /// When the module was not given it.
    pub(super) fn decisions(&self) -> Result<&Decisions, Problem> {
        let access = self.cx.access.as_ref();
        access
            .map(|access| &access.decisions)
            .ok_or_else(|| Problem::internal("the module was given no power to decide"))
    }

    /// What a type of action is for, as its configuration says.
    fn describe(&self, action_type: &str) -> String {
        let found = self.cx.actions.gate().catalogue().get(action_type);
        found.map_or_else(
            || action_type.to_owned(),
            |found| found.description().to_owned(),
        )
    }
}
