//! `detector.threshold` as a whole.

mod groups;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Threshold;
use crate::detector::{Detector, DetectorModule, Finding};
use crate::testing::{
    build, cleared, counted, created, known, lines_at, observe, refusal, repeated,
};

fn rule(more: Value) -> Value {
    let mut rule = json!({
        "id": "cpu", "metric": "cpu=", "valuePattern": r"cpu=(\S+)", "threshold": 90, "operator": "gt",
        "severity": "warning", "title": "CPU $value $operator $threshold",
    });
    let (Value::Object(keys), Value::Object(more)) = (&mut rule, more) else {
        unreachable!()
    };
    keys.extend(more);
    rule
}

/// A detector of one rule that is fed one sample at a time.
struct Feed {
    detector: Threshold,
    base: u64,
}

impl Feed {
    fn new(more: Value) -> Self {
        Self {
            detector: build(json!({ "rules": [rule(more)] })).unwrap(),
            base: 0,
        }
    }

    fn value(&mut self, now: i64, value: impl std::fmt::Display) -> Vec<Finding> {
        let batch = lines_at(
            self.base,
            &[format!("[METRIC] cpu={value}%"), "other".into()],
        );
        self.base = batch.end();
        observe(&mut self.detector, now, &batch)
    }
}

#[test]
fn a_sustained_breach_becomes_an_incident() {
    let mut feed = Feed::new(json!({ "minSamples": 3, "description": "$metric $value" }));
    assert!(feed.value(0, 95).is_empty() && feed.value(1_000, 96.25).is_empty());
    let findings = feed.value(2_000, "91.5");
    let event = created(&findings)[0];
    assert_eq!(
        (event.title.as_str(), event.description.as_str()),
        ("CPU 91.5 > 90", "cpu= 91.5")
    );
    let context = json!({
        "ruleId": "cpu", "metric": "cpu=", "latestValue": 91.5, "averageValue": 94.25, "threshold": 90.0, "operator": ">",
        "samplesInWindow": 3, "windowMs": 60_000, "samples": [[2_000, 95.0], [1_000, 96.25], [0, 91.5]], "logSource": "/var/log/test.log", "logLineNumber": 1,
        "matchedLine": "[METRIC] cpu=91.5%", "stream": "s", "position": event.context["position"],
    });
    assert_eq!(Value::Object(event.context.clone()), context);
    let figures = feed.detector.figures();
    let expected = [
        ("activeRules", 1),
        ("linesScanned", 6),
        ("samplesCollected", 3),
        ("thresholdBreaches", 3),
    ];
    assert_eq!(
        (&figures[..4], figures[4]),
        (&expected[..], ("incidentsCreated", 1))
    );
}

#[test]
fn a_normal_value_after_old_peaks_is_no_incident() {
    let mut feed = Feed::new(json!({ "minSamples": 2 }));
    for (now, value) in [(0, 95), (1_000, 50), (2_000, 95), (3_000, 50)] {
        assert!(feed.value(now, value).is_empty());
    }
}

#[test]
fn breaches_count_only_within_the_window() {
    let mut feed = Feed::new(json!({ "minSamples": 2, "windowMs": 10_000 }));
    assert!(feed.value(0, 95).is_empty() && feed.value(10_001, 95).is_empty());
    assert_eq!(created(&feed.value(20_001, 95)).len(), 1);
}

#[test]
fn a_lasting_breach_repeats_its_incident_until_the_cooldown_is_over() {
    let mut feed = Feed::new(json!({ "cooldownMs": 5_000 }));
    let first = feed.value(0, 95);
    let again = feed.value(4_999, 95);
    assert_eq!(
        (created(&again).len(), &repeated(&again)[0].incident_id),
        (0, &created(&first)[0].incident_id)
    );
    assert_eq!(created(&feed.value(5_000, 95)).len(), 1);
}

