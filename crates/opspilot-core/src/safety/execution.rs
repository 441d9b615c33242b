//! What was done: the record of an execution, written before it begins and after it ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::catalogue::{Outcome, Verdict};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::storage::{CollectionSpec, IndexEntry, IndexSpec, Record};

/// One execution of one approved action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// The proposal that was approved.
    pub proposal_id: String,
    /// Which of the proposal's actions, counted from 0.
    pub index: usize,
    /// What was done.
    pub action: Action,
    /// Who approved it.
    pub approved_by: Vec<String>,
    /// The incident that it should help, if any.
    pub incident_id: Option<IncidentId>,
    /// Where it stands.
    pub state: ExecutionState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How the executor ended.
    pub outcome: Option<Outcome>,
    /// What the post-condition found.
    pub verdict: Option<Verdict>,
}

/// Where an execution stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ExecutionState {
    /// The intent is stored; it is being done.
    Running,
    /// It was done; whether it helped is being checked.
    Verifying,
    /// It was done and helped.
    Succeeded,
    /// It failed, or did not help.
    Failed,
    /// The server ended in between. A person has to look; it is never done again by itself.
    Unknown,
}

impl ExecutionState {
    /// The name as it is served.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Verifying => "verifying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// True until it is over.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Verifying)
    }
}

impl Record for Execution {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "executions",
        indexes: &[
            IndexSpec {
                name: "recent",
                prefix: 0,
            },
            IndexSpec {
                name: "open",
                prefix: 0,
            },
            IndexSpec {
                name: "proposal",
                prefix: 1,
            },
        ],
    };

    fn key(&self) -> String {
        self.id.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let sort = self.started_at.as_millis();
        let whole = || IndexEntry {
            prefix: Vec::new(),
            sort,
        };
        vec![
            Some(whole()),
            self.state.is_open().then(whole),
            Some(IndexEntry {
                prefix: vec![self.proposal_id.clone()],
                sort,
            }),
        ]
    }
}
