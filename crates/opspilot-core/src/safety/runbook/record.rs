//! Runbooks and runs, as they are stored and served.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::storage::{CollectionSpec, IndexEntry, IndexSpec, Record};

/// Ordered steps against one kind of trouble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runbook {
    /// Its id.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step, as the configuration describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What kind of step it is.
    pub kind: StepKind,
    /// What to do, in words.
    pub instruction: String,
    /// What is done or checked, for kinds that name an action of the catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<StepAction>,
    /// How long to wait, in milliseconds, for a wait.
    #[serde(default)]
    pub wait_ms: u64,
    /// How long the step may take, in milliseconds; for a step of a person, how long it waits for them.
    pub timeout_ms: u64,
    /// True if the run goes on when the step fails.
    #[serde(default)]
    pub may_fail: bool,
}

/// The kinds of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// A person does something.
    Manual,
    /// A program is started.
    Command,
    /// A request is sent.
    Http,
    /// Time passes.
    Wait,
    /// Something is looked at; nothing changes.
    Check,
    /// A person says whether to go on.
    Approval,
}

/// An action of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepAction {
    /// Its type.
    pub action_type: String,
    /// The values of its parameters.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// One time that a runbook is carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id, `RB-` and eight hexadecimal digits.
    pub id: String,
    /// The runbook.
    pub runbook_id: String,
    /// The runbook's title.
    pub title: String,
    /// The incident.
    pub incident_id: IncidentId,
    /// How far it has come.
    pub state: RunState,
    /// Why it is in this state, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The steps with what became of them.
    pub steps: Vec<RunStep>,
    /// True if each executable step is approved for itself, false if all are approved at once.
    pub approves_per_step: bool,
    /// Who started it: a person's subject or a module id.
    pub started_by: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Proposals that nobody needs any more, to be taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_withdraw: Vec<String>,
    /// When there is something to do next, whatever happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It waits for the approval of its steps.
    AwaitingApproval,
    /// It goes on by itself or waits for a step.
    Running,
    /// It waits for a person who says how to go on. It holds up no other run.
    Paused,
    /// Every step is over, and none that must not fail has failed.
    Completed,
    /// A step has failed, or was not approved.
    Failed,
    /// A person ended it.
    Cancelled,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStep {
    /// The step as it was when the run was started.
    pub step: Step,
    /// How far it has come.
    pub state: StepState,
    /// The proposal that holds its action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<StepProposal>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What it printed, found or was answered, cut to a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Who ended it, if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// Where the action of a step is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepProposal {
    /// The proposal.
    pub id: String,
    /// Which of the proposal's actions it is, from 0.
    pub index: usize,
}

/// How far a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its turn has not come.
    Pending,
    /// Its action waits for an approval.
    AwaitingApproval,
    /// It waits for a person.
    AwaitingPerson,
    /// It is under way.
    Executing,
    /// It did what it should.
    Completed,
    /// It did not.
    Failed,
    /// A person left it out.
    Skipped,
    /// The server stopped while it was under way: a person has to look.
    Unknown,
}

impl StepKind {
    /// True for a step that changes something, and so needs an approval.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        matches!(self, Self::Command | Self::Http)
    }

    /// True for a step that a person ends.
    #[must_use]
    pub const fn is_for_people(self) -> bool {
        matches!(self, Self::Manual | Self::Approval)
    }
}

impl RunState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::AwaitingApproval,
        Self::Running,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// True if nothing happens any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// True if it counts among the runs that may go on at the same time.
    #[must_use]
    pub const fn holds_slot(self) -> bool {
        matches!(self, Self::AwaitingApproval | Self::Running)
    }
}

impl StepState {
    /// The wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::AwaitingApproval => "awaiting_approval",
            Self::AwaitingPerson => "awaiting_person",
            Self::Executing => "executing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }

    /// True if the step is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Skipped)
    }
}

impl std::fmt::Display for RunState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for RunState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not a state of a run: write one of {}", all()))
    }
}

impl Record for Run {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "runs",
        indexes: &[
            IndexSpec {
                name: "recent",
                prefix: 1,
            },
            IndexSpec {
                name: "incident",
                prefix: 1,
            },
            IndexSpec {
                name: "due",
                prefix: 0,
            },
        ],
    };

    fn key(&self) -> String {
        self.id.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let entry = |prefix: Vec<String>, at: Timestamp| IndexEntry {
            prefix,
            sort: at.as_millis(),
        };
        vec![
            Some(entry(vec![self.state.as_str().into()], self.started_at)),
            Some(entry(vec![self.incident_id.to_string()], self.started_at)),
            self.due_at.map(|at| entry(Vec::new(), at)),
        ]
    }
}
