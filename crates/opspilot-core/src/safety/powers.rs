//! What the gate lets others do, as values that the runtime hands out.
//!
//! A module proposes in its own name and starts what it proposed ([`ModuleActions`]). Deciding takes [`Decisions`], which
//! user interfaces alone are given, and an [`Identity`] for each call.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalogue::ActionType;
use super::gate::{Draft, Gate, GateError, Said, Verb};
use super::identity::Identity;
use super::proposal::Proposal;
use super::runner::{Runner, StartError};

/// What a module may do with actions.
#[derive(Debug, Clone)]
pub struct ModuleActions {
    gate: Gate,
    runner: Runner,
    module: &'static str,
}

impl ModuleActions {
    pub(crate) fn new(gate: Gate, runner: Runner, module: &'static str) -> Self {
        Self {
            gate,
            runner,
            module,
        }
    }

    /// Proposals, executions and the catalogue, to read.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Replaces the types of action that the module offers.
    pub fn offer(&self, types: BTreeMap<String, Arc<dyn ActionType>>) {
        self.gate.catalogue().offer(self.module, types);
    }

    /// Proposes `draft` in the module's name.
    ///
    /// # Errors
    /// When an action or its arguments are wrong, a target does not answer, or nothing can be stored.
    pub async fn propose(&self, draft: Draft) -> Result<Proposal, GateError> {
        self.gate.propose(draft, self.module).await
    }

    /// Takes back what the module proposed.
    ///
    /// # Errors
    /// When the proposal is not the module's, is being done or over, or nothing can be stored.
    pub async fn cancel(&self, id: &str, reason: Option<String>) -> Result<Proposal, GateError> {
        self.gate.cancel(id, self.module, None, reason).await
    }

    /// Starts action `index` of a held proposal of the module that people approved; the end is told by
    /// `action.executed`, a refusal by `action.withdrawn`.
    ///
    /// # Errors
    /// When there is no approval for it in this process, or the server is stopping.
    pub fn start(&self, id: &str, index: usize) -> Result<(), StartError> {
        self.runner.start(id, index, self.module)
    }
}

/// The power to act on behalf of people who proved who they are.
#[derive(Debug, Clone)]
pub struct Decisions {
    gate: Gate,
    runner: Runner,
}

impl Decisions {
    pub(crate) fn new(gate: Gate, runner: Runner) -> Self {
        Self { gate, runner }
    }

    /// Proposes `draft` on behalf of `by`.
    ///
    /// # Errors
    /// When an action or its arguments are wrong, a target does not answer, or nothing can be stored.
    pub async fn propose(&self, draft: Draft, by: &Identity) -> Result<Proposal, GateError> {
        self.gate.propose(draft, by.subject()).await
    }

    /// What `draft` would be as a proposal, without proposing it.
    ///
    /// # Errors
    /// As [`Decisions::propose`].
    pub async fn preview(&self, draft: Draft, by: &Identity) -> Result<Proposal, GateError> {
        self.gate.preview(draft, by.subject()).await
    }

    /// Approves or denies the proposal `id` on behalf of `by`. Once enough people approved it, it is done.
    ///
    /// # Errors
    /// [`GateError::Refused`] with its reason, which is audited; or when nothing can be stored.
    pub async fn decide(
        &self,
        id: &str,
        verb: Verb,
        by: &Identity,
        said: impl Into<Said>,
    ) -> Result<Proposal, GateError> {
        self.runner.decide(id, verb, by, said.into()).await
    }

    /// Takes the proposal `id` back on behalf of `by`: its proposer or an administrator.
    ///
    /// # Errors
    /// When it is refused or nothing can be stored.
    pub async fn cancel(
        &self,
        id: &str,
        by: &Identity,
        reason: Option<String>,
    ) -> Result<Proposal, GateError> {
        self.gate
            .cancel(id, by.subject(), Some(by.role()), reason)
            .await
    }
}
