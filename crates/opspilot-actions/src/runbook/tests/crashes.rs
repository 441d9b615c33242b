//! The server ends at the worst moment.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opspilot_core::clock::{ManualClock, Timestamp};
use opspilot_core::safety::gate::Verb;
use opspilot_core::safety::proposal::ProposalStatus;
use opspilot_core::safety::runbook::RunState;
use opspilot_core::storage::MemoryStorage;
use serde_json::json;

use super::{Scene, restart, runbook, somebody};
use crate::dying::Dying;

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

/// Carries out a runbook of three actions with a process that dies after `writes` writes, and another that takes over.
/// People approve whatever waits, and let go on what is paused by saying that it is done. Returns how often something
/// was done, how often it was approved, and whether the first process died.
async fn life(writes: usize, per_step: bool) -> (usize, usize, bool) {
    let memory = Arc::new(MemoryStorage::default());
    let clock = ManualClock::starting_at(Timestamp::parse("2026-03-02T12:00:00Z").unwrap());
    let mut options = runbook(&json!([
        restart(),
        { "kind": "wait", "seconds": 2 },
        restart(),
        restart(),
    ]));
    options["requireApprovalPerStep"] = json!(per_step);
    let dying = Dying::after(&memory, writes);
    let mut scene = Scene::on(Arc::clone(&dying) as _, clock, options.clone()).await;
    let (mut done, mut approved, mut has_died) = (0, 0, false);
    scene.try_create("i").await;
    for _ in 0..30 {
        if dying.left() == 0 && !has_died {
            has_died = true;
            done += scene.fake.done().len();
            scene.cx.cancel.cancel();
            scene.bench.bus.close(std::future::ready(())).await;
            scene = Scene::on(Arc::clone(&memory) as _, scene.clock, options.clone()).await;
            scene.try_create("i").await;
        }
        scene.pass(3).await;
        for proposal in scene.proposals(ProposalStatus::Pending).await {
            let decisions = scene.bench.decisions();
            let decided = decisions
                .decide(&proposal.id, Verb::Approve, &somebody("otto"), None)
                .await;
            // What cannot be stored is not approved.
            approved += decided.map_or(0, |proposal| proposal.actions.len());
        }
        scene.pass(3).await;
        for run in scene
            .runs()
            .await
            .iter()
            .filter(|run| run.state == RunState::Paused)
        {
            let step = run.at_hand().unwrap();
            scene
                .bench
                .runbooks
                .complete_step(&run.id, step, &somebody("ann"), None)
                .await
                .ok();
        }
    }
    assert!(
        scene.is_in(RunState::Completed).await,
        "after {writes} writes: {}",
        scene.line().await
    );
    (done + scene.fake.done().len(), approved, has_died)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_twice_or_unapproved_whenever_the_process_dies() {
    for per_step in [true, false] {
        let mut deaths = 0;
        // The first two writes attach the consumers, without which nothing starts.
        for writes in 2..62 {
            let (done, approved, has_died) = life(writes, per_step).await;
            assert!(done <= 3, "after {writes} writes: done {done} times");
            assert!(
                done <= approved,
                "after {writes} writes: done {done} times, approved {approved} times"
            );
            assert!(has_died || (done, approved) == (3, 3), "{done} {approved}");
            deaths += usize::from(has_died);
        }
        assert!(deaths > 30, "{deaths} deaths");
    }
}
