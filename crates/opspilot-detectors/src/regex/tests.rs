//! `detector.regex` as a whole.

use std::collections::BTreeMap;

use opspilot_core::incident::Severity;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Regex;
use crate::detector::{Detector, DetectorModule, Finding, Reason};
use crate::testing::{build, counted, created, known, lines, lines_at, observe, refusal, repeated};

fn rule(id: &str, pattern: &str) -> Value {
    json!({ "id": id, "pattern": pattern, "severity": "warning", "title": format!("Title {id}") })
}

fn with(mut rule: Value, more: Value) -> Value {
    let (Value::Object(rule_keys), Value::Object(more)) = (&mut rule, more) else {
        unreachable!()
    };
    rule_keys.extend(more);
    rule
}

fn detector(rules: impl Into<Value>, cap: u32) -> Regex {
    build(json!({ "rules": rules.into(), "maxIncidentsPerMinute": cap })).unwrap()
}

#[test]
fn a_match_becomes_an_incident_with_its_evidence() {
    let template = json!({ "description": "user $1 from $2$3, cost $5", "autoResolveMs": 5_000 });
    let rules = vec![with(
        rule("ssh", r"failed for (\S+) from (\S+)(x)?"),
        template,
    )];
    let mut detector = detector(rules, 0);
    let findings = observe(
        &mut detector,
        7,
        &lines_at(100, &["ok", "sshd: FAILED for $2 from h", ""]),
    );
    let [Finding::Created { position, event }] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(
        (*position, event.title.as_str(), event.occurrences),
        (103, "Title ssh", 1)
    );
    assert_eq!(event.description, "user $2 from h, cost ");
    assert_eq!(
        (event.detected_at.as_millis(), event.auto_resolve_ms),
        (7, Some(5_000))
    );
    let context = json!({
        "ruleId": "ssh", "pattern": r"failed for (\S+) from (\S+)(x)?",
        "matchedLine": "sshd: FAILED for $2 from h", "matchedGroups": ["$2", "h", ""],
        "logSource": "/var/log/test.log", "logLineNumber": 2, "stream": "s", "position": 103,
    });
    assert_eq!(Value::Object(event.context.clone()), context);
    assert_eq!(event.source_event.as_deref(), Some("log.ingested"));
}

#[test]
fn all_matching_rules_act_in_configured_order() {
    let mut detector = detector(
        vec![rule("b", "x"), rule("off", "x").tap_off(), rule("a", "x")],
        0,
    );
    let findings = observe(&mut detector, 0, &lines(&["x"]));
    let ids: Vec<_> = created(&findings)
        .iter()
        .map(|event| event.context["ruleId"].clone())
        .collect();
    assert_eq!(ids, ["b", "a"]);
}

trait TapOff {
    fn tap_off(self) -> Value;
}

impl TapOff for Value {
    fn tap_off(self) -> Value {
        with(self, json!({ "enabled": false }))
    }
}

#[test]
fn matches_in_the_cooldown_are_counted_once_a_batch() {
    let mut detector = detector(vec![rule("a", "x")], 0);
    let first = observe(&mut detector, 0, &lines(&["x", "x", "x"]));
    let id = &created(&first)[0].incident_id;
    let Finding::Repeated {
        position,
        event,
        reason,
        rule,
    } = &first[1]
    else {
        panic!("{first:?}")
    };
    assert_eq!(
        (*position, event.occurrences, *reason, &**rule),
        (4, 2, Reason::Cooldown, "a")
    );
    assert_eq!((&event.incident_id, event.by_rule.is_empty()), (id, true));
    let second = observe(&mut detector, 59_999, &lines_at(6, &["x"]));
    assert_eq!(
        (
            created(&second).len(),
            repeated(&second)[0].incident_id == *id
        ),
        (0, true)
    );
    assert_eq!(
        created(&observe(&mut detector, 60_000, &lines_at(8, &["x"]))).len(),
        1
    );
}

#[test]
fn matches_beyond_the_cap_are_counted_on_one_storm() {
    let rules = vec![
        with(rule("a", "x"), json!({ "cooldownMs": 0 })),
        with(
            rule("b", "y"),
            json!({ "cooldownMs": 0, "severity": "critical" }),
        ),
    ];
    let mut detector = detector(rules, 2);
    let findings = observe(&mut detector, 0, &lines(&["x", "x", "x", "y", "x"]));
    let storm = created(&findings)[2];
    assert_eq!(
        storm.title,
        "More matches than maxIncidentsPerMinute allows"
    );
    assert_eq!(
        (storm.severity, storm.context["cap"].clone()),
        (Severity::Critical, json!(2))
    );
    assert_eq!(storm.context["rules"], json!({ "a": 1 }));
    let by_rule = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)]);
    let rest = repeated(&findings);
    assert_eq!(
        (rest.len(), &rest[0].by_rule, &rest[0].incident_id),
        (1, &by_rule, &storm.incident_id)
    );
    // The storm goes on while the cap is exceeded at least once a minute.
    let later = observe(&mut detector, 59_999, &lines_at(10, &["x"]));
    assert_eq!(
        (created(&later).len(), &repeated(&later)[0].incident_id),
        (0, &storm.incident_id)
    );
    let full = observe(&mut detector, 60_000, &lines_at(12, &["x", "x", "x"]));
    assert_eq!(
        (created(&full).len(), &repeated(&full)[0].incident_id),
        (2, &storm.incident_id)
    );
    // After a quiet minute it is another one.
    let new = observe(&mut detector, 120_001, &lines_at(18, &["x", "x", "x"]));
    assert_eq!(
        (
            created(&new).len(),
            created(&new)[2].incident_id == storm.incident_id
        ),
        (3, false)
    );
}

