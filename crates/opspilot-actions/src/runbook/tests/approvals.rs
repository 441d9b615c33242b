//! Nothing is done that a person has not approved, and what is not approved holds up nobody.

use std::sync::atomic::Ordering;
use std::time::Duration;

use opspilot_core::safety::gate::{GateError, Verb};
use opspilot_core::safety::proposal::ProposalStatus;
use opspilot_core::safety::runbook::RunState;
use serde_json::json;

use super::{Scene, restart, runbook};

#[tokio::test(start_paused = true)]
async fn each_step_is_proposed_in_its_turn_and_done_when_approved() {
    let wait = json!({ "kind": "wait", "seconds": 30 });
    let scene = Scene::new(runbook(&json!([restart(), wait, restart()]))).await;
    scene.create("i").await;
    assert_eq!(
        scene.line().await,
        "running: awaiting_approval pending pending"
    );
    let proposal = scene.pending().await;
    assert_eq!(
        (proposal.actions.len(), proposal.requested_by.as_str()),
        (1, "action.runbook")
    );
    assert!(
        proposal.description.contains("step 1: Restart it"),
        "{}",
        proposal.description
    );
    assert!(scene.fake.done().is_empty());
    scene.approve().await;
    assert_eq!(scene.line().await, "running: completed executing pending");
    assert_eq!(scene.fake.done(), ["unit web"]);
    scene.pass(25).await;
    assert!(scene.proposals(ProposalStatus::Pending).await.is_empty());
    scene.pass(10).await;
    assert_eq!(
        scene.line().await,
        "running: completed completed awaiting_approval"
    );
    scene.approve().await;
    let run = scene.only().await;
    assert_eq!(run.state, RunState::Completed);
    assert_eq!(
        run.steps[0].output.as_deref(),
        Some("exit code 0\nit is active\nrestarted")
    );
    assert_eq!(scene.fake.done().len(), 2);
    let told = scene.told().await;
    let expected = [
        "runbook.started",
        "runbook.stepCompleted completed",
        "runbook.stepCompleted completed",
        "runbook.stepCompleted completed",
        "runbook.completed completed",
    ];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn one_approval_for_the_whole_covers_every_step_exactly_once() {
    let manual = json!({ "kind": "manual", "title": "Drain it" });
    let mut options = runbook(&json!([restart(), manual, restart()]));
    options["requireApprovalPerStep"] = json!(false);
    let scene = Scene::new(options).await;
    scene.create("i").await;
    assert_eq!(
        scene.line().await,
        "awaiting_approval: pending pending pending"
    );
    assert_eq!(scene.pending().await.actions.len(), 2);
    scene.approve().await;
    assert_eq!(
        scene.line().await,
        "running: completed awaiting_person pending"
    );
    assert_eq!(scene.fake.done().len(), 1);
    let run = scene.only().await;
    scene
        .bench
        .runbooks
        .complete_step(&run.id, 1, &super::somebody("ann"), None)
        .await
        .unwrap();
    scene.pass(1).await;
    assert_eq!(
        scene.line().await,
        "completed: completed completed completed"
    );
    assert_eq!(scene.fake.done().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_an_approval_no_longer_covers_is_proposed_again() {
    let wait = json!({ "kind": "wait", "seconds": 1_200 });
    let mut options = runbook(&json!([restart(), wait, restart()]));
    options["requireApprovalPerStep"] = json!(false);
    let scene = Scene::new(options).await;
    scene.create("i").await;
    scene.approve().await;
    // The approval lasts 15 minutes, the wait 20.
    scene.pass(1_210).await;
    assert_eq!(scene.fake.done().len(), 1);
    assert_eq!(
        scene.line().await,
        "awaiting_approval: completed completed pending"
    );
    assert_eq!(scene.pending().await.actions.len(), 1);
    scene.approve().await;
    assert!(scene.is_in(RunState::Completed).await);
    assert_eq!(scene.fake.done().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_denial_ends_the_run_and_frees_its_slot() {
    let mut options = runbook(&json!([restart()]));
    options["maxConcurrentRunbooks"] = json!(1);
    for per_step in [true, false] {
        options["requireApprovalPerStep"] = json!(per_step);
        let scene = Scene::new(options.clone()).await;
        scene.create("i").await;
        scene.decide(Verb::Deny).await.unwrap();
        let run = scene.only().await;
        assert_eq!(
            (run.state, run.note.as_deref()),
            (RunState::Cancelled, Some("denied by otto"))
        );
        assert_eq!(
            scene.told().await.last().unwrap(),
            "runbook.completed cancelled"
        );
        scene.create("j").await;
        assert_eq!(scene.runs().await.len(), 2);
        assert!(scene.fake.done().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_proposal_that_nobody_decides_ends_the_run() {
    let scene = Scene::new(runbook(&json!([restart()]))).await;
    scene.create("i").await;
    scene.clock.advance(Duration::from_mins(61));
    let late = scene.decide(Verb::Approve).await;
    assert!(matches!(late, Err(GateError::Refused(_))));
    let run = scene.only().await;
    assert_eq!(
        (run.state, run.note.as_deref()),
        (RunState::Failed, Some("nobody decided in time"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_ends_the_run_unless_it_may() {
    let mut may = restart();
    may["mayFail"] = json!(true);
    let scene = Scene::new(runbook(&json!([may, restart(), restart()]))).await;
    scene.fake.fails.store(true, Ordering::SeqCst);
    scene.create("i").await;
    scene.approve().await;
    scene.approve().await;
    assert_eq!(scene.line().await, "failed: failed failed pending");
    assert!(scene.proposals(ProposalStatus::Pending).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_approval_for_another_world_asks_again() {
    let scene = Scene::new(runbook(&json!([restart()]))).await;
    scene.create("i").await;
    *scene.fake.world.lock().unwrap() = "somebody else restarted it".into();
    scene.approve().await;
    assert!(scene.fake.done().is_empty());
    let run = scene.only().await;
    assert_eq!(run.state, RunState::Paused);
    assert!(
        run.note
            .as_deref()
            .unwrap()
            .contains("does not hold any more"),
        "{:?}",
        run.note
    );
    scene
        .bench
        .runbooks
        .resume(&run.id, &super::somebody("ann"), None)
        .await
        .unwrap();
    scene.pass(1).await;
    scene.approve().await;
    assert!(scene.is_in(RunState::Completed).await);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_too_long_pauses_the_run_and_its_end_still_counts() {
    let mut options = runbook(&json!([restart(), restart()]));
    options["stepTimeoutMs"] = json!(60_000);
    let scene = Scene::new(options).await;
    scene.fake.hangs.store(true, Ordering::SeqCst);
    scene.create("i").await;
    scene.approve().await;
    assert_eq!(scene.line().await, "running: executing pending");
    scene.pass(65).await;
    assert_eq!(scene.line().await, "paused: executing pending");
    scene.fake.hangs.store(false, Ordering::SeqCst);
    scene.fake.go_on.notify_one();
    scene.pass(1).await;
    let run = scene.only().await;
    scene
        .bench
        .runbooks
        .resume(&run.id, &super::somebody("ann"), None)
        .await
        .unwrap();
    scene.pass(1).await;
    assert_eq!(scene.line().await, "running: completed awaiting_approval");
    assert_eq!(scene.fake.done().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_the_catalogue_does_not_have_ends_the_run_with_the_reason() {
    let unknown = json!({ "kind": "http", "title": "Tell them", "action": "call" });
    let scene = Scene::new(runbook(&json!([unknown]))).await;
    scene.create("i").await;
    let run = scene.only().await;
    assert_eq!(run.state, RunState::Failed);
    assert!(
        run.note
            .as_deref()
            .unwrap()
            .contains("no type of action `call`"),
        "{:?}",
        run.note
    );
}
