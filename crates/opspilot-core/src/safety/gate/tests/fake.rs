//! A place with a gate, a runner, and a type of action that only counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::safety::action::{Action, Approved, Digest};
use crate::safety::audit::AuditFilter;
use crate::safety::catalogue::{
    ActionError, ActionType, ArgumentError, Effect, Outcome, Plan, Policy, Verdict,
};
use crate::safety::powers::{Decisions, ModuleActions};
use crate::safety::runner::Runner;
use crate::storage::MemoryStorage;
use crate::testing::Bench;

/// A gate with everything around it.
pub(super) struct Place {
    pub(super) gate: Gate,
    pub(super) runner: Runner,
    pub(super) decisions: Decisions,
    pub(super) fake: Arc<Fake>,
    pub(super) clock: Arc<ManualClock>,
    bench: Bench,
}

impl Place {
    pub(super) async fn new() -> Self {
        let storage = Arc::new(MemoryStorage::default());
        let clock = ManualClock::starting_at(Timestamp::from_millis(1_790_000_000_000));
        Self::on(storage, clock).await
    }

    /// The same storage in the next process.
    pub(super) async fn restart(&self) -> Self {
        Self::on(Arc::clone(&self.bench.storage), Arc::clone(&self.clock)).await
    }

    async fn on(storage: SharedStorage, clock: Arc<ManualClock>) -> Self {
        let bench = Bench::on(storage, Arc::<ManualClock>::clone(&clock)).await;
        let (gate, runner) = (bench.gate.clone(), bench.runner.clone());
        let fake = Arc::new(Fake::default());
        let place = Self {
            decisions: Decisions::new(gate.clone(), runner.clone()),
            gate,
            runner,
            fake,
            clock,
            bench,
        };
        place.offer();
        place
    }

    pub(super) fn offer(&self) {
        let types = BTreeMap::from_iter([(
            "restart".to_owned(),
            Arc::<Fake>::clone(&self.fake) as Arc<dyn ActionType>,
        )]);
        self.gate.catalogue().offer("action.safe", types);
    }

    pub(super) fn module(&self, id: &'static str) -> ModuleActions {
        ModuleActions::new(self.gate.clone(), self.runner.clone(), id)
    }

    pub(super) async fn propose(&self, by: &str) -> Proposal {
        self.decisions.propose(draft(), &person(by)).await.unwrap()
    }

    pub(super) async fn approve(&self, id: &str, by: &str) -> Result<Proposal, GateError> {
        self.decisions
            .decide(id, Verb::Approve, &person(by), None)
            .await
    }

