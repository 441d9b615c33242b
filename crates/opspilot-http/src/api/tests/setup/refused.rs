//! What is not taken over the API, however it is asked for.

use serde_json::{Value, json};

use super::super::{Fixture, strings};
use super::{FILE, api, folder, hook};

/// Asks for each in every way; nothing of it may be answered but the refusal.
async fn refused(api: &Fixture, rows: &[(Value, &str)], status: u16) {
    for (wish, words) in rows {
        for path in ["/setup/try", "/setup/preview", "/setup/save"] {
            let mut wish = wish.clone();
            if path == "/setup/save" {
                wish["expected"] = json!(null);
            }
            let reply = api.post(path, &wish.to_string()).await;
            assert_eq!(reply.problem().0, status, "{path} {wish} {}", reply.body);
            assert!(reply.body.contains(words), "{wish} {}", reply.body);
            assert!(!reply.body.contains("s3cret"), "{}", reply.body);
        }
    }
}

#[tokio::test]
async fn what_is_written_wrongly_is_refused_everywhere() {
    let folder = folder();
    let api = api(&folder, Some(FILE)).await;
    let channels = |url: &str| json!({ "channels": [hook("a", url)] });
    let source = |options: Value| json!({ "sources": { "connector.fileTail": options } });
    let rows = [
        (channels("http://h/s3cret"), "is a secret"),
        (channels("http://evil/${HOOK}"), "is a secret"),
        (channels("${file:/run/secrets/hook}"), "is a secret"),
        (
            json!({ "channels": [hook("${HOME}", "${HOOK}")] }),
            "is shown to people",
        ),
        (
            source(json!({ "paths": ["${HOME}"] })),
            "is shown to people",
        ),
        (source(json!({ "paths": "/srv" })), "takes a list"),
        (source(json!(7)), "are an object"),
        (json!({ "channels": null }), "write a list"),
        (json!({ "channels": ["s3cret"] }), "is an object"),
        (json!({ "channels": [{ "id": "a" }] }), "channels[].type"),
        (
            json!({ "sources": { "notifier.channels": {} } }),
            "is a connector",
        ),
    ];
    refused(&api, &rows, 400).await;
}

#[tokio::test]
async fn what_the_form_does_not_offer_is_left_to_the_file() {
    let folder = folder();
    let api = api(&folder, Some(FILE)).await;
    let source = |options: Value| json!({ "sources": { "connector.fileTail": options } });
    let data = opspilot_core::config::StorageOptions::default().data_dir;
    let inside = data.join("x.log");
    let own = folder.path().join("config.yaml");
    let channel = |path: &str| json!({ "channels": [{ "id": "a", "type": "file", "events": ["incident.created"], "path": path }] });
    let mut headers = hook("a", "${HOOK}");
    headers["webhookHeaders"] = json!({ "x": "s3cret" });
    let rows = [
        (
            source(json!({ "token": "s3cret" })),
            "connector.fileTail.token",
        ),
        (
            source(json!({ "token": "${HOOK}" })),
            "connector.fileTail.token",
        ),
        (
            source(json!({ "pahts": ["/srv"] })),
            "connector.fileTail.pahts",
        ),
        (source(json!({ "a:\n  b": 7 })), "connector.fileTail.a"),
        (source(json!({ "paths": ["/etc/shadow"] })), "/etc/shadow"),
        (source(json!({ "paths": ["/*/shadow"] })), "leads to `/"),
        (
            source(json!({ "paths": ["/srv/../etc/shadow"] })),
            "leads upwards",
        ),
        (source(json!({ "paths": [inside] })), "leads to"),
        (source(json!({ "paths": [own] })), "leads to"),
        (channel("/etc/cron.d/x.jsonl"), "/etc/cron.d"),
        (channel("/tmp/x.sh"), "does not end in `.jsonl`"),
        (
            json!({ "channels": [headers] }),
            "channels[].webhookHeaders",
        ),
        (json!({ "channels": [{ "type": "slack" }] }), "slack"),
    ];
    refused(&api, &rows, 422).await;
    let text = std::fs::read_to_string(own).unwrap();
    assert_eq!(text, FILE);
    // Whoever asked for it is told of, but for what is only looked at.
    let entries = api.get("/audit?limit=100").await.json();
    let actions = strings(&entries["entries"], "action");
    assert_eq!(actions, vec!["setup.refused"; 2 * rows.len()]);
    assert!(!entries.to_string().contains("s3cret"), "{entries:#}");
}
