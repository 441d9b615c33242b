//! From a reading of this machine to an incident.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

/// Rules that hold on any machine: on a number, on a line with that number, and on the line that warns of it.
fn watching(site: &Site) -> Value {
    let readings = json!({
        "enabled": true, "intervalMs": 1_000, "enabledMetrics": ["memory", "fileSystems"],
        "thresholds": { "memoryPercent": 0 },
    });
    let rule = |id: &str, more: Value| {
        let mut rule = json!({ "id": id, "threshold": 0, "operator": "gt", "severity": "warning", "title": "Memory", "description": "$value" });
        let (Value::Object(keys), Value::Object(more)) = (&mut rule, more) else {
            unreachable!()
        };
        keys.extend(more);
        rule
    };
    let thresholds = json!({ "enabled": true, "rules": [
        rule("sample", json!({ "sample": "memory_usage_percent", "minSamples": 2 })),
        rule("line", json!({
            "metric": r"\[METRIC\] memory_usage_percent=", "valuePattern": r"memory_usage_percent=([\d.]+)",
        })),
    ] });
    let warning = json!({
        "id": "warning", "pattern": r"\[WARNING\] memory_usage_percent=([\d.]+) exceeds threshold 0$",
        "severity": "warning", "title": "Memory", "description": "$1",
    });
    let settings = with(settings(site), "/modules/connector.metrics", readings);
    let settings = with(settings, "/modules/detector.threshold", thresholds);
    with(settings, "/modules/detector.regex/rules/0", warning)
}

#[test]
fn rules_fire_on_numbers_and_lines_of_this_machine() {
    let site = Site::new();
    site.configure(&watching(&site));
    let server = Server::start(&site);
    let incidents = server.until_incidents(3);
    let rule = |incident: &Value| incident["context"]["ruleId"].as_str().map(str::to_owned);
    let by_rule: BTreeMap<String, Value> = incidents
        .iter()
        .filter_map(|incident| Some((rule(incident)?, incident.clone())))
        .collect();
    assert_eq!(
        by_rule.keys().collect::<Vec<_>>(),
        ["line", "sample", "warning"]
    );
    for (rule, incident) in &by_rule {
        let value: f64 = incident["description"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("a number");
        assert!(value > 0.0 && value < 100.0, "{rule}: {incident}");
        assert_eq!(
            incident["context"]["logSource"], "system-metrics",
            "{incident}"
        );
    }
    let detectors = ["sample", "warning"].map(|rule| by_rule[rule]["detectedBy"].clone());
    assert_eq!(detectors, ["detector.threshold", "detector.regex"]);
    server.stop();
}
