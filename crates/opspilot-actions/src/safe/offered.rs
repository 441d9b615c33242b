//! Entries of the catalogue, and actions that people do, as types of action.

use std::sync::Arc;

use async_trait::async_trait;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::action::{Action, Approved, Digest};
use opspilot_core::safety::catalogue::{
    ActionError, ActionType, ArgumentError, Effect, Outcome, Plan, Policy, Verdict,
};
use serde_json::{Map, Value as Json};

use super::catalogue::{Prepared, Values};
use super::deed::{World, not_done};

/// An entry of the catalogue, with a world to act on.
#[derive(Debug)]
pub(crate) struct Offered {
    prepared: Arc<Prepared>,
    world: World,
}

impl Offered {
    pub(crate) const fn new(prepared: Arc<Prepared>, world: World) -> Self {
        Self { prepared, world }
    }

    fn values(&self, arguments: &Map<String, Json>) -> Result<Values, ActionError> {
        let values = self.prepared.parameters.check(arguments);
        values.map_err(|error| ActionError(error.to_string()))
    }

    /// Does `action`, if it is still what the catalogue says. The proof of its approval is gone by now: only
    /// [`ActionType::execute`] calls this.
    pub(crate) async fn perform(&self, action: &Action) -> Outcome {
        if action.recipe != self.prepared.recipe || action.executor != self.prepared.deed.executor()
        {
            return not_done("not done: the catalogue has changed since it was approved");
        }
        match self.prepared.parameters.check(&action.arguments) {
            Ok(values) => self.prepared.deed.perform(&values, &self.world).await,
            Err(error) => not_done(format!("not done: {error}")),
        }
    }
}

#[async_trait]
impl ActionType for Offered {
    fn executor(&self) -> &'static str {
        self.prepared.deed.executor()
    }

    fn description(&self) -> &str {
        &self.prepared.options.description
    }

    fn recipe(&self) -> Digest {
        self.prepared.recipe
    }

    fn policy(&self) -> Policy {
        self.prepared.options.policy.clone()
    }

    fn plan(&self, arguments: &Map<String, Json>) -> Result<Plan, ArgumentError> {
        let values = self.prepared.parameters.check(arguments)?;
        let verification = self.prepared.verification.as_ref();
        let faults = verification
            .map(|check| check.faults(&values))
            .unwrap_or_default();
        let planned = match self.prepared.deed.plan(&values) {
            Ok(planned) if faults.is_empty() => planned,
            Ok(_) => return Err(ArgumentError { faults }),
            Err(faults) => return Err(ArgumentError { faults }),
        };
        let success = self.prepared.deed.success();
        Ok(Plan {
            target: planned.target,
            effect: planned.effect,
            touches: planned.touches,
            success: verification.map_or_else(|| success.to_owned(), |check| check.describe()),
            rollback: self
                .prepared
                .compensation(&values)
                .map(|(name, arguments)| {
                    if arguments.is_empty() {
                        return format!("{name} is proposed");
                    }
                    format!("{name} is proposed, with {}", Json::Object(arguments))
                }),
            limits: planned.limits,
        })
    }

    async fn observe(&self, arguments: &Map<String, Json>) -> Result<Option<String>, ActionError> {
        let values = self.values(arguments)?;
        self.prepared.deed.observe(&values, &self.world).await
    }

    async fn dry_run(&self, arguments: &Map<String, Json>) -> Result<Option<String>, ActionError> {
        let values = self.values(arguments)?;
        self.prepared.deed.dry_run(&values, &self.world).await
    }

    async fn execute(&self, approved: Approved) -> Outcome {
        self.perform(approved.action()).await
    }

    async fn verify(&self, action: &Action, incident: Option<&IncidentId>) -> Option<Verdict> {
        let verification = self.prepared.verification.as_ref()?;
        let values = self
            .prepared
            .parameters
            .check(&action.arguments)
            .unwrap_or_default();
        Some(verification.verify(&values, incident, &self.world).await)
    }

    fn compensation(&self, arguments: &Map<String, Json>) -> Option<(String, Map<String, Json>)> {
        let values = self.prepared.parameters.check(arguments).ok()?;
        self.prepared.compensation(&values)
    }
}

/// Something that a person does by hand; approving it records the decision.
#[derive(Debug)]
pub(crate) struct Manual {
    pub(crate) description: String,
    /// What to do.
    pub(crate) text: String,
}

#[async_trait]
impl ActionType for Manual {
    fn executor(&self) -> &'static str {
        "manual"
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn recipe(&self) -> Digest {
        Digest::of(format!("manual\0{}", self.text).as_bytes())
    }

    fn policy(&self) -> Policy {
        Policy::default()
    }

    fn plan(&self, arguments: &Map<String, Json>) -> Result<Plan, ArgumentError> {
        let faults: Vec<_> = arguments
            .keys()
            .map(|_| "a manual action has no parameters".to_owned())
            .collect();
        if !faults.is_empty() {
            return Err(ArgumentError { faults });
        }
        Ok(Plan {
            target: "a person".to_owned(),
            effect: Effect::Manual {
                text: self.text.clone(),
            },
            touches: Vec::new(),
            success: "whoever does it sees to it".to_owned(),
            rollback: None,
            limits: vec!["the server runs nothing: a person does this by hand".to_owned()],
        })
    }

    async fn observe(&self, _: &Map<String, Json>) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    async fn dry_run(&self, _: &Map<String, Json>) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    async fn execute(&self, _: Approved) -> Outcome {
        Outcome {
            succeeded: true,
            summary: "the decision is recorded; a person does it by hand".to_owned(),
            output: String::new(),
            truncated: false,
        }
    }

    async fn verify(&self, _: &Action, _: Option<&IncidentId>) -> Option<Verdict> {
        None
    }

    fn compensation(&self, _: &Map<String, Json>) -> Option<(String, Map<String, Json>)> {
        None
    }
}
