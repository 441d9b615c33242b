//! What goes in and comes out, for the document of the API.

use opspilot_core::clock::Timestamp;
use opspilot_core::safety::action::Digest;
use opspilot_core::safety::proposal::ProposalStatus;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::api::problem::Code;
use crate::api::routes::{Form, Input, Reply, Shape};
use crate::api::views::ProposalBody;

/// The longest reason, in characters.
pub(in crate::api) const REASON_LENGTH: usize = 2_000;

/// The longest description and reasoning, in characters.
pub(super) const TEXT_LENGTH: usize = 4_000;

/// The longest name of a type of action, in characters.
pub(super) const NAME_LENGTH: usize = 200;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProposalList")]
pub(super) struct ListBody {
    pub(super) count: usize,
    pub(super) requests: Vec<ProposalBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// What a decision led to.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Decided")]
pub(super) struct DecidedBody {
    pub(super) message: &'static str,
    pub(super) request_id: String,
    /// What the approval is called; `null` unless it is complete. The token itself is nobody's to see.
    pub(super) token: Option<TokenBody>,
    pub(super) request: ProposalBody,
}

/// What an approval is called, and how long it is valid.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApprovalToken")]
pub(super) struct TokenBody {
    pub(super) id: String,
    pub(super) expires_at: Timestamp,
}

pub(in crate::api) const LIST: Shape = Shape::json::<ListBody>().paged().query(&[
    Input::list::<ProposalStatus>("status", "Proposals in any of these."),
    Input::text("incident", usize::MAX, "Proposals for this incident."),
]);
pub(in crate::api) const PENDING: Shape = Shape::json::<ListBody>().paged();
pub(in crate::api) const GET: Shape =
    Shape::json::<ProposalBody>().problems(&[Code::NO_SUCH_PROPOSAL]);
pub(in crate::api) const PROPOSE: Shape = Shape::of(Reply::json::<ProposalBody>(201))
    .fields(DRAFT)
    .problems(&[Code::TARGET_UNAVAILABLE, Code::DECIDED]);
pub(in crate::api) const PREVIEW: Shape = Shape::json::<ProposalBody>()
    .fields(DRAFT)
    .problems(&[Code::TARGET_UNAVAILABLE, Code::DECIDED]);
pub(in crate::api) const APPROVE: Shape = Shape::json::<DecidedBody>()
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
pub(in crate::api) const DENY: Shape = Shape::json::<DecidedBody>().fields(&[REASON]).problems(&[
    Code::NO_SUCH_PROPOSAL,
    Code::DECIDED,
    Code::EXPIRED,
]);
pub(in crate::api) const CANCEL: Shape = DENY;

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