    /// The proposal once it waits for nobody.
    pub(super) async fn ended(&self, id: &str) -> Proposal {
        loop {
            let proposal = self.gate.get(id).await.unwrap().unwrap();
            if !proposal.status.is_open() {
                return proposal;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Returns once the fake ran `count` times and nothing is being executed.
    pub(super) async fn ran(&self, count: usize) {
        while self.fake.runs() < count {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        if self.fake.hangs.load(Ordering::SeqCst) {
            return;
        }
        loop {
            let (all, _) = self.gate.executions(None, None, 100).await.unwrap();
            if all.iter().all(|execution| !execution.state.is_open()) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The next proposal of `by`, when it is there.
    pub(super) async fn next_of(&self, by: &str) -> Proposal {
        loop {
            let (page, _) = self
                .gate
                .list(&ProposalFilter::default(), None, 10)
                .await
                .unwrap();
            if let Some(found) = page.into_iter().find(|found| found.requested_by == by) {
                return found;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Action and actor of every audit entry about actions, oldest first.
    pub(super) async fn audited(&self) -> Vec<(String, String)> {
        let (mut entries, _) = self
            .bench
            .audit
            .list(&AuditFilter::default(), None, 5_000)
            .await
            .unwrap();
        entries.reverse();
        entries
            .into_iter()
            .filter(|entry| entry.action.starts_with("action."))
            .map(|entry| (entry.action.to_string(), entry.actor))
            .collect()
    }

    /// How many refusals with this reason were audited.
    pub(super) async fn refusals(&self, refusal: Refusal) -> usize {
        let (entries, _) = self
            .bench
            .audit
            .list(&AuditFilter::default(), None, 5_000)
            .await
            .unwrap();
        entries
            .iter()
            .filter(|entry| entry.action == "action.refused")
            .filter(|entry| entry.details.get("reason") == Some(&json!(refusal.code())))
            .count()
    }
}

pub(super) fn person(subject: &str) -> Identity {
    Identity::vouch(subject, Role::Operator, Kind::Human, Method::ApiKey)
}

pub(super) fn draft() -> Draft {
    Draft {
        items: vec![Item {
            action_type: "restart".into(),
            arguments: Map::from_iter([("unit".to_owned(), json!("web"))]),
            from_evidence: Vec::new(),
        }],
        description: "Restart the web server".into(),
        reasoning: "It does not answer".into(),
        incident: None,
        asked_by: None,
        held: false,
    }
}

/// A type of action that counts how often it was executed.
#[derive(Debug, Default)]
pub(super) struct Fake {
    runs: AtomicUsize,
    hangs: AtomicBool,
    panics: AtomicBool,
    check_fails: AtomicBool,
    go_on: Notify,
    pub(super) pid: AtomicUsize,
    pub(super) recipe: Mutex<&'static str>,
    pub(super) policy: Mutex<Policy>,
}

impl Fake {
    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Every later execution does not end before [`Fake::go_on`].
    pub(super) fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// Lets every execution end.
    pub(super) fn go_on(&self) {
        self.hangs.store(false, Ordering::SeqCst);
        self.go_on.notify_waiters();
    }

    /// Every later execution breaks off.
    pub(super) fn panic(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// Every later post-condition does not hold.
    pub(super) fn fail_check(&self) {
        self.check_fails.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl ActionType for Fake {
    fn executor(&self) -> &'static str {
        "fake"
    }

    fn description(&self) -> &str {
        "Counts."
    }

    fn recipe(&self) -> Digest {
        Digest::of(self.recipe.lock().unwrap().as_bytes())
    }

    fn policy(&self) -> Policy {
        self.policy.lock().unwrap().clone()
    }

    fn plan(&self, arguments: &Map<String, Value>) -> Result<Plan, ArgumentError> {
        if arguments.get("unit") != Some(&json!("web")) {
            let faults = vec!["unit: must be `web`".to_owned()];
            return Err(ArgumentError { faults });
        }
        Ok(Plan {
            target: "unit web".into(),
            effect: Effect::Command {
                argv: vec!["/bin/restart".into(), "web".into()],
                folder: None,
                user: None,
            },
            touches: vec!["unit web".into()],
            success: "it answers".into(),
            rollback: None,
            limits: Vec::new(),
        })
    }

    async fn observe(&self, _: &Map<String, Value>) -> Result<Option<String>, ActionError> {
        let pid = self.pid.load(Ordering::SeqCst) + 1;
        Ok(Some(format!("pid {pid}")))
    }

    async fn dry_run(&self, _: &Map<String, Value>) -> Result<Option<String>, ActionError> {
        Ok(Some("would restart web".into()))
    }

    async fn execute(&self, approved: Approved) -> Outcome {
        assert_eq!(approved.action().target, "unit web");
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            self.go_on.notified().await;
        }
        assert!(
            !self.panics.load(Ordering::SeqCst),
            "the executor has a fault"
        );
        Outcome {
            succeeded: true,
            summary: "exit code 0".into(),
            output: String::new(),
            truncated: false,
        }
    }

    async fn verify(&self, _: &Action, _: Option<&IncidentId>) -> Option<Verdict> {
        let passed = !self.check_fails.load(Ordering::SeqCst);
        Some(Verdict {
            passed,
            detail: "asked".into(),
        })
    }

    fn compensation(&self, arguments: &Map<String, Value>) -> Option<(String, Map<String, Value>)> {
        Some(("restart".into(), arguments.clone()))
    }
}
