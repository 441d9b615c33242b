//! The options, and what is wrong with them.

use opspilot_core::config::ModuleOptions;
use opspilot_core::module::Factory;
use serde_json::{Value, json};

use super::super::Escalation;

fn faults(options: &Value) -> String {
    let options = ModuleOptions::from_json("action.escalation", options.clone());
    let built = Factory::of::<Escalation>().build(&options);
    built
        .err()
        .map(|errors| errors.to_string())
        .unwrap_or_default()
}

#[test]
fn the_original_options_are_taken() {
    let original = json!({
        "checkIntervalMs": 30_000,
        "policies": [{
            "id": "critical",
            "matchSeverity": ["critical"],
            "levels": [
                { "level": 1, "afterMs": 300_000, "notify": ["on-call"] },
                { "level": 2, "afterMs": 900_000, "notify": ["team-lead"], "repeat": true,
                    "repeatIntervalMs": 600_000 },
            ],
        }],
        "maxTrackedIncidents": 5_000,
        "resolvedStatuses": ["resolved", "closed"],
        "acknowledgedPausesEscalation": true,
    });
    assert_eq!(faults(&original), "");
    assert_eq!(faults(&json!({})), "");
}

#[test]
fn every_fault_is_named_with_its_place() {
    let level = |notify: Value| json!([{ "level": 1, "afterMs": 1_000, "notify": notify }]);
    let options = json!({
        "people": [{ "id": "ann", "timeZone": "Mars/Base" }, { "id": "ann" }],
        "schedules": [
            { "id": "a", "timeZone": "Europe/Bärlin", "layers": [] },
            {
                "id": "b",
                "timeZone": "Europe/Berlin",
                "layers": [
                    { "people": ["zoe"], "start": "2026-01-05T09:00", "every": { "weeks": 1 } },
                    { "people": ["ann"], "start": "at nine", "every": { "weeks": 1 } },
                    { "people": ["ann"], "start": "2026-01-05T09:00", "every": { "weeks": 1, "days": 2 } },
                    { "people": ["ann"], "start": "2026-01-05T09:00", "every": { "days": 1 },
                        "restrict": { "from": "nine" } },
                ],
                "overrides": [
                    { "from": "2026-01-05T09:00", "until": "2026-01-05T08:00Z", "person": "ann" },
                ],
            },
        ],
        "policies": [
            { "id": "p", "matchTitlePattern": "(", "levels": level(json!(["person:zoe", "schedule:c", "label"])) },
            { "id": "p", "levels": [
                { "level": 1, "afterMs": 1_000, "notify": [], "repeat": true },
                { "level": 1, "afterMs": 2_000, "notify": [] },
            ] },
        ],
    });
    let faults = faults(&options);
    for expected in [
        "people[0].timeZone",
        "people[1].id",
        "schedules[0].timeZone",
        "schedules[1].layers[0].people[0]",
        "schedules[1].layers[1].start",
        "schedules[1].layers[2].every",
        "schedules[1].layers[3].restrict",
        "schedules[1].overrides[0].until",
        "policies[0].matchTitlePattern",
        "policies[0].levels[0].notify[0]",
        "policies[0].levels[0].notify[1]",
        "policies[1].id",
        "policies[1].levels[0].repeat",
        "policies[1].levels[1].level",
    ] {
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
    assert!(!faults.contains("notify[2]"), "{faults}");
}
