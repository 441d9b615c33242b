//! The options, and what is wrong with them.

use opspilot_core::config::ModuleOptions;
use opspilot_core::module::Factory;
use serde_json::{Value, json};

use super::super::Runbook;

fn faults(options: &Value) -> String {
    let options = ModuleOptions::from_json("action.runbook", options.clone());
    let built = Factory::of::<Runbook>().build(&options);
    built
        .err()
        .map(|errors| errors.to_string())
        .unwrap_or_default()
}

#[test]
fn the_original_options_are_taken() {
    let original = json!({
        "autoExecute": false,
        "requireApprovalPerStep": true,
        "stepTimeoutMs": 300_000,
        "maxConcurrentRunbooks": 10,
        "maxRunbookHistory": 500,
        "cooldownMs": 60_000,
        "severityFilter": ["warning", "critical"],
    });
    assert_eq!(faults(&original), "");
    assert_eq!(faults(&json!({})), "");
}

#[test]
fn every_kind_of_step_is_taken() {
    let steps = json!([
        { "kind": "manual", "title": "a", "timeoutSeconds": 60 },
        { "kind": "command", "title": "b", "action": "restart", "arguments": { "unit": "web" }, "mayFail": true },
        { "kind": "http", "title": "c", "action": "call" },
        { "kind": "wait", "seconds": 5 },
        { "kind": "check", "title": "d", "action": "restart", "timeoutSeconds": 5 },
        { "kind": "approval", "title": "e" },
    ]);
    assert_eq!(
        faults(&json!({ "runbooks": [{ "id": "r", "title": "r", "steps": steps }] })),
        ""
    );
}

#[test]
fn every_fault_is_named_with_its_place() {
    let steps = json!([{ "kind": "wait", "seconds": 5 }]);
    let options = json!({
        "autoExecute": true,
        "runbooks": [
            { "id": "r", "title": "r", "steps": steps, "match": { "titlePattern": "(" } },
            { "id": "r", "title": "r", "steps": steps },
        ],
    });
    let faults = faults(&options);
    for expected in [
        "autoExecute",
        "runbooks[0].match.titlePattern",
        "runbooks[1].id",
    ] {
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
    let shell = json!([{ "kind": "command", "title": "x", "command": "rm -rf /" }]);
    let shell = self::faults(&json!({ "runbooks": [{ "id": "r", "title": "r", "steps": shell }] }));
    assert!(shell.contains("unknown key"), "{shell}");
}
