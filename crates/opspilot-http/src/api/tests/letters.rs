//! Dead letters.

use opspilot_core::bus::DeadLetter;
use opspilot_core::clock::Timestamp;
use opspilot_core::storage::Store;
use serde_json::json;

use super::{Fixture, strings};

/// Stores a letter as the bus does.
async fn letter(api: &Fixture, id: &str, at: i64) {
    let store = Store::new(std::sync::Arc::clone(&api.bench.storage), "system");
    let letters = store.collection::<DeadLetter>().await.unwrap();
    let letter = DeadLetter {
        id: id.into(),
        consumer: "notifier.channels/web".into(),
        event_type: "incident.created".into(),
        event: json!({ "id": "e" }),
        attempts: 3,
        error: "the webhook answers 500".into(),
        failed_at: Timestamp::from_millis(at),
        retrying: false,
    };
    letters.save(&letter).await.unwrap();
}

#[tokio::test]
async fn letters_are_listed_newest_first_in_pages() {
    let api = Fixture::new().await;
    for n in 0..3 {
        letter(&api, &format!("l{n}"), n).await;
    }
    let first = api.get("/dead-letters?limit=2").await.json();
    assert_eq!(strings(&first["deadLetters"], "id"), ["l2", "l1"]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = api
        .get(&format!("/dead-letters?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(strings(&second["deadLetters"], "id"), ["l0"]);
    assert_eq!(
        (&second["count"], second.get("nextCursor")),
        (&json!(1), None)
    );
}

#[tokio::test]
async fn a_letter_is_tried_again_or_discarded_by_its_encoded_id() {
    let api = Fixture::new().await;
    letter(&api, "notifier.channels/web:0190-a", 1).await;
    let id = "notifier.channels%2Fweb%3A0190-a";
    let retried = api.post(&format!("/dead-letters/{id}/retry"), "").await;
    assert_eq!(
        (retried.status, &retried.json()["retrying"]),
        (202, &json!(true))
    );
    let colon = "DELETE /api/dead-letters/notifier.channels%2Fweb:0190-a";
    let gone = api.ask(&[colon], b"").await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert_eq!(
        api.ask(&[colon], b"").await.problem(),
        (404, "no-such-dead-letter".into())
    );
    let again = api.post(&format!("/dead-letters/{id}/retry"), "").await;
    assert_eq!(again.problem(), (404, "no-such-dead-letter".into()));
    assert_eq!(
        api.post("/dead-letters/notifier.channels/web:0190-a/retry", "")
            .await
            .problem(),
        (404, "not-found".into())
    );
    assert_eq!(api.post("/dead-letters/%ff/retry", "").await.status, 404);
}
