//! What runs promise: the machine for itself, and the service behind it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Map;

use super::{Run, RunState, Runbook, RunbookError, Runbooks, Step, StepKind, StepState, Told};
use crate::bus::{Tx, Work};
use crate::clock::{ManualClock, Timestamp};
use crate::event::{
    Event as _, IncidentCreated, RunbookCompleted, RunbookStarted, RunbookStepCompleted,
};
use crate::incident::{IncidentId, Incidents, Severity};
use crate::safety::audit::AuditFilter;
use crate::safety::identity::{Identity, Kind, Method, Role};
use crate::storage::{MemoryStorage, SharedStorage};
use crate::testing::Bench;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn step(kind: StepKind, instruction: &str) -> Step {
    Step {
        kind,
        instruction: instruction.into(),
        action: None,
        wait_ms: 0,
        timeout_ms: 60_000,
        may_fail: false,
    }
}

fn runbook(id: &str, kinds: &[StepKind]) -> Runbook {
    let numbered = kinds.iter().enumerate();
    Runbook {
        id: id.into(),
        title: format!("title of {id}"),
        steps: numbered
            .map(|(index, kind)| step(*kind, &format!("step {index}")))
            .collect(),
    }
}

fn start(runbook: &Runbook, approves_per_step: bool) -> Run {
    let incident = IncidentId::from("i");
    Run::start(
        "RB-1".into(),
        (runbook, approves_per_step),
        (&incident, "ann"),
        NOW,
    )
    .0
}

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

#[test]
fn a_run_ends_with_its_last_step() {
    let mut run = start(&runbook("r", &[StepKind::Wait, StepKind::Check]), true);
    assert_eq!((run.state, run.due_at), (RunState::Running, Some(NOW)));
    run.begin_step(StepState::Executing, Some(Duration::from_secs(5)), NOW);
    assert_eq!(run.due_at, Some(later(5)));
    let told = run.end_step(StepState::Completed, None, None, later(5));
    assert_eq!(told.len(), 1);
    assert_eq!((run.at_hand(), run.due_at), (Some(1), Some(later(5))));
    let told = run.end_step(StepState::Completed, Some("all well"), None, later(7));
    let [Told::Step(step), Told::Done(done)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(
        (step.step_index, step.output.as_deref()),
        (1, Some("all well"))
    );
    assert_eq!(
        (done.status.as_str(), done.completed_steps, done.duration_ms),
        ("completed", 2, 7_000)
    );
    assert_eq!(
        (run.state, run.due_at, run.ended_at),
        (RunState::Completed, None, Some(later(7)))
    );
}

#[test]
fn a_step_that_fails_ends_the_run_unless_it_may() {
    let mut may = runbook("r", &[StepKind::Check, StepKind::Check, StepKind::Check]);
    may.steps[0].may_fail = true;
    let mut run = start(&may, true);
    run.end_step(StepState::Failed, None, None, NOW);
    assert_eq!(run.state, RunState::Running);
    let told = run.end_step(StepState::Failed, None, None, NOW);
    let Some(Told::Done(done)) = told.last() else {
        panic!("{told:?}");
    };
    assert_eq!(
        (
            done.status.as_str(),
            done.failed_steps,
            done.reason.as_deref()
        ),
        ("failed", 2, Some("step 2 failed"))
    );
    assert_eq!(run.steps[2].state, StepState::Pending);
}

#[test]
fn only_the_step_at_hand_can_be_ended_and_only_when_it_waits_for_a_person() {
    let mut run = start(&runbook("r", &[StepKind::Manual, StepKind::Command]), true);
    let refused = |outcome: Result<Vec<Told>, super::NotNow>| outcome.unwrap_err().to_string();
    let early = run.complete_step(0, ("ann", None), NOW);
    assert_eq!(
        refused(early),
        "step 1 is pending: it is not for a person to end"
    );
    run.begin_step(StepState::AwaitingPerson, None, NOW);
    assert_eq!(
        refused(run.skip_step(1, ("ann", None), NOW)),
        "step 2 is not at hand: step 1 is"
    );
    run.complete_step(0, ("ann", Some("drained")), NOW).unwrap();
    assert_eq!(
        (
            run.steps[0].ended_by.as_deref(),
            run.steps[0].output.as_deref()
        ),
        (Some("ann"), Some("drained"))
    );
    run.begin_step(StepState::Executing, None, NOW);
    assert_eq!(
        refused(run.skip_step(1, ("ann", None), NOW)),
        "step 2 is under way: wait until it is over"
    );
}

#[test]
fn an_unknown_outcome_pauses_until_a_person_says_how_to_go_on() {
    let unknown = || {
        let mut run = start(&runbook("r", &[StepKind::Command, StepKind::Wait]), true);
        run.begin_step(StepState::Executing, None, NOW);
        run.end_step(StepState::Unknown, None, None, NOW);
        assert_eq!(
            (run.state, run.due_at, run.at_hand()),
            (RunState::Paused, None, Some(0))
        );
        run
    };
    let mut again = unknown();
    again.resume(NOW).unwrap();
    assert_eq!(
        (again.state, again.steps[0].state),
        (RunState::Running, StepState::Pending)
    );
    let mut done = unknown();
    done.complete_step(0, ("ann", None), NOW).unwrap();
    assert_eq!(
        (done.state, done.at_hand(), done.due_at),
        (RunState::Running, Some(1), Some(NOW))
    );
    let mut skipped = unknown();
    skipped.skip_step(0, ("ann", None), NOW).unwrap();
    assert_eq!(
        (skipped.state, skipped.steps[0].state),
        (RunState::Running, StepState::Skipped)
    );
}

/// A bench with runbooks, and an incident called `i`.
async fn bench(max_active: usize) -> Bench {
    let storage: SharedStorage = Arc::new(MemoryStorage::default());
    let bench = Bench::on(storage, ManualClock::starting_at(NOW)).await;
    bench.runbooks.offer(Runbooks {
        all: vec![
            runbook("manual", &[StepKind::Manual]),
            runbook("asking", &[StepKind::Approval]),
        ],
        approves_per_step: true,
        max_active,
    });
    let create = Create(bench.incidents.clone());
    bench.bus.transact("detector.test", create).await.unwrap();
    bench
}

struct Create(Incidents);

#[async_trait]
impl Work for Create {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        let event = IncidentCreated {
            incident_id: IncidentId::from("i"),
            title: "Disk full".into(),
            description: String::new(),
            severity: Severity::Warning,
            detected_by: "detector.test".into(),
            source_event: None,
            detected_at: NOW,
            occurrences: 1,
            last_seen_at: None,
            auto_resolve_ms: None,
            context: Map::new(),
        };
        assert!(self.0.create_in(tx, &event).await.unwrap());
    }
}

