//! Which runbook starts, and when none does.

use async_trait::async_trait;
use opspilot_core::bus::{Tx, Work};
use opspilot_core::event::EnrichmentCompleted;
use opspilot_core::incident::{IncidentId, Severity};
use serde_json::{Map, Value, json};

use super::{Scene, somebody};

fn manual(id: &str, wanted: &Value) -> Value {
    json!({ "id": id, "title": id, "match": wanted, "steps": [{ "kind": "manual", "title": "Look" }] })
}

struct Suggest(EnrichmentCompleted);

#[async_trait]
impl Work for Suggest {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        tx.emit(self.0);
    }
}

async fn suggest(scene: &Scene, incident: &str, ids: &[&str]) {
    let suggested: Vec<_> = ids
        .iter()
        .map(|id| json!({ "id": id, "title": id, "steps": [] }))
        .collect();
    let event = EnrichmentCompleted {
        incident_id: IncidentId::from(incident),
        enricher_module: "enricher.aiSummary".into(),
        enrichment_type: "ai-summary".into(),
        data: Map::from_iter([("suggestedRunbooks".to_owned(), json!(suggested))]),
        completed_at: opspilot_core::clock::Timestamp::UNIX_EPOCH,
    };
    scene
        .bench
        .bus
        .transact("enricher.aiSummary", Suggest(event))
        .await
        .unwrap();
    scene.pass(1).await;
}

async fn started(scene: &Scene) -> Vec<String> {
    let line = |run: opspilot_core::safety::runbook::Run| {
        format!("{} {}", run.incident_id, run.runbook_id)
    };
    scene.runs().await.into_iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn the_best_match_starts_not_the_first() {
    let scene = Scene::new(json!({
        "runbooks": [
            manual("any", &json!({})),
            manual("critical", &json!({ "severity": ["critical"] })),
            manual("disk", &json!({ "titlePattern": "^disk", "severity": ["warning", "critical"] })),
            manual("disk again", &json!({ "titlePattern": "full", "severity": ["warning", "critical"] })),
            manual("rule", &json!({ "rule": ["disk-full"] })),
        ],
    }))
    .await;
    scene
        .create_like("a", "Pool is empty", Severity::Warning, "x")
        .await;
    scene
        .create_like("b", "Pool is empty", Severity::Critical, "x")
        .await;
    scene
        .create_like("c", "DISK full", Severity::Critical, "x")
        .await;
    scene
        .create_like("d", "DISK full", Severity::Critical, "disk-full")
        .await;
    scene
        .create_like("e", "DISK full", Severity::Info, "disk-full")
        .await;
    assert_eq!(
        started(&scene).await,
        ["a any", "b critical", "c disk", "d rule"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_summary_starts_what_it_suggests_unless_a_run_goes_on_or_has_just_ended() {
    let unmatched = json!({ "id": "known", "title": "known", "steps": [{ "kind": "manual", "title": "Look" }] });
    let scene = Scene::new(json!({ "runbooks": [unmatched] })).await;
    scene.create("i").await;
    assert!(scene.runs().await.is_empty());
    suggest(&scene, "i", &["unknown", "known"]).await;
    suggest(&scene, "i", &["known"]).await;
    assert_eq!(started(&scene).await, ["i known"]);
    let id = scene.only().await.id;
    scene
        .bench
        .runbooks
        .abort(&id, &somebody("ann"), None)
        .await
        .unwrap();
    suggest(&scene, "i", &["known"]).await;
    assert_eq!(scene.runs().await.len(), 1);
    scene.pass(61).await;
    suggest(&scene, "i", &["known"]).await;
    assert_eq!(scene.runs().await.len(), 2);
    scene
        .create_like("mild", "Pool is empty", Severity::Info, "x")
        .await;
    suggest(&scene, "mild", &["known"]).await;
    assert_eq!(scene.runs().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_slot_is_counted_and_said() {
    let scene = Scene::new(json!({
        "maxConcurrentRunbooks": 1,
        "runbooks": [manual("any", &json!({}))],
    }))
    .await;
    scene.create("a").await;
    scene.create("b").await;
    assert_eq!(started(&scene).await, ["a any"]);
    let health = scene.cx.health.current();
    let message = health.message.unwrap();
    assert!(
        message.contains("1 runbooks were not started, because maxConcurrentRunbooks (1)"),
        "{message}"
    );
    assert_eq!(
        (
            &health.details["activeRunbooks"],
            &health.details["totalStarted"]
        ),
        (&json!(1), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn the_history_is_kept_small() {
    let scene = Scene::new(json!({
        "maxRunbookHistory": 10,
        "maxConcurrentRunbooks": 100,
        "runbooks": [manual("any", &json!({}))],
    }))
    .await;
    for number in 10..25 {
        scene.create(&format!("i{number}")).await;
        let run = scene.runs().await.pop().unwrap();
        scene
            .bench
            .runbooks
            .abort(&run.id, &somebody("ann"), None)
            .await
            .unwrap();
    }
    scene.pass(1).await;
    let kept = scene.runs().await;
    let kept: Vec<_> = kept.iter().map(|run| run.incident_id.as_str()).collect();
    assert_eq!((kept.len(), kept[0]), (10, "i15"));
}