#[test]
fn it_clears_with_hysteresis_and_fires_anew() {
    let mut feed = Feed::new(json!({ "clearThreshold": 80, "clearAfterMs": 10_000 }));
    let id = created(&feed.value(0, 95))[0].incident_id.clone();
    for (now, value) in [(1_000, 70), (5_000, 85), (12_000, 79), (21_999, 80)] {
        assert!(feed.value(now, value).is_empty(), "{now}");
    }
    let findings = feed.value(22_000, 1);
    let event = cleared(&findings)[0];
    assert_eq!(
        (&event.incident_id, event.cleared_at.as_millis()),
        (&id, 22_000)
    );
    assert_eq!(event.reason, "no value was > 80 for 10 s");
    assert!(feed.value(23_000, 1).is_empty());
    assert_ne!(created(&feed.value(24_000, 95))[0].incident_id, id);
}

#[test]
fn silence_does_not_clear() {
    let mut feed = Feed::new(json!({ "clearAfterMs": 1_000 }));
    feed.value(0, 95);
    let mut out = Vec::new();
    feed.detector
        .tick(crate::testing::at(100_000_000), &mut out);
    assert!(out.is_empty() && feed.detector.next_tick().is_none());
}

#[test]
fn lines_without_a_number_are_no_samples() {
    let mut feed = Feed::new(json!({}));
    for value in ["n/a", "Infinity", "NaN", "-"] {
        assert!(feed.value(0, value).is_empty());
    }
    assert_eq!(feed.detector.figures()[2], ("samplesCollected", 0));
}

#[test]
fn operators_compare() {
    let rows = [
        ("gt", [0, 0, 1]),
        ("gte", [0, 1, 1]),
        ("lt", [1, 0, 0]),
        ("lte", [1, 1, 0]),
        ("eq", [0, 1, 0]),
    ];
    for (operator, expected) in rows {
        let fires =
            |value| created(&Feed::new(json!({ "operator": operator })).value(0, value)).len();
        assert_eq!([89, 90, 91].map(fires), expected, "{operator}");
    }
}

#[test]
fn every_fault_of_the_options_is_named() {
    let faults = refusal::<Threshold>(json!({ "rules": [
        rule(json!({ "valuePattern": "cpu=", "windowMs": 999, "minSamples": 0 })),
        rule(json!({ "metric": "(", "clearThreshold": 91 })),
        rule(json!({ "id": "eq", "operator": "eq", "clearThreshold": 89, "minSamples": 10_001 })),
    ] }));
    let parts = [
        "rules[0].valuePattern: has no group",
        "rules[0].windowMs: must be at least 1000",
        "rules[0].minSamples",
        "rules[1].id: another rule is called `cpu`",
        "rules[1].metric: unclosed group",
        "rules[1].clearThreshold",
        "rules[2].clearThreshold",
        "rules[2].minSamples: must be from 1 to 10000",
    ];
    for part in parts {
        assert!(faults.contains(part), "{part} not in {faults}");
    }
    assert!(refusal::<Threshold>(json!({ "rules": [] })).contains("at least one rule"));
}

#[test]
fn tests_of_rules_are_run_by_check() {
    let tests = json!({ "tests": [
        { "line": "cpu=7%", "value": 7 }, { "line": "mem=7%" }, { "line": "cpu=7%", "value": 8 }, { "line": "cpu=x", "value": 1 },
    ] });
    let detector: Threshold = build(json!({ "rules": [rule(tests)] })).unwrap();
    assert_eq!(
        detector.check().unwrap_err().to_string(),
        "rules[0].tests[2]: the rule reads 7 from this line, but should read 8; \
         rules[0].tests[3]: the rule reads no value from this line, but should read 1"
    );
}

