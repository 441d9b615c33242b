//! Runs behind the gate, with a catalogue of fakes and people who decide.

mod approvals;
mod crashes;
mod fake;
mod options;
mod people;
mod starts;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::{ManualClock, Timestamp};
use opspilot_core::config::ModuleOptions;
use opspilot_core::event::IncidentCreated;
use opspilot_core::incident::{IncidentId, Incidents, Severity};
use opspilot_core::module::{Category, Context, Factory, Manifest};
use opspilot_core::safety::gate::{GateError, ProposalFilter, Verb};
use opspilot_core::safety::identity::{Identity, Kind, Method, Role};
use opspilot_core::safety::proposal::{Proposal, ProposalStatus};
use opspilot_core::safety::runbook::{Run, RunState};
use opspilot_core::storage::{MemoryStorage, SharedStorage};
use opspilot_core::testing::Bench;
use serde_json::{Map, Value, json};

use self::fake::Fake;
use super::Runbook;

/// The module whose catalogue the steps name.
static SAFE: Manifest = Manifest::new("action.safe", Category::Action, "");

/// A process with a running module.
struct Scene {
    bench: Bench,
    clock: Arc<ManualClock>,
    cx: Context,
    fake: Arc<Fake>,
}

struct Create(Incidents, IncidentCreated);

#[async_trait]
impl Work for Create {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        if self.0.create_in(tx, &self.1).await.unwrap() {
            tx.emit(self.1);
        }
    }
}

/// One runbook for every critical incident.
fn runbook(steps: &Value) -> Value {
    json!({
        "runbooks": [{ "id": "web", "title": "The web hangs", "match": { "severity": ["critical"] }, "steps": steps }],
    })
}

fn restart() -> Value {
    json!({ "kind": "command", "title": "Restart it", "action": "restart", "arguments": { "unit": "web" } })
}

fn incident(id: &str, title: &str, severity: Severity, rule: &str) -> IncidentCreated {
    IncidentCreated {
        incident_id: IncidentId::from(id),
        title: title.into(),
        description: String::new(),
        severity,
        detected_by: "detector.regex".into(),
        source_event: None,
        detected_at: Timestamp::UNIX_EPOCH,
        occurrences: 1,
        last_seen_at: None,
        auto_resolve_ms: None,
        context: Map::from_iter([("ruleId".to_owned(), json!(rule))]),
    }
}

fn somebody(subject: &str) -> Identity {
    Identity::vouch(subject, Role::Operator, Kind::Human, Method::ApiKey)
}

impl Scene {
    async fn new(options: Value) -> Self {
        let clock = ManualClock::starting_at(Timestamp::parse("2026-03-02T12:00:00Z").unwrap());
        Self::on(Arc::new(MemoryStorage::default()), clock, options).await
    }

    async fn on(storage: SharedStorage, clock: Arc<ManualClock>, options: Value) -> Self {
        let bench = Bench::on(storage, Arc::clone(&clock) as _).await;
        let fake = Arc::new(Fake::default());
        bench.context(&SAFE).actions.offer(fake.catalogue());
        let factory = Factory::of::<Runbook>();
        let cx = bench.context(factory.manifest());
        let options = ModuleOptions::from_json("action.runbook", options);
        let mut module = factory.build(&options).unwrap();
        module.init(&cx).await.unwrap();
        let running = cx.clone();
        cx.tasks.spawn("run", async move {
            // Only a storage that died ends it; a test that needs it sees nothing happen.
            module.run(&running).await.ok();
        });
        Self {
            bench,
            clock,
            cx,
            fake,
        }
    }

    /// Ends the process without a word, and starts another.
    async fn restart(self, options: Value) -> Self {
        self.cx.cancel.cancel();
        self.bench.bus.close(std::future::pending()).await;
        Self::on(self.bench.storage, self.clock, options).await
    }

    /// Lets both clocks pass by `seconds`.
    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    async fn create(&self, id: &str) {
        self.create_like(id, "Web is down", Severity::Critical, "rule")
            .await;
    }

    async fn create_like(&self, id: &str, title: &str, severity: Severity, rule: &str) {
        let event = incident(id, title, severity, rule);
        let create = Create(self.bench.incidents.clone(), event);
        self.bench
            .bus
            .transact("detector.regex", create)
            .await
            .unwrap();
        self.pass(1).await;
    }

    /// Creates an incident if the storage lives, unless it is there.
    async fn try_create(&self, id: &str) {
        let event = incident(id, "Web is down", Severity::Critical, "rule");
        let create = Create(self.bench.incidents.clone(), event);
        self.bench.bus.transact("detector.regex", create).await.ok();
    }

    /// Every run, newest last.
    async fn runs(&self) -> Vec<Run> {
        let (mut runs, _) = self.bench.runbooks.list(&[], None, 1_000).await.unwrap();
        runs.reverse();
        runs
    }

    /// The only run.
    async fn only(&self) -> Run {
        let runs = self.runs().await;
        let [run] = runs.as_slice() else {
            panic!("{runs:?}")
        };
        run.clone()
    }

    /// The only run in one line: its state, and those of its steps.
    async fn line(&self) -> String {
        let run = self.only().await;
        let steps: Vec<_> = run.steps.iter().map(|step| step.state.as_str()).collect();
        format!("{}: {}", run.state, steps.join(" "))
    }

    async fn proposals(&self, status: ProposalStatus) -> Vec<Proposal> {
        let filter = ProposalFilter {
            statuses: vec![status],
            incident: None,
        };
        self.bench.gate.list(&filter, None, 100).await.unwrap().0
    }

    /// The only proposal that waits.
    async fn pending(&self) -> Proposal {
        let pending = self.proposals(ProposalStatus::Pending).await;
        let [proposal] = pending.as_slice() else {
            panic!("{pending:?}")
        };
        proposal.clone()
    }

    async fn decide(&self, verb: Verb) -> Result<Proposal, GateError> {
        let id = self.pending().await.id;
        let decisions = self.bench.decisions();
        let decided = decisions.decide(&id, verb, &somebody("otto"), None).await;
        self.pass(1).await;
        decided
    }

    async fn approve(&self) {
        self.decide(Verb::Approve).await.unwrap();
    }

    /// The types of everything that was told of runs, with the status.
    async fn told(&self) -> Vec<String> {
        let events = self.bench.bus.journal().read(0, 10_000).await.unwrap();
        let of_runs = events
            .iter()
            .filter(|event| event.kind().starts_with("runbook."));
        let line = |event: &Arc<opspilot_core::event::Envelope>| {
            let wire: Value = serde_json::from_str(event.json()).unwrap();
            let status = wire["payload"]["status"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            format!("{} {status}", event.kind()).trim_end().to_owned()
        };
        of_runs.map(line).collect()
    }

    async fn is_in(&self, state: RunState) -> bool {
        self.only().await.state == state
    }
}
