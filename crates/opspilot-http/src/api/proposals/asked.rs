//! What a caller asks for, read from the body.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts as _, Path, Request};
use axum::http::HeaderMap;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::action::Digest;
use opspilot_core::safety::gate::{Draft, Item, Said, Verb};
use opspilot_core::safety::proposal::Proposal;
use serde_json::Value;

use super::shapes::{NAME_LENGTH, REASON_LENGTH, TEXT_LENGTH};
use crate::api::body::{self, Fields};
use crate::api::caller::Caller;
use crate::api::problem::{Code, Problem};
use crate::api::state::State;

/// Something that a caller asks for, with the fields of the body.
#[derive(Debug)]
pub(in crate::api) struct Asked {
    pub(in crate::api) state: State,
    pub(in crate::api) caller: Caller,
    pub(in crate::api) fields: Fields,
}

impl FromRequest<State> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &State) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let fields = read(&parts.headers, body, state).await?;
        Ok(Self {
            state: state.clone(),
            caller,
            fields,
        })
    }
}

async fn read(headers: &HeaderMap, body: Body, state: &State) -> Result<Fields, Problem> {
    Fields::parse(headers, &body::read(body, state.limits()).await?)
}

impl Asked {
    pub(super) fn draft(mut self) -> Result<(State, Caller, Draft), Problem> {
        let fields = &mut self.fields;
        let action_type = fields.required_text("actionType", NAME_LENGTH);
        let arguments = fields.object("arguments");
        let description = fields.text("description", TEXT_LENGTH);
        let reasoning = fields.text("reasoning", TEXT_LENGTH);
        let incident = fields.text("incidentId", NAME_LENGTH);
        self.fields.finish()?;
        let action_type = action_type.unwrap_or_default();
        let draft = Draft {
            description: description.unwrap_or_else(|| self.state.describe(&action_type)),
            reasoning: reasoning.unwrap_or_default(),
            incident: incident.map(IncidentId::from),
            asked_by: None,
            held: false,
            items: vec![Item {
                action_type,
                arguments: arguments.unwrap_or_default(),
                from_evidence: Vec::new(),
            }],
        };
        Ok((self.state, self.caller, draft))
    }

    pub(super) async fn decide(
        self,
        id: Result<Path<String>, PathRejection>,
        verb: Verb,
    ) -> Result<Proposal, Problem> {
        let mut asked = self;
        let seen = match verb {
            Verb::Approve => seen(&mut asked.fields),
            Verb::Deny => None,
        };
        let (id, state, caller, reason) = asked.reason(id)?;
        let decisions = state.decisions()?;
        let said = Said { reason, seen };
        Ok(decisions.decide(&id, verb, caller.identity(), said).await?)
    }

    pub(super) fn reason(
        mut self,
        id: Result<Path<String>, PathRejection>,
    ) -> Result<(String, State, Caller, Option<String>), Problem> {
        let Path(id) = id.map_err(|_| Problem::of(Code::NO_SUCH_PROPOSAL))?;
        let reason = self.fields.text("reason", REASON_LENGTH);
        self.fields.finish()?;
        self.state.require_storage()?;
        Ok((id, self.state, self.caller, reason))
    }
}

/// The digest of the action that the caller saw, or those of all actions in their order.
fn seen(fields: &mut Fields) -> Option<Vec<Digest>> {
    let digests = match fields.value("seen")? {
        Value::Array(digests) => digests,
        one => vec![one],
    };
    let read = |digest: Value| digest.as_str()?.parse::<Digest>().ok();
    let seen: Option<Vec<_>> = digests.into_iter().map(read).collect();
    if seen.is_none() {
        fields.refuse("seen", "write the `digest` of each action as it was shown");
    }
    seen
}
