//! Levels, repetitions, acknowledgements and ends.

use opspilot_core::event::EnrichmentCompleted;
use opspilot_core::incident::{Change, IncidentId, Severity, Transition};
use serde_json::json;

use super::{MINUTE, Scene, options};

#[tokio::test(start_paused = true)]
async fn levels_are_told_at_their_time_and_repeated_up_to_a_limit() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.pass(4).await;
    assert!(scene.told().await.is_empty());
    scene.pass(180).await;
    assert_eq!(
        scene.told().await,
        ["a 5 L1 x0", "a 15 L2 x0", "a 25 L2 x1", "a 35 L2 x2"]
    );
    let first = scene.escalated().await.remove(0);
    assert_eq!(
        (first.policy_id.as_str(), first.notify.as_slice()),
        ("all", &["on-call".to_owned()][..])
    );
    assert_eq!(
        (first.title.as_str(), first.severity),
        ("Disk full", Severity::Warning)
    );
    assert_eq!(first.reason, "nobody took it for 5 min");
    assert_eq!(
        (
            scene.detail("totalEscalations"),
            scene.detail("totalRepetitions")
        ),
        (2, 2)
    );
    assert_eq!(scene.detail("trackedIncidents"), 1);
}

#[tokio::test(start_paused = true)]
async fn each_notice_comes_with_an_enrichment_for_the_record() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.pass(6).await;
    let events = scene.bench.bus.journal().read(0, 100).await.unwrap();
    let found = events
        .iter()
        .find_map(|event| event.payload::<EnrichmentCompleted>().ok())
        .unwrap();
    assert_eq!(
        (
            found.enrichment_type.as_str(),
            found.enricher_module.as_str()
        ),
        ("escalation", "action.escalation")
    );
    assert_eq!(
        (&found.data["policyId"], &found.data["level"]),
        (&json!("all"), &json!(1))
    );
    assert_eq!(
        (&found.data["notify"], &found.data["elapsedMs"]),
        (&json!(["on-call"]), &json!(300_000))
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_policy_that_matches_counts() {
    let level = |minutes: u64| json!([{ "level": 1, "afterMs": minutes * 60_000, "notify": [] }]);
    let scene = Scene::new(json!({
        "policies": [
            { "id": "critical", "matchSeverity": ["critical"], "levels": level(1) },
            { "id": "disk", "matchTitlePattern": "^disk", "levels": level(2) },
            { "id": "disk again", "matchTitlePattern": "full", "levels": level(3) },
        ],
    }))
    .await;
    scene
        .create_like("a", "Disk full", Severity::Critical)
        .await;
    scene.create_like("b", "DISK full", Severity::Info).await;
    scene.create_like("c", "Pool full", Severity::Info).await;
    scene.create_like("d", "Fire", Severity::Warning).await;
    scene.pass(10).await;
    assert_eq!(scene.told().await, ["a 1 L1 x0", "b 2 L1 x0", "c 3 L1 x0"]);
    assert_eq!(scene.detail("totalTracked"), 3);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_incident_waits_and_goes_on_where_it_was_when_reopened() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.pass(6).await;
    scene.move_to("a", Transition::Acknowledge).await;
    scene.pass(60).await;
    assert_eq!(scene.told().await, ["a 5 L1 x0"]);
    scene.move_to("a", Transition::Reopen).await;
    scene.pass(8).await;
    assert_eq!(scene.told().await.len(), 1);
    // Nine minutes were left to the second level when it was acknowledged.
    scene.pass(2).await;
    assert_eq!(scene.told().await, ["a 5 L1 x0", "a 75 L2 x0"]);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_leads_to_nothing_times_out() {
    let mut timed = options();
    timed["acknowledgeTimeoutMs"] = json!(3_600_000);
    let scene = Scene::new(timed).await;
    scene.create("a").await;
    scene.pass(6).await;
    scene.move_to("a", Transition::Acknowledge).await;
    scene.pass(30).await;
    scene
        .change("a", Change::Comment("waiting for the vendor".into()))
        .await;
    scene.pass(59).await;
    assert_eq!(scene.told().await.len(), 1);
    // Sixty minutes after the last sign of life the level is told again, then the next in its turn.
    scene.pass(2).await;
    assert_eq!(scene.told().await[1..], ["a 96 L1 x1"]);
    assert_eq!(
        scene.escalated().await[1].reason,
        "acknowledged, but not resolved for 60 min"
    );
    scene.pass(10).await;
    assert_eq!(scene.told().await[2..], ["a 105 L2 x0"]);
    scene.change("a", Change::Assign(Some("bob".into()))).await;
    scene.pass(40).await;
    assert_eq!(scene.told().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_before_the_first_level_times_out_with_the_first_level() {
    let mut timed = options();
    timed["acknowledgeTimeoutMs"] = json!(600_000);
    let scene = Scene::new(timed).await;
    scene.create("a").await;
    scene.pass(1).await;
    scene.move_to("a", Transition::Acknowledge).await;
    scene.pass(12).await;
    assert_eq!(scene.told().await, ["a 11 L1 x0"]);
}

#[tokio::test(start_paused = true)]
async fn acknowledging_changes_nothing_where_it_does_not_pause() {
    let mut unpaused = options();
    unpaused["acknowledgedPausesEscalation"] = json!(false);
    let scene = Scene::new(unpaused).await;
    scene.create("a").await;
    scene.move_to("a", Transition::Acknowledge).await;
    scene.pass(16).await;
    assert_eq!(scene.told().await, ["a 5 L1 x0", "a 15 L2 x0"]);
}

#[tokio::test(start_paused = true)]
async fn resolving_ends_it_and_coming_back_begins_it_anew() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.create("b").await;
    scene.pass(6).await;
    scene.move_to("a", Transition::Resolve).await;
    scene.move_to("b", Transition::Close).await;
    scene.pass(60).await;
    assert_eq!(scene.told().await, ["a 5 L1 x0", "b 5 L1 x0"]);
    assert_eq!(
        (
            scene.detail("trackedIncidents"),
            scene.detail("totalResolved")
        ),
        (0, 2)
    );
    scene.move_to("a", Transition::Reopen).await;
    scene.pass(6).await;
    assert_eq!(scene.told().await[2..], ["a 5 L1 x0"]);
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_was_removed_is_not_escalated() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.pass(1).await;
    scene
        .bench
        .incidents
        .remove(vec![IncidentId::from("a")])
        .await
        .unwrap();
    scene.pass(60).await;
    assert!(scene.told().await.is_empty());
    assert_eq!(scene.detail("trackedIncidents"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_nothing_and_tells_nothing_twice() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.pass(6).await;
    scene.create("b").await;
    // "b" is stored, and perhaps not followed yet.
    let scene = scene.restart(MINUTE, options()).await;
    scene.pass(30).await;
    let told = scene.told().await;
    let of = |id: &str| {
        told.iter()
            .filter(|line| line.starts_with(id))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("a"),
        ["a 5 L1 x0", "a 15 L2 x0", "a 25 L2 x1", "a 35 L2 x2"]
    );
    assert_eq!(of("b"), ["b 5 L1 x0", "b 15 L2 x0", "b 25 L2 x1"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_long_stop_the_highest_level_is_told_once_and_names_the_others() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.pass(1).await;
    let scene = scene.restart(600 * MINUTE, options()).await;
    scene.pass(5).await;
    assert_eq!(scene.told().await, ["a 601 L2 x0 past [1]"]);
    scene.pass(8).await;
    assert_eq!(scene.told().await[1..], ["a 611 L2 x1"]);
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_it_was_stopped_counts_before_anything_is_told() {
    let scene = Scene::new(options()).await;
    for id in ["a", "b", "c"] {
        scene.create(id).await;
    }
    scene.pass(1).await;
    scene.cx.cancel.cancel();
    tokio::time::sleep(MINUTE).await;
    scene.move_to("a", Transition::Resolve).await;
    scene.move_to("b", Transition::Acknowledge).await;
    let scene = scene.restart(10 * MINUTE, options()).await;
    scene.pass(60).await;
    let told = scene.told().await;
    assert!(told.iter().all(|line| line.starts_with('c')), "{told:?}");
    assert_eq!(scene.detail("trackedIncidents"), 2);
}

#[tokio::test(start_paused = true)]
async fn other_options_hold_for_what_is_tracked_already() {
    let scene = Scene::new(options()).await;
    scene.create("a").await;
    scene.pass(1).await;
    let sooner = json!({
        "policies": [{ "id": "new", "levels": [{ "level": 1, "afterMs": 120_000, "notify": [] }] }],
    });
    let scene = scene.restart(MINUTE, sooner).await;
    scene.pass(30).await;
    assert_eq!(scene.told().await, ["a 2 L1 x0"]);
    assert_eq!(scene.escalated().await[0].policy_id, "new");
    let scene = scene.restart(MINUTE, json!({ "policies": [] })).await;
    scene.pass(1).await;
    assert_eq!(scene.detail("trackedIncidents"), 0);
}

#[tokio::test(start_paused = true)]
async fn too_many_incidents_are_counted_and_said() {
    let mut few = options();
    few["maxTrackedIncidents"] = json!(10);
    let scene = Scene::new(few).await;
    for number in 10..22 {
        scene.clock.advance(MINUTE / 60);
        scene.create(&format!("i{number}")).await;
    }
    scene.pass(6).await;
    let told = scene.escalated().await;
    let told: Vec<_> = told
        .iter()
        .map(|event| event.incident_id.to_string())
        .collect();
    let expected: Vec<_> = (12..22).map(|number| format!("i{number}")).collect();
    assert_eq!(told, expected);
    assert_eq!(
        (
            scene.detail("totalEvicted"),
            scene.detail("trackedIncidents")
        ),
        (2, 10)
    );
    let trouble = scene.trouble();
    assert!(
        trouble.contains("2 incidents are no longer escalated, because maxTrackedIncidents (10)"),
        "{trouble}"
    );
}
