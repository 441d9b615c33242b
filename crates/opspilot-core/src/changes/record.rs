//! A change, and its life. Pure: every transition gets the time and whoever asks for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::DiffLine;
use crate::safety::action::Digest;
use crate::safety::identity::{Identity, Kind, Role, is_same_person};
use crate::safety::refusal::Refusal;
use crate::storage::{CollectionSpec, IndexEntry, IndexSpec, Record};

/// A change of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigChange {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: ChangeStatus,
    /// What it asks for.
    pub ask: Ask,
    /// Who proposed it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
    /// The digest of the file that it was made for.
    pub base: Digest,
    /// The digest of the file that it makes: what an approval is bound to.
    pub result: Digest,
    /// What differs, line by line.
    pub diff: Vec<DiffLine>,
    /// How the new rule was tried when it was proposed; `null` where a rule goes.
    pub evidence: Option<Evidence>,
    /// The approval, the refusal or the withdrawal.
    pub decision: Option<Verdict>,
    /// What came of the approval, or why nothing did.
    pub outcome: Option<String>,
}

/// What a change asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChangeAsk")]
pub struct Ask {
    /// What becomes of the rule.
    pub kind: ChangeKind,
    /// The detector that the rule belongs to.
    pub detector: String,
    /// The rule's id, for a new rule the new one.
    pub rule_id: String,
    /// The new text of the rule; `null` where it goes.
    pub rule: Option<String>,
}

/// What becomes of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// It gets another text.
    Edit,
    /// It is new.
    Add,
    /// It goes.
    Remove,
}

/// How a rule was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChangeEvidence")]
pub struct Evidence {
    /// How many tests it has; all of them pass, or it could not be proposed.
    pub tests: usize,
    /// How many stored incidents were looked at, and how many of them have a line.
    pub incidents: usize,
    /// How many of those have a line as evidence.
    pub lines: usize,
    /// How many of those lines it matches.
    pub matched: usize,
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChangeDecision")]
pub struct Verdict {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// Where a change stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ChangeStatus {
    /// It waits for another person.
    Proposed,
    /// It is approved and being written.
    Applying,
    /// The file says so, and the server runs with it.
    Applied,
    /// Somebody refused it.
    Refused,
    /// It was taken back.
    Withdrawn,
    /// The file was changed after it was proposed.
    Outdated,
    /// It was approved, and could not be applied; the file is as before.
    Failed,
}

impl ConfigChange {
    /// Approves it on behalf of `by`, who saw that it makes the file `seen`.
    ///
    /// # Errors
    /// When `by` may not decide it, it does not wait for that, or it is not what was seen.
    pub(super) fn approve(
        &mut self,
        by: &Identity,
        seen: Digest,
        verdict: Verdict,
    ) -> Result<(), Refusal> {
        self.require_decider(by)?;
        if seen != self.result {
            return Err(Refusal::NotAsSeen);
        }
        self.decide(ChangeStatus::Applying, verdict);
        Ok(())
    }

    /// Refuses it on behalf of `by`.
    ///
    /// # Errors
    /// When `by` may not decide it, or it does not wait for that.
    pub(super) fn refuse(&mut self, by: &Identity, verdict: Verdict) -> Result<(), Refusal> {
        self.require_decider(by)?;
        self.decide(ChangeStatus::Refused, verdict);
        Ok(())
    }

    /// Takes it back on behalf of `by`: its author or an administrator.
    ///
    /// # Errors
    /// When `by` is neither, or it was decided.
    pub(super) fn withdraw(&mut self, by: &Identity, verdict: Verdict) -> Result<(), Refusal> {
        if !is_same_person(&self.author, by.subject()) && by.role() < Role::Admin {
            return Err(Refusal::NotTheProposer);
        }
        self.require_waiting()?;
        self.decide(ChangeStatus::Withdrawn, verdict);
        Ok(())
    }

    fn require_decider(&self, by: &Identity) -> Result<(), Refusal> {
        if by.kind() != Kind::Human {
            return Err(Refusal::NotAPerson);
        }
        if by.role() < Role::Admin {
            return Err(Refusal::RoleTooLow);
        }
        if is_same_person(&self.author, by.subject()) {
            return Err(Refusal::OwnProposal);
        }
        self.require_waiting()
    }

    fn require_waiting(&self) -> Result<(), Refusal> {
        match self.status {
            ChangeStatus::Proposed => Ok(()),
            ChangeStatus::Withdrawn => Err(Refusal::Cancelled),
            ChangeStatus::Refused => Err(Refusal::Denied),
            _ => Err(Refusal::Decided),
        }
    }

    fn decide(&mut self, status: ChangeStatus, verdict: Verdict) {
        self.status = status;
        self.decision = Some(verdict);
    }
}

impl ChangeStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Proposed,
        Self::Applying,
        Self::Applied,
        Self::Refused,
        Self::Withdrawn,
        Self::Outdated,
        Self::Failed,
    ];

    /// The name as it is served.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Outdated => "outdated",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for ChangeStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        let names = Self::ALL.map(Self::as_str).join(", ");
        found.ok_or_else(|| format!("`{text}` is not a status: write one of {names}"))
    }
}

impl Record for ConfigChange {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "config_changes",
        indexes: &[IndexSpec {
            name: "recent",
            prefix: 1,
        }],
    };

    fn key(&self) -> String {
        self.id.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        vec![Some(IndexEntry {
            prefix: vec![self.status.as_str().to_owned()],
            sort: self.created_at.as_millis(),
        })]
    }
}
