//! Configurations that find `MARK-` followed by a number.

use serde_json::{Value, json};

use super::files::Site;

/// Everything on: `app.log` is read from its start, every line with a mark is an incident of its own, and incidents go
/// to the file `notifications.jsonl`. Nothing is limited.
pub(crate) fn settings(site: &Site) -> Value {
    json!({
        "storage": {
            "engine": "sqlite",
            "durability": "durable",
            "options": { "dbPath": site.path("data/opspilot.db"), "dataDir": site.path("data") },
        },
        "modules": {
            "connector.fileTail": { "enabled": true, "paths": [site.path("app.log")], "fromBeginning": true },
            "detector.regex": {
                "enabled": true,
                "maxIncidentsPerMinute": 0,
                "rules": [{
                    "id": "mark",
                    "pattern": r"MARK-(\d+)",
                    "severity": "warning",
                    "title": "A mark",
                    "description": "mark $1",
                    "cooldownMs": 0,
                }],
            },
            "enricher.dedup": { "enabled": false },
            "enricher.incidentStore": { "enabled": true, "maxIncidents": 10_000_000, "retentionMs": 0 },
            "notifier.channels": {
                "enabled": true,
                "rateLimitPerMinute": 0,
                "channels": [{
                    "id": "file",
                    "type": "file",
                    "path": site.path("notifications.jsonl"),
                    "events": ["incident.created"],
                }],
            },
            "ui.api": { "enabled": true, "host": "127.0.0.1", "port": 0, "rateLimitPerMinute": 0 },
        },
    })
}

/// `settings` with the value at `pointer` (RFC 6901) replaced or added; a `.` in a module's id needs no escape.
pub(crate) fn with(mut settings: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer
        .rsplit_once('/')
        .expect("a pointer starts with a slash");
    let parent = settings
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("nothing at `{parent}`"));
    match parent {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(list) => list[key.parse::<usize>().expect("a place in a list")] = value,
        other => panic!("`{pointer}` is in {other}"),
    }
    settings
}
