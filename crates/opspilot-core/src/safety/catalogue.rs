//! The types of action that there are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::action::{Action, Approved, Digest};
use super::identity::Role;
use crate::incident::IncidentId;

/// A type of action, as the configuration file describes it: how it is planned, shown, done and checked.
///
/// Everything but [`ActionType::execute`] leaves the world as it is.
#[async_trait]
pub trait ActionType: Send + Sync + fmt::Debug + 'static {
    /// Who does it: `command`, `systemd`, `kubernetes`, `http`, `manual` …
    fn executor(&self) -> &'static str;

    /// What it is for, in one sentence.
    fn description(&self) -> &str;

    /// The digest of everything in the configuration that decides what will be done.
    fn recipe(&self) -> Digest;

    /// Who must approve it.
    fn policy(&self) -> Policy;

    /// Checks arguments against the parameters and says exactly what would be done. Pure.
    ///
    /// # Errors
    /// Every argument that is missing, unknown or not as its parameter demands.
    fn plan(&self, arguments: &Map<String, Value>) -> Result<Plan, ArgumentError>;

    /// How the world is that the action rests on, for example a unit's state and start time; `None` if it rests on
    /// nothing. It is compared byte for byte between proposal and execution.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn observe(&self, arguments: &Map<String, Value>) -> Result<Option<String>, ActionError>;

    /// What the target says it would do; `None` if it cannot say.
    ///
    /// # Errors
    /// When the target refuses.
    async fn dry_run(&self, arguments: &Map<String, Value>) -> Result<Option<String>, ActionError>;

    /// Does it. Returns when it is over or its time is up; nothing that it started is left then.
    async fn execute(&self, approved: Approved) -> Outcome;

    /// Whether it helped: the post-condition. `None` if there is none, and the outcome decides.
    async fn verify(&self, action: &Action, incident: Option<&IncidentId>) -> Option<Verdict>;

    /// What to propose when it did not help: the type and arguments of another action.
    fn compensation(&self, arguments: &Map<String, Value>) -> Option<(String, Map<String, Value>)>;
}

/// What will be done, as it is shown to whoever decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// What it is done to, for example `unit nginx.service`.
    pub target: String,
    /// The exact deed.
    pub effect: Effect,
    /// What it touches, one line each: hosts, files, users, units.
    pub touches: Vec<String>,
    /// How success will be checked.
    pub success: String,
    /// What is proposed if it does not help, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
    /// What contains it: sandbox, user, limits, timeout; one line each.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// The exact deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum Effect {
    /// A program is started, without a shell.
    Command {
        /// The program and its arguments, one string each.
        argv: Vec<String>,
        /// The folder it works in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
        /// The user it runs as, if not the server's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// A request is sent.
    Request {
        /// The method.
        method: String,
        /// The address; secrets in it are hidden.
        url: String,
        /// The names of the headers that are sent.
        #[serde(default)]
        headers: Vec<String>,
        /// The body, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// A person does it.
    Manual {
        /// What to do.
        text: String,
    },
    /// The steps of a runbook.
    Steps {
        /// Each step, in order, in one line.
        steps: Vec<String>,
    },
}

/// Who must approve a type of action, and for how long that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policy {
    /// The least that an approver must be. Default `operator`.
    pub role: Role,
    /// How many different people must approve, from 1 to 5. Default 1.
    #[schemars(range(min = 1, max = 5))]
    pub approvers: u8,
    /// How long a proposal may wait for a decision, in minutes. From 1 to 10080, default 1440.
    #[schemars(range(min = 1, max = 10_080))]
    pub max_age_minutes: u32,
    /// How long an approval is valid, in minutes. From 1 to 60, default 15.
    #[schemars(range(min = 1, max = 60))]
    pub token_minutes: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            role: Role::Operator,
            approvers: 1,
            max_age_minutes: 24 * 60,
            token_minutes: 15,
        }
    }
}

impl Policy {
    /// A policy that asks for all that either asks for.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        Self {
            role: self.role.max(other.role),
            approvers: self.approvers.max(other.approvers),
            max_age_minutes: self.max_age_minutes.min(other.max_age_minutes),
            token_minutes: self.token_minutes.min(other.token_minutes),
        }
    }

    /// How long a proposal may wait for a decision.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        Duration::from_mins(self.max_age_minutes.into())
    }

    /// How long an approval is valid.
    #[must_use]
    pub fn token_lifetime(&self) -> Duration {
        Duration::from_mins(self.token_minutes.into())
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// True if the executor did what it should: exit code 0, a status below 300.
    pub succeeded: bool,
    /// How it ended in one line: `exit code 0`, `killed after 30 s`, `503 Service Unavailable`.
    pub summary: String,
    /// What it printed or answered, cut to the limit; control characters are kept and escaped where shown.
    pub output: String,
    /// True if there was more output than the limit.
    pub truncated: bool,
}

/// What a post-condition found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// True if the action helped.
    pub passed: bool,
    /// What was seen.
    pub detail: String,
}

/// Arguments that a type of action does not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .faults.join("; "))]
pub struct ArgumentError {
    /// One line for each fault: `unit: must match ^[a-z]+$`.
    pub faults: Vec<String>,
}

/// Why the state of a target could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ActionError(pub String);

/// The types of action that there are, by name; cloning it clones a handle.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(Arc<RwLock<Types>>);

type Types = BTreeMap<String, (&'static str, Arc<dyn ActionType>)>;

impl Catalogue {
    /// Replaces everything that `owner`, a module id, offered before. A name that another module offers stays theirs.
    pub fn offer(&self, owner: &'static str, types: BTreeMap<String, Arc<dyn ActionType>>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (other, _)| *other != owner);
        for (name, action_type) in types {
            known.entry(name).or_insert((owner, action_type));
        }
    }

    /// The type called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<dyn ActionType>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).map(|(_, found)| Arc::clone(found))
    }

    /// Every type with its name, in order of the names.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Arc<dyn ActionType>)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .map(|(name, (_, found))| (name.clone(), Arc::clone(found)))
            .collect()
    }
}