#[test]
fn a_worse_match_is_not_hidden_in_a_mild_storm() {
    let rules = vec![
        with(rule("a", "x"), json!({ "cooldownMs": 0 })),
        with(
            rule("b", "y"),
            json!({ "cooldownMs": 0, "severity": "critical" }),
        ),
    ];
    let mut detector = detector(rules, 1);
    observe(&mut detector, 0, &lines(&["x", "x"]));
    let findings = observe(&mut detector, 1, &lines_at(4, &["x", "y", "x"]));
    let severities: Vec<_> = created(&findings)
        .iter()
        .map(|event| event.severity)
        .collect();
    assert_eq!(
        (severities, counted(&findings)),
        (vec![Severity::Critical], 3)
    );
}

#[test]
fn a_line_read_again_finds_the_same_incident() {
    let mut detector = detector(vec![rule("a", "x")], 1);
    let batch = lines(&["x"]);
    let first = observe(&mut detector, 0, &batch);
    assert_eq!(observe(&mut detector, 0, &batch), first);
    let other = rule("b", "y");
    let mut detector = self::detector(vec![rule("a", "x"), other], 1);
    let first = observe(&mut detector, 0, &lines(&["x", "y"]));
    let again = observe(&mut detector, 0, &lines(&["x", "y"]));
    assert_eq!((first == again, created(&first).len()), (true, 2));
}

#[test]
fn every_fault_of_the_options_is_named() {
    let faults = refusal::<Regex>(json!({ "rules": [
        rule("a", "(?=x)"), rule("a", "("), with(rule("", "x"), json!({ "flags": "v", "title": "" })), rule("d", ""),
    ], "maxIncidentsPerMinute": 100_001 }));
    let parts = [
        "rules[0].pattern: look-around",
        "rules[1].id: another rule is called `a`",
        "rules[1].pattern: unclosed group",
        "rules[2].id: must not be empty",
        "rules[2].flags: the flag `v`",
        "rules[2].title: must not be empty",
        "rules[3].pattern: must not be empty",
        "maxIncidentsPerMinute: is above 100000",
    ];
    for part in parts {
        assert!(faults.contains(part), "{part} not in {faults}");
    }
    let many: Vec<_> = (0..501)
        .map(|index| rule(&index.to_string(), "x"))
        .collect();
    assert!(refusal::<Regex>(json!({ "rules": many })).contains("501 rules"));
}

#[test]
fn tests_of_rules_are_run_by_check() {
    let test = |line: &str, expect: &str| json!({ "line": line, "expect": expect });
    let tests = json!({ "tests": [test("x", "match"), test("y", "noMatch"), test("y", "match"), test("X", "noMatch")] });
    let detector: Regex = build(json!({ "rules": [with(rule("a", "x"), tests)] })).unwrap();
    let failures = detector.check().unwrap_err().to_string();
    assert_eq!(
        failures,
        "rules[0].tests[2]: the rule does not match this line, but should; \
         rules[0].tests[3]: the rule matches this line, but should not"
    );
}

#[test]
fn a_clock_set_back_does_not_silence_a_rule() {
    let mut detector = detector(vec![rule("a", "x")], 1);
    observe(&mut detector, 10_000_000, &lines(&["x"]));
    assert_eq!(
        created(&observe(&mut detector, 0, &lines_at(2, &["x"]))).len(),
        1
    );
}

#[test]
fn long_lines_are_cut_in_the_evidence() {
    let line = format!("x{}", "é".repeat(100_000));
    let rules = vec![with(rule("a", "x(.*)"), json!({ "description": "$0 $0" }))];
    let findings = observe(&mut detector(rules, 0), 0, &lines(&[line]));
    let event = created(&findings)[0];
    let length = |value: &Value| value.as_str().unwrap().len();
    assert!((65_000..66_000).contains(&length(&event.context["matchedLine"])));
    assert!(length(&event.context["matchedGroups"][0]) < 5_000 && event.description.len() < 17_000);
}

