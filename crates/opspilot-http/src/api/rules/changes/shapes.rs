//! What the routes of changes take and answer.

use opspilot_core::changes::{ChangeStatus, ConfigChange};
use opspilot_core::config::DiffLine;
use opspilot_core::safety::action::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::super::modules::BegunBody;
use super::super::super::problem::Code;
use super::super::super::proposals::REASON_LENGTH;
use super::super::super::routes::{Form, Input, Reply, Shape};
use super::super::chosen::{ID_LENGTH, RULE_LENGTH};

/// The text of a rule in the configuration file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleText")]
pub(super) struct TextBody {
    pub(super) detector: String,
    pub(super) id: String,
    /// The rule as YAML, from the left margin, with its comments.
    pub(super) rule: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleChangeList")]
pub(super) struct ListBody {
    pub(super) count: usize,
    pub(super) changes: Vec<ConfigChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// What a change would do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleChangePreview")]
pub(super) struct PreviewBody {
    pub(super) detector: String,
    /// The id of the rule as the file has it, for a new rule the new one.
    pub(super) rule_id: String,
    pub(super) diff: Vec<DiffLine>,
    /// The digest of the file that the change would make.
    pub(super) result: Digest,
    /// Why it cannot be applied by the server, and what to do instead; `null` if it can.
    pub(super) obstacle: Option<String>,
}

const EDIT: Input = Input::new("kind", Form::Words(&["edit"]), "What is meant unless said.");
const ADD: Input = Input::new("kind", Form::Words(&["add"]), "A new rule.").required();
const REMOVE: Input = Input::new("kind", Form::Words(&["remove"]), "A rule that goes.").required();
const DETECTOR: Input = Input::text(
    "detector",
    ID_LENGTH,
    "The detector that the rule belongs to.",
)
.required();
const ID: Input = Input::text("id", ID_LENGTH, "The id of the rule as the file has it.").required();
const RULE: Input =
    Input::text("rule", RULE_LENGTH, "The new text of the rule, as YAML.").required();
const WHY: Input = REASON.required();
const SEEN: Input = Input::of::<Digest>(
    "seen",
    "The `result` of the preview that was seen; another one is refused.",
);
const WRONG: &[Code] = &[
    Code::NO_SUCH_RULE,
    Code::RULE_INVALID,
    Code::CONFIGURATION_INVALID,
    Code::NOT_NOW,
];
const DECISION: &[Code] = &[
    Code::NO_SUCH_CHANGE,
    Code::DECIDED,
    Code::NOT_AS_SEEN,
    Code::OUTDATED,
    Code::CONFIGURATION_INVALID,
    Code::NOT_NOW,
];
const REASON: Input = Input::text("reason", REASON_LENGTH, "Why.");

pub(in crate::api) const TEXT: Shape = Shape::json::<TextBody>()
    .query(&[
        Input::text("detector", usize::MAX, "The detector.").required(),
        Input::text("id", usize::MAX, "The id of the rule.").required(),
    ])
    .problems(WRONG);
pub(in crate::api) const LIST: Shape = Shape::json::<ListBody>()
    .paged()
    .query(&[Input::list::<ChangeStatus>(
        "status",
        "Changes in any of these.",
    )])
    .problems(&[Code::NOT_NOW]);
pub(in crate::api) const GET: Shape =
    Shape::json::<ConfigChange>().problems(&[Code::NO_SUCH_CHANGE, Code::NOT_NOW]);
pub(in crate::api) const PREVIEW: Shape = Shape::json::<PreviewBody>()
    .one_of(&[
        &[EDIT, DETECTOR, ID, RULE],
        &[ADD, DETECTOR, RULE],
        &[REMOVE, DETECTOR, ID],
    ])
    .problems(WRONG);
pub(in crate::api) const PROPOSE: Shape = Shape::of(Reply::json::<ConfigChange>(201))
    .one_of(&[
        &[EDIT, DETECTOR, ID, RULE, WHY, SEEN],
        &[ADD, DETECTOR, RULE, WHY, SEEN],
        &[REMOVE, DETECTOR, ID, WHY, SEEN],
    ])
    .problems(&[
        Code::NOT_AS_SEEN,
        Code::NO_SUCH_RULE,
        Code::RULE_INVALID,
        Code::CONFIGURATION_INVALID,
        Code::NOT_NOW,
    ]);
pub(in crate::api) const APPROVE: Shape = Shape::json::<ConfigChange>()
    .or(Reply::json::<BegunBody>(202))
    .fields(&[
        Input::of::<Digest>("seen", "The `result` of the change that was seen.").required(),
        REASON,
    ])
    .problems(DECISION);
pub(in crate::api) const REFUSE: Shape = Shape::json::<ConfigChange>()
    .fields(&[REASON])
    .problems(&[Code::NO_SUCH_CHANGE, Code::DECIDED, Code::NOT_NOW]);
pub(in crate::api) const WITHDRAW: Shape = REFUSE;