fn somebody(subject: &str, role: Role, kind: Kind) -> Identity {
    Identity::vouch(subject, role, kind, Method::ApiKey)
}

#[tokio::test]
async fn what_people_do_is_stored_told_and_audited() {
    let bench = bench(10).await;
    let runs = &bench.runbooks;
    let incident = IncidentId::from("i");
    let ann = somebody("ann", Role::Operator, Kind::Human);
    let run = runs.start("manual", &incident, &ann).await.unwrap();
    assert!(
        run.id.starts_with("RB-") && run.id.len() == 11,
        "{}",
        run.id
    );
    runs.pause(&run.id, &ann, Some("wait for bob".into()))
        .await
        .unwrap();
    runs.resume(&run.id, &ann, None).await.unwrap();
    runs.advance(&run.id, "action.runbook", |run, now| {
        run.begin_step(StepState::AwaitingPerson, None, now);
        Ok(Vec::new())
    })
    .await
    .unwrap();
    let done = runs
        .complete_step(&run.id, 0, &ann, Some("done".into()))
        .await
        .unwrap();
    assert_eq!(done.state, RunState::Completed);
    assert_eq!(runs.get(&run.id).await.unwrap(), done);
    let newest = runs.of_incident(&incident, 5).await.unwrap();
    assert_eq!(newest, std::slice::from_ref(&done));
    let (running, _) = runs.list(&[RunState::Running], None, 5).await.unwrap();
    assert!(running.is_empty());
    let events = bench.bus.journal().read(0, 100).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind()).collect();
    assert_eq!(
        kinds,
        [
            RunbookStarted::TYPE,
            RunbookStepCompleted::TYPE,
            RunbookCompleted::TYPE
        ]
    );
    let filter = AuditFilter::default();
    let (entries, _) = bench.audit.list(&filter, None, 10).await.unwrap();
    let deeds: Vec<_> = entries.iter().rev().map(|entry| &*entry.action).collect();
    assert_eq!(
        deeds,
        [
            "runbook.started",
            "runbook.paused",
            "runbook.resumed",
            "runbook.stepCompleted"
        ]
    );
    assert!(entries.iter().all(|entry| entry.actor == "ann"));
    assert_eq!(
        runs.abort(&run.id, &ann, None)
            .await
            .unwrap_err()
            .to_string(),
        format!("run `{}` is completed", run.id)
    );
}

