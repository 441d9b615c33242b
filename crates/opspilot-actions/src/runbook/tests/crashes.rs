//! The server ends at the worst moment.

use std::sync::atomic::Ordering;

use opspilot_core::safety::proposal::ProposalStatus;
use opspilot_core::safety::runbook::RunState;
use serde_json::json;

use super::{Scene, restart, runbook, somebody};

#[tokio::test(start_paused = true)]
async fn a_step_that_was_under_way_is_unknown_and_is_not_done_again_by_itself() {
    let options = runbook(&json!([restart(), restart()]));
    let scene = Scene::new(options.clone()).await;
    scene.fake.hangs.store(true, Ordering::SeqCst);
    scene.create("i").await;
    scene.approve().await;
    assert_eq!(scene.line().await, "running: executing pending");
    let scene = scene.restart(options).await;
    scene.pass(70).await;
    assert_eq!(scene.line().await, "paused: unknown pending");
    assert!(scene.fake.done().is_empty());
    assert!(scene.proposals(ProposalStatus::Pending).await.is_empty());
    let id = scene.only().await.id;
    scene
        .bench
        .runbooks
        .complete_step(&id, 0, &somebody("ann"), Some("it is up".into()))
        .await
        .unwrap();
    scene.pass(1).await;
    assert_eq!(scene.line().await, "running: completed awaiting_approval");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_goes_on_after_a_restart() {
    let wait = json!({ "kind": "wait", "seconds": 60 });
    let options = runbook(&json!([wait, restart()]));
    let scene = Scene::new(options.clone()).await;
    scene.create("i").await;
    scene.pass(20).await;
    let scene = scene.restart(options.clone()).await;
    scene.pass(30).await;
    assert_eq!(scene.line().await, "running: executing pending");
    scene.pass(15).await;
    assert_eq!(scene.line().await, "running: completed awaiting_approval");
    let scene = scene.restart(options).await;
    scene.pass(1).await;
    scene.approve().await;
    assert!(scene.is_in(RunState::Completed).await);
    assert_eq!(
        scene.runs().await.len(),
        1,
        "the same news start no second run"
    );
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_was_lost_with_the_process_is_asked_for_again() {
    let options = runbook(&json!([restart()]));
    let scene = Scene::new(options.clone()).await;
    scene.create("i").await;
    let run = scene.only().await;
    scene
        .bench
        .runbooks
        .pause(&run.id, &somebody("ann"), None)
        .await
        .unwrap();
    scene.approve().await;
    let scene = scene.restart(options).await;
    scene
        .bench
        .runbooks
        .resume(&run.id, &somebody("ann"), None)
        .await
        .unwrap();
    scene.pass(1).await;
    assert_eq!(scene.line().await, "running: awaiting_approval");
    assert!(scene.fake.done().is_empty());
    scene.approve().await;
    assert_eq!(scene.fake.done().len(), 1);
    assert!(scene.is_in(RunState::Completed).await);
}
