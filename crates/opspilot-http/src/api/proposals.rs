//! Proposals: listing, proposing, deciding and taking back.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts as _, Path, Request, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::clock::Timestamp;
use opspilot_core::error::chain;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::action::Digest;
use opspilot_core::safety::gate::{Draft, GateError, Item, ProposalFilter, Said, Verb};
use opspilot_core::safety::powers::Decisions;
use opspilot_core::safety::proposal::{Proposal, ProposalStatus};
use opspilot_core::safety::refusal::Refusal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json as value};

use super::answer::{Answer, json, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Form, Input, Reply, Shape};
use super::state::State;
use super::views::ProposalBody;

/// The longest reason, in characters.
pub(super) const REASON_LENGTH: usize = 2_000;

/// The longest description and reasoning, in characters.
const TEXT_LENGTH: usize = 4_000;

/// The longest name of a type of action, in characters.
const NAME_LENGTH: usize = 200;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProposalList")]
struct ListBody {
    count: usize,
    requests: Vec<ProposalBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What a decision led to.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Decided")]
struct DecidedBody {
    message: &'static str,
    request_id: String,
    /// What the approval is called; `null` unless it is complete. The token itself is nobody's to see.
    token: Option<TokenBody>,
    request: ProposalBody,
}

/// What an approval is called, and how long it is valid.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApprovalToken")]
struct TokenBody {
    id: String,
    expires_at: Timestamp,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged().query(&[
    Input::list::<ProposalStatus>("status", "Proposals in any of these."),
    Input::text("incident", usize::MAX, "Proposals for this incident."),
]);
pub(super) const PENDING: Shape = Shape::json::<ListBody>().paged();
pub(super) const GET: Shape = Shape::json::<ProposalBody>().problems(&[Code::NO_SUCH_PROPOSAL]);
pub(super) const PROPOSE: Shape = Shape::of(Reply::json::<ProposalBody>(201))
    .fields(DRAFT)
    .problems(&[Code::TARGET_UNAVAILABLE, Code::DECIDED]);
pub(super) const PREVIEW: Shape = Shape::json::<ProposalBody>()
    .fields(DRAFT)
    .problems(&[Code::TARGET_UNAVAILABLE, Code::DECIDED]);
pub(super) const APPROVE: Shape = Shape::json::<DecidedBody>()
    .fields(&[
        Input::of::<Seen>(
            "seen",
            "The `digest` of the action that was seen, or those of all actions in order.",
        ),
        REASON,
    ])
    .problems(&[
        Code::NO_SUCH_PROPOSAL,
        Code::DECIDED,
        Code::EXPIRED,
        Code::NOT_AS_SEEN,
        Code::TARGET_UNAVAILABLE,
    ]);
pub(super) const DENY: Shape = Shape::json::<DecidedBody>().fields(&[REASON]).problems(&[
    Code::NO_SUCH_PROPOSAL,
    Code::DECIDED,
    Code::EXPIRED,
]);
pub(super) const CANCEL: Shape = DENY;

const REASON: Input = Input::text("reason", REASON_LENGTH, "Why.");
const DRAFT: &[Input] = &[
    Input::text(
        "actionType",
        NAME_LENGTH,
        "The type of action, see `GET /actions`.",
    )
    .required(),
    Input::new("arguments", Form::Object, "The values of its parameters."),
    Input::text(
        "description",
        TEXT_LENGTH,
        "What it does; the type's own words unless said.",
    ),
    Input::text("reasoning", TEXT_LENGTH, "Why."),
    Input::text("incidentId", NAME_LENGTH, "The incident that it is for."),
];

/// What an approver saw: one digest, or several.
struct Seen;

impl JsonSchema for Seen {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Seen".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let digest = generator.subschema_for::<Digest>();
        json_schema!({ "anyOf": [digest, { "type": "array", "items": digest }] })
    }
}

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

/// Something that a caller asks for, with the fields of the body.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) state: State,
    pub(super) caller: Caller,
    pub(super) fields: Fields,
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
    fn draft(mut self) -> Result<(State, Caller, Draft), Problem> {
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

    async fn decide(
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

    fn reason(
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