#[tokio::test]
async fn viewers_do_nothing_and_programs_do_not_approve() {
    let bench = bench(10).await;
    let runs = &bench.runbooks;
    let incident = IncidentId::from("i");
    let viewer = somebody("eve", Role::Viewer, Kind::Human);
    let agent = somebody("bot", Role::Operator, Kind::Agent);
    let refused = runs.start("asking", &incident, &viewer).await;
    assert!(matches!(refused, Err(RunbookError::Forbidden(_))));
    let run = runs.start("asking", &incident, &agent).await.unwrap();
    runs.advance(&run.id, "action.runbook", |run, now| {
        run.begin_step(StepState::AwaitingPerson, None, now);
        Ok(Vec::new())
    })
    .await
    .unwrap();
    let refused = runs.complete_step(&run.id, 0, &agent, None).await;
    assert!(matches!(refused, Err(RunbookError::Forbidden(_))));
    let refused = runs.skip(&run.id, 0, &agent, None).await;
    assert!(matches!(refused, Err(RunbookError::Forbidden(_))));
    let refused = runs.abort(&run.id, &viewer, None).await;
    assert!(matches!(refused, Err(RunbookError::Forbidden(_))));
    let filter = AuditFilter {
        action: Some("runbook.refused".into()),
        ..AuditFilter::default()
    };
    let (entries, _) = bench.audit.list(&filter, None, 10).await.unwrap();
    let refused: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| (&*entry.actor, entry.details["attempted"].as_str().unwrap()))
        .collect();
    assert_eq!(
        refused,
        [
            ("eve", "runbook.started"),
            ("bot", "runbook.stepCompleted"),
            ("bot", "runbook.stepSkipped"),
            ("eve", "runbook.aborted"),
        ]
    );
}

#[tokio::test]
async fn paused_and_ended_runs_hold_no_slot() {
    let bench = bench(2).await;
    let runs = &bench.runbooks;
    let incident = IncidentId::from("i");
    let ann = somebody("ann", Role::Operator, Kind::Human);
    let first = runs.start("manual", &incident, &ann).await.unwrap();
    let second = runs.start("manual", &incident, &ann).await.unwrap();
    let busy = runs.start("manual", &incident, &ann).await;
    assert!(matches!(busy, Err(RunbookError::Busy(2))));
    runs.pause(&first.id, &ann, None).await.unwrap();
    runs.start("manual", &incident, &ann).await.unwrap();
    runs.abort(&second.id, &ann, None).await.unwrap();
    runs.start("manual", &incident, &ann).await.unwrap();
    let missing = runs.start("manual", &IncidentId::from("x"), &ann).await;
    assert_eq!(missing.unwrap_err().to_string(), "there is no incident `x`");
}

#[tokio::test]
async fn the_history_is_pruned_from_its_old_end_and_open_runs_stay() {
    let bench = bench(10).await;
    let runs = &bench.runbooks;
    let incident = IncidentId::from("i");
    let ann = somebody("ann", Role::Operator, Kind::Human);
    let open = runs.start("manual", &incident, &ann).await.unwrap();
    for _ in 0..3 {
        let run = runs.start("manual", &incident, &ann).await.unwrap();
        runs.abort(&run.id, &ann, None).await.unwrap();
    }
    assert_eq!(runs.prune(2).await.unwrap(), 2);
    assert_eq!(runs.prune(2).await.unwrap(), 0);
    assert_eq!(runs.get(&open.id).await.unwrap().id, open.id);
    assert_eq!(runs.list(&[], None, 10).await.unwrap().0.len(), 2);
}

#[test]
fn the_proposal_of_a_step_is_served_by_its_names_and_read_as_it_was_stored_before() {
    let mut run = start(&runbook("r", &[StepKind::Command]), true);
    run.proposed(&[0], "p", NOW);
    let mut json = serde_json::to_value(&run).unwrap();
    let proposal = &mut json["steps"][0]["proposal"];
    assert_eq!(*proposal, serde_json::json!({ "id": "p", "index": 0 }));
    *proposal = serde_json::json!(["p", 0]);
    assert_eq!(serde_json::from_value::<Run>(json).unwrap(), run);
}
