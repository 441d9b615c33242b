//! A type of action that does nothing but take down that it was done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::action::{Action, Approved, Digest};
use opspilot_core::safety::catalogue::{
    ActionError, ActionType, ArgumentError, Effect, Outcome, Plan, Policy, Verdict,
};
use serde_json::{Map, Value};
use tokio::sync::Notify;

type Arguments = Map<String, Value>;

/// Restarts a unit, or so it says.
#[derive(Debug, Default)]
pub(super) struct Fake {
    done: Mutex<Vec<String>>,
    /// It fails.
    pub(super) fails: AtomicBool,
    /// It does not end before it is told to.
    pub(super) hangs: AtomicBool,
    pub(super) go_on: Notify,
    /// How many more times the post-condition does not hold.
    pub(super) unwell: AtomicUsize,
    /// What the target looks like.
    pub(super) world: Mutex<String>,
}

impl Fake {
    pub(super) fn catalogue(self: &Arc<Self>) -> BTreeMap<String, Arc<dyn ActionType>> {
        let this: Arc<dyn ActionType> = Arc::<Self>::clone(self);
        BTreeMap::from([("restart".to_owned(), this)])
    }

    /// The units that were restarted, in order.
    pub(super) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

#[async_trait]
impl ActionType for Fake {
    fn executor(&self) -> &'static str {
        "command"
    }

    fn description(&self) -> &'static str {
        "Restarts a unit"
    }

    fn recipe(&self) -> Digest {
        Digest::of(b"restart")
    }

    fn policy(&self) -> Policy {
        Policy {
            max_age_minutes: 60,
            ..Policy::default()
        }
    }

    fn plan(&self, arguments: &Arguments) -> Result<Plan, ArgumentError> {
        let Some(unit) = arguments.get("unit").and_then(Value::as_str) else {
            let faults = vec!["unit: is missing".to_owned()];
            return Err(ArgumentError { faults });
        };
        Ok(Plan {
            target: format!("unit {unit}"),
            effect: Effect::Command {
                argv: vec!["/bin/systemctl".into(), "restart".into(), unit.into()],
                folder: None,
                user: None,
            },
            touches: Vec::new(),
            success: "it is active".into(),
            rollback: None,
            limits: Vec::new(),
        })
    }

    async fn observe(&self, _: &Arguments) -> Result<Option<String>, ActionError> {
        Ok(Some(self.world.lock().unwrap().clone()))
    }

    async fn dry_run(&self, _: &Arguments) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    async fn execute(&self, approved: Approved) -> Outcome {
        self.done
            .lock()
            .unwrap()
            .push(approved.action().target.clone());
        if self.hangs.load(Ordering::SeqCst) {
            self.go_on.notified().await;
        }
        let succeeded = !self.fails.load(Ordering::SeqCst);
        Outcome {
            succeeded,
            summary: if succeeded {
                "exit code 0"
            } else {
                "exit code 1"
            }
            .into(),
            output: "restarted".into(),
            truncated: false,
        }
    }

    async fn verify(&self, _: &Action, _: Option<&IncidentId>) -> Option<Verdict> {
        let less = |left: usize| left.checked_sub(1);
        let is_unwell = self
            .unwell
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok();
        Some(Verdict {
            passed: !is_unwell,
            detail: if is_unwell {
                "it is dead"
            } else {
                "it is active"
            }
            .into(),
        })
    }

    fn compensation(&self, _: &Arguments) -> Option<(String, Arguments)> {
        None
    }
}
