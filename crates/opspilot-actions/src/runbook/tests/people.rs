//! Steps of people, checks, and what people do with runs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use opspilot_core::safety::gate::Verb;
use opspilot_core::safety::proposal::ProposalStatus;
use opspilot_core::safety::runbook::RunState;
use serde_json::json;

use super::{Scene, restart, runbook, somebody};

#[tokio::test(start_paused = true)]
async fn a_step_of_a_person_waits_for_them_and_then_for_somebody_who_says_how_to_go_on() {
    let manual = json!({ "kind": "manual", "title": "Drain it", "timeoutSeconds": 60 });
    let approval = json!({ "kind": "approval", "title": "Is it drained?" });
    let scene = Scene::new(runbook(&json!([manual, approval]))).await;
    let (runs, ann) = (&scene.bench.runbooks, somebody("ann"));
    scene.create("i").await;
    assert_eq!(scene.line().await, "running: awaiting_person pending");
    scene.pass(62).await;
    assert_eq!(scene.line().await, "paused: awaiting_person pending");
    let id = scene.only().await.id;
    runs.resume(&id, &ann, None).await.unwrap();
    scene.pass(30).await;
    assert_eq!(scene.line().await, "running: awaiting_person pending");
    runs.complete_step(&id, 0, &ann, Some("drained".into()))
        .await
        .unwrap();
    scene.pass(1).await;
    assert_eq!(scene.line().await, "running: completed awaiting_person");
    runs.complete_step(&id, 1, &ann, None).await.unwrap();
    assert_eq!(scene.line().await, "completed: completed completed");
}

#[tokio::test(start_paused = true)]
async fn a_check_looks_again_until_it_holds_or_its_time_is_over() {
    let check = json!({ "kind": "check", "title": "It is up", "action": "restart",
        "arguments": { "unit": "web" }, "timeoutSeconds": 60 });
    let scene = Scene::new(runbook(&json!([check, check]))).await;
    scene.fake.unwell.store(3, Ordering::SeqCst);
    scene.create("i").await;
    scene.pass(10).await;
    assert_eq!(scene.line().await, "running: executing pending");
    scene.pass(10).await;
    assert_eq!(scene.line().await, "completed: completed completed");
    assert!(scene.fake.done().is_empty(), "a check changes nothing");
    let scene = Scene::new(runbook(&json!([check]))).await;
    scene.fake.unwell.store(1_000, Ordering::SeqCst);
    scene.create("i").await;
    scene.pass(70).await;
    let run = scene.only().await;
    assert_eq!(
        (run.state, run.steps[0].output.as_deref()),
        (RunState::Failed, Some("it is dead"))
    );
}

#[tokio::test(start_paused = true)]
async fn ending_a_run_or_leaving_a_step_out_takes_its_proposal_back() {
    let scene = Scene::new(runbook(&json!([restart(), restart()]))).await;
    let (runs, ann) = (&scene.bench.runbooks, somebody("ann"));
    scene.create("i").await;
    let id = scene.only().await.id;
    runs.skip(&id, 0, &ann, Some("done by hand".into()))
        .await
        .unwrap();
    scene.pass(1).await;
    assert_eq!(scene.line().await, "running: skipped awaiting_approval");
    assert_eq!(scene.proposals(ProposalStatus::Cancelled).await.len(), 1);
    runs.abort(&id, &ann, None).await.unwrap();
    scene.pass(1).await;
    assert!(scene.proposals(ProposalStatus::Pending).await.is_empty());
    let run = scene.only().await;
    assert_eq!(
        (run.state, run.note.as_deref()),
        (RunState::Cancelled, Some("aborted by ann"))
    );
    assert!(run.to_withdraw.is_empty() && run.due_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_does_nothing_although_it_is_approved() {
    let scene = Scene::new(runbook(&json!([restart()]))).await;
    let (runs, ann) = (&scene.bench.runbooks, somebody("ann"));
    scene.create("i").await;
    let id = scene.only().await.id;
    runs.pause(&id, &ann, None).await.unwrap();
    scene.approve().await;
    assert!(scene.fake.done().is_empty());
    runs.resume(&id, &ann, None).await.unwrap();
    scene.pass(1).await;
    assert!(scene.is_in(RunState::Completed).await);
    assert_eq!(scene.fake.done().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_proposal_for_the_whole_is_taken_back_when_no_step_is_left_that_needs_it() {
    let manual = json!({ "kind": "manual", "title": "Look" });
    let mut options = runbook(&json!([restart(), restart(), manual]));
    options["requireApprovalPerStep"] = json!(false);
    let scene = Scene::new(options).await;
    let (runs, ann) = (&scene.bench.runbooks, somebody("ann"));
    scene.create("i").await;
    let id = scene.only().await.id;
    runs.skip(&id, 0, &ann, None).await.unwrap();
    scene.pass(1).await;
    assert_eq!(
        scene.line().await,
        "awaiting_approval: skipped pending pending"
    );
    assert_eq!(scene.proposals(ProposalStatus::Pending).await.len(), 1);
    runs.skip(&id, 1, &ann, None).await.unwrap();
    scene.pass(1).await;
    assert_eq!(
        scene.line().await,
        "running: skipped skipped awaiting_person"
    );
    assert!(scene.proposals(ProposalStatus::Pending).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn resuming_a_run_whose_proposal_expired_meanwhile_asks_again() {
    let scene = Scene::new(runbook(&json!([restart()]))).await;
    let (runs, ann) = (&scene.bench.runbooks, somebody("ann"));
    scene.create("i").await;
    let id = scene.only().await.id;
    runs.pause(&id, &ann, None).await.unwrap();
    scene.clock.advance(Duration::from_mins(61));
    scene.decide(Verb::Approve).await.unwrap_err();
    scene.pass(1).await;
    runs.resume(&id, &ann, None).await.unwrap();
    scene.pass(1).await;
    scene.approve().await;
    assert!(scene.is_in(RunState::Completed).await);
}
