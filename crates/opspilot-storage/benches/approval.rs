//! How long it takes from a person's approval to the start of the action, while 10,000 other proposals wait.
//!
//! `cargo bench -p opspilot-storage --bench approval`; prints the median and the 99th percentile on SQLite. The files go
//! to the directory for temporary files: point `TMPDIR` at the disk of interest.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opspilot_core::clock::SystemClock;
use opspilot_core::config::{Durability, Storage, StorageEngine, StorageOptions};
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::action::{Action, Approved, Digest};
use opspilot_core::safety::catalogue::{
    ActionError, ActionType, ArgumentError, Effect, Outcome, Plan, Policy, Verdict,
};
use opspilot_core::safety::gate::{Arguments, Draft, Item, Verb};
use opspilot_core::safety::identity::{Identity, Kind, Method, Role};
use opspilot_core::safety::powers::Decisions;
use opspilot_core::testing::Bench;
use opspilot_storage::open;
use tokio::sync::mpsc;

/// How many proposals wait all the time.
const WAITING: usize = 10_000;

/// How many are approved, one after another.
const APPROVED: usize = 500;

/// Tells when it is carried out.
#[derive(Debug)]
struct Starts(mpsc::Sender<Instant>);

#[async_trait]
impl ActionType for Starts {
    fn executor(&self) -> &'static str {
        "bench"
    }

    fn description(&self) -> &'static str {
        "Tells when it starts"
    }

    fn recipe(&self) -> Digest {
        Digest::of(b"bench")
    }

    fn policy(&self) -> Policy {
        Policy::default()
    }

    fn plan(&self, _: &Arguments) -> Result<Plan, ArgumentError> {
        Ok(Plan {
            target: "unit web".into(),
            effect: Effect::Command {
                argv: vec!["/bin/systemctl".into(), "restart".into(), "web".into()],
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
        Ok(None)
    }

    async fn dry_run(&self, _: &Arguments) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    async fn execute(&self, _: Approved) -> Outcome {
        self.0.send(Instant::now()).await.ok();
        Outcome {
            succeeded: true,
            summary: "exit code 0".into(),
            output: String::new(),
            truncated: false,
        }
    }

    async fn verify(&self, _: &Action, _: Option<&IncidentId>) -> Option<Verdict> {
        None
    }

    fn compensation(&self, _: &Arguments) -> Option<(String, Arguments)> {
        None
    }
}

fn draft() -> Draft {
    Draft {
        items: vec![Item {
            action_type: "bench".into(),
            arguments: Arguments::new(),
            from_evidence: Vec::new(),
        }],
        description: "Restart the web server".into(),
        reasoning: "It does not answer".into(),
        incident: None,
        asked_by: None,
        held: false,
    }
}

fn person(name: &str) -> Identity {
    Identity::vouch(name, Role::Operator, Kind::Human, Method::ApiKey)
}

/// Proposes [`WAITING`] actions, many at a time.
async fn fill(decisions: &Decisions) -> Result<(), Box<dyn Error>> {
    const TOGETHER: usize = 500;
    for _ in 0..WAITING / TOGETHER {
        let mut proposals = tokio::task::JoinSet::new();
        for _ in 0..TOGETHER {
            let decisions = decisions.clone();
            proposals.spawn(async move { decisions.propose(draft(), &person("rosa")).await });
        }
        for proposed in proposals.join_all().await {
            proposed?;
        }
    }
    Ok(())
}

async fn measure(storage: &Storage) -> Result<Vec<Duration>, Box<dyn Error>> {
    let bench = Bench::on(open(storage).await?, SystemClock::shared()).await;
    let (starts, mut started) = mpsc::channel(1);
    let types = BTreeMap::from([("bench".to_owned(), Arc::new(Starts(starts)) as _)]);
    bench.gate.catalogue().offer("bench", types);
    let decisions = bench.decisions();
    fill(&decisions).await?;
    let mut times = Vec::with_capacity(APPROVED);
    for _ in 0..APPROVED {
        let proposal = decisions.propose(draft(), &person("rosa")).await?;
        let asked = Instant::now();
        decisions
            .decide(&proposal.id, Verb::Approve, &person("otto"), None)
            .await?;
        let begun = started.recv().await.ok_or("nothing was started")?;
        times.push(begun - asked);
    }
    Ok(times)
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let storage = Storage {
        engine: StorageEngine::Sqlite,
        durability: Durability::Durable,
        options: StorageOptions {
            db_path: directory.path().join("bench.db"),
            data_dir: directory.path().join("data"),
        },
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut times = runtime.block_on(measure(&storage))?;
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied();
    let (half, most) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
    writeln!(
        std::io::stdout(),
        "proposal_to_execution: {WAITING} wait, {APPROVED} approved: p50 {half:?}, p99 {most:?}"
    )?;
    Ok(())
}
