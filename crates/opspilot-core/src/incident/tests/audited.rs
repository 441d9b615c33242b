//! What the audit log says of incidents.

use serde_json::json;

use super::{Change, IncidentId, SECOND, Scene, Severity, Transition};
use crate::safety::audit::{AuditFilter, Entry};

/// Every entry of incident `a`, oldest first.
async fn entries(scene: &Scene) -> Vec<Entry> {
    let filter = AuditFilter {
        correlation_id: Some(IncidentId::from("a").to_string()),
        ..AuditFilter::default()
    };
    let found = scene.bench.audit.list(&filter, None, 100).await.unwrap();
    let mut entries = found.0;
    entries.reverse();
    entries
}

/// Action and actor of each.
async fn deeds(scene: &Scene) -> Vec<(String, String)> {
    let deed = |entry: Entry| (entry.action.into_owned(), entry.actor);
    entries(scene).await.into_iter().map(deed).collect()
}

fn by(actor: &str, actions: &[&str]) -> Vec<(String, String)> {
    let deed = |action: &&str| ((*action).to_owned(), actor.to_owned());
    actions.iter().map(deed).collect()
}

#[tokio::test]
async fn every_change_is_told_once_and_creation_and_repetition_are_not() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    scene.repeat("a").await;
    assert_eq!(deeds(&scene).await, []);
    for change in [
        Change::Transition(Transition::Acknowledge),
        Change::Assign(Some("bob".into())),
        Change::Assign(None),
        Change::Comment("the disk is swapped".into()),
        Change::Transition(Transition::Resolve),
        Change::Transition(Transition::Close),
        Change::Transition(Transition::Reopen),
    ] {
        scene.change("a", change).await.unwrap();
    }
    let acknowledge = Change::Transition(Transition::Acknowledge);
    scene.change("a", acknowledge.clone()).await.unwrap();
    scene.change("a", acknowledge).await.unwrap_err();
    let expected = [
        "incident.acknowledged",
        "incident.assigned",
        "incident.unassigned",
        "incident.commented",
        "incident.resolved",
        "incident.closed",
        "incident.reopened",
        "incident.acknowledged",
    ];
    assert_eq!(deeds(&scene).await, by("ann", &expected));
}

#[tokio::test]
async fn an_entry_says_what_changed_and_why_and_a_comment_stays_where_it_can_be_erased() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    let comment = Change::Comment("call Ann Other, 555-0100".into());
    scene
        .change("a", Change::Transition(Transition::Acknowledge))
        .await
        .unwrap();
    scene.change("a", comment).await.unwrap();
    let entries = entries(&scene).await;
    assert_eq!(
        json!(entries[0].details),
        json!({ "from": "open", "to": "acknowledged", "reason": "because" })
    );
    assert_eq!(entries[0].target, Some(IncidentId::from("a").to_string()));
    let text = serde_json::to_string(&entries[1]).unwrap();
    assert!(
        text.contains("textSha256") && !text.contains("555-0100"),
        "{text}"
    );
}

#[tokio::test]
async fn changes_that_modules_make_are_told_with_the_module() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, Some(1_000)).await;
    scene.clear("a").await;
    scene.repeat("a").await;
    assert_eq!(
        deeds(&scene).await,
        by("detector.test", &["incident.resolved", "incident.reopened"])
    );
    scene.clock.advance(3 * SECOND);
    let id = IncidentId::from("a");
    let now = crate::clock::Clock::now(&*scene.clock);
    for _ in 0..2 {
        scene
            .bench
            .incidents
            .resolve_quiet(&id, now, "enricher.incidentStore")
            .await
            .unwrap();
    }
    let deeds = deeds(&scene).await;
    let last = by("enricher.incidentStore", &["incident.resolved"]);
    assert_eq!((deeds.len(), &deeds[2..]), (3, &last[..]));
}