#[test]
fn bytes_that_are_not_utf8_are_shown_as_replacements() {
    let batch = crate::testing::batch("s", 0, &[(b"x\xff=(\xe2\x82)".to_vec(), "\n")]);
    let rules = vec![with(rule("a", r"=\((.)\)"), json!({ "description": "$1" }))];
    let findings = observe(&mut detector(rules, 0), 0, &batch);
    assert_eq!(created(&findings)[0].description, "\u{fffd}");
}

/// Lines in batches, with the time between them.
fn traffic() -> impl Strategy<Value = Vec<(i64, Vec<&'static str>)>> {
    let line = prop::sample::select(&["x", "y", "xy", "z", "none"][..]);
    prop::collection::vec((0..40_000_i64, prop::collection::vec(line, 0..6)), 1..25)
}

proptest! {
    #[test]
    fn every_match_is_counted_on_exactly_one_incident(
        traffic in traffic(), cap in 0..4_u32, cooldowns in prop::collection::vec(0..90_000_u64, 3), stop in 0..25_usize,
    ) {
        let severities = ["info", "critical", "warning"];
        let rules: Vec<_> = ["x", "y", "z"].iter().zip(&cooldowns).zip(severities).map(|((id, cooldown), severity)| {
            with(rule(id, id), json!({ "cooldownMs": cooldown, "severity": severity }))
        }).collect();
        let (mut straight, mut restored) = (detector(rules.clone(), cap), detector(rules.clone(), cap));
        let (mut now, mut base, mut matches, mut on_incidents) = (0, 0, 0, 0);
        for (index, (step, texts)) in traffic.into_iter().enumerate() {
            if index == stop {
                let state = serde_json::from_str(&restored.snapshot().to_string()).unwrap();
                restored = detector(rules.clone(), cap);
                restored.restore(state).unwrap();
            }
            now += step;
            let batch = lines_at(base, &texts);
            base = batch.end();
            matches += texts.iter().map(|text| text.matches(['x', 'y', 'z']).count() as u64).sum::<u64>();
            let findings = observe(&mut straight, now, &batch);
            on_incidents += counted(&findings);
            let mut repeats: Vec<_> = repeated(&findings).iter().map(|event| event.incident_id.clone()).collect();
            repeats.sort();
            repeats.dedup();
            prop_assert_eq!(repeats.len(), repeated(&findings).len());
            let of_storms: u64 = repeated(&findings).iter().flat_map(|event| event.by_rule.values()).sum();
            prop_assert!(of_storms <= counted(&findings));
            prop_assert_eq!(observe(&mut restored, now, &batch), findings);
        }
        prop_assert_eq!(on_incidents, matches);
    }

    #[test]
    fn the_cap_holds_in_every_minute(traffic in traffic(), cap in 1..4_usize) {
        let rules: Vec<_> = ["x", "y", "z"].iter().map(|id| with(rule(id, id), json!({ "cooldownMs": 0 }))).collect();
        let mut detector = detector(rules, u32::try_from(cap).unwrap());
        let (mut now, mut base, mut times) = (0, 0, Vec::new());
        for (step, texts) in traffic {
            now += step;
            let batch = lines_at(base, &texts);
            base = batch.end();
            let findings = observe(&mut detector, now, &batch);
            let own = created(&findings).into_iter().filter(|event| event.context.contains_key("ruleId"));
            times.extend(own.map(|_| now));
            let in_window = times.iter().filter(|time| now - **time < 60_000).count();
            prop_assert!(in_window <= cap);
        }
    }
}

#[test]
fn a_rule_can_ask_for_what_the_source_knows() {
    let rule = json!({
        "id": "any", "pattern": "refused", "severity": "critical", "title": "x", "cooldownMs": 0,
        "where": { "unit": ["nginx*", "haproxy.service"] }, "unless": { "opsSeverity": "info" },
        "tests": [
            { "line": "refused", "attributes": { "unit": "nginx.service" }, "expect": "match" },
            { "line": "refused", "expect": "noMatch" },
        ],
    });
    let mut detector: Regex = build(json!({ "rules": [rule] })).unwrap();
    detector.check().unwrap();
    let rows = [
        (json!({ "unit": "cron.service" }), 0),
        (json!({ "unit": "nginx.service", "opsSeverity": "info" }), 0),
        (
            json!({ "unit": "nginx.service", "opsSeverity": "critical" }),
            1,
        ),
    ];
    for (index, (attributes, expected)) in rows.into_iter().enumerate() {
        let batch = known(index as u64 * 100, "connection refused", 0.0, &attributes);
        let findings = observe(&mut detector, 0, &batch);
        assert_eq!(created(&findings).len(), expected, "{attributes}");
        if let [event] = created(&findings)[..] {
            let shown =
                json!({ "hostname": "db1", "unit": "nginx.service", "opsSeverity": "critical" });
            assert_eq!(event.context["attributes"], shown);
        }
    }
    assert!(detector.figures().contains(&("rulesMatched", 1)));
}