proptest! {
    #[test]
    fn a_snapshot_continues_as_if_nothing_had_happened(
        samples in prop::collection::vec((0..9_000_i64, 70..100_i32), 1..60), stop in 0..60_usize,
    ) {
        let more = json!({
            "minSamples": 2, "windowMs": 15_000, "clearThreshold": 85, "clearAfterMs": 9_000, "cooldownMs": 12_000,
        });
        let (mut straight, mut restored) = (Feed::new(more.clone()), Feed::new(more.clone()));
        let (mut now, mut open) = (0, std::collections::BTreeSet::new());
        for (index, (step, value)) in samples.into_iter().enumerate() {
            if index == stop {
                let state = serde_json::from_str(&restored.detector.snapshot().to_string()).unwrap();
                restored.detector = Feed::new(more.clone()).detector;
                restored.detector.restore(state).unwrap();
            }
            now += step;
            let findings = straight.value(now, value);
            prop_assert_eq!(restored.value(now, value), findings.clone());
            prop_assert!(counted(&findings) == 0 || value > 90);
            open.extend(created(&findings).into_iter().map(|event| event.incident_id.clone()));
            // Only what was created and not cleared before is cleared.
            for event in cleared(&findings) {
                prop_assert!(value <= 85 && open.remove(&event.incident_id));
            }
            prop_assert!(cleared(&findings).is_empty() || open.is_empty());
        }
    }
}

#[test]
fn a_rule_can_watch_a_number_that_a_source_reads_itself() {
    let rule = json!({
        "id": "load", "sample": "load", "threshold": 4, "operator": "gt", "severity": "critical",
        "title": "$metric is $value", "where": { "mount": ["/", "/var*"], "hostname": "db1" },
        "unless": { "mount": "/var/tmp" },
    });
    let mut detector: Threshold = build(json!({ "rules": [rule] })).unwrap();
    for (mount, value) in [("/home", 9.0), ("/", 4.0), ("/var/tmp", 9.0)] {
        let batch = known(0, "quiet", value, &json!({ "mount": mount }));
        assert_eq!(observe(&mut detector, 0, &batch), [], "{mount}");
    }
    let batch = known(5, "quiet", 4.501_234, &json!({ "mount": "/var/log" }));
    let findings = observe(&mut detector, 1_000, &batch);
    let event = created(&findings)[0];
    assert_eq!(event.title, "load is 4.5");
    assert_eq!(event.context["latestValue"], 4.501_234);
    assert_eq!(event.source_event.as_deref(), Some("metric.sampled"));
    assert_eq!(event.context["matchedLine"], "load=4.501234 1");
    assert_eq!(
        event.context["attributes"],
        json!({ "hostname": "db1", "mount": "/var/log" })
    );
    assert!(!event.context.contains_key("logLineNumber"));
    let mut again: Threshold = build(json!({ "rules": [{
        "id": "load", "sample": "load", "threshold": 4, "operator": "gt", "severity": "critical", "title": "x",
    }] }))
    .unwrap();
    let same = observe(&mut again, 1_000, &batch);
    assert_eq!(created(&same)[0].incident_id, event.incident_id);
}

#[test]
fn lines_and_samples_are_not_mixed_in_a_rule() {
    let both = refusal::<Threshold>(json!({ "rules": [rule(json!({
        "sample": "load", "tests": [{ "line": "x" }],
    }))] }));
    for key in ["metric", "valuePattern", "tests"] {
        assert!(both.contains(key), "{both}");
    }
    let neither =
        json!({ "id": "x", "threshold": 4, "operator": "gt", "severity": "info", "title": "x" });
    let neither = refusal::<Threshold>(json!({ "rules": [neither] }));
    assert!(
        neither.contains("metric") && neither.contains("valuePattern"),
        "{neither}"
    );
}

#[test]
fn a_rule_about_lines_asks_for_attributes() {
    let rule = rule(json!({ "where": { "opsSeverity": "critical" }, "tests": [
        { "line": "cpu=95", "attributes": { "opsSeverity": "critical" }, "value": 95 },
        { "line": "cpu=95" },
    ] }));
    let mut detector: Threshold = build(json!({ "rules": [rule] })).unwrap();
    detector.check().unwrap();
    let batch = known(0, "cpu=95", 0.0, &json!({ "opsSeverity": "info" }));
    assert_eq!(observe(&mut detector, 0, &batch), []);
    let batch = known(9, "cpu=95", 0.0, &json!({ "opsSeverity": "critical" }));
    assert_eq!(created(&observe(&mut detector, 0, &batch)).len(), 1);
}
