//! Rules with several series.

use super::*;

fn watching(more: Value) -> Threshold {
    let mut rule = json!({
        "id": "full", "sample": "load", "threshold": 90, "operator": "gt", "severity": "critical", "minSamples": 2,
        "clearAfterMs": 1_000, "title": "Disk $group at $value",
    });
    let (Value::Object(keys), Value::Object(more)) = (&mut rule, more) else {
        unreachable!()
    };
    keys.extend(more);
    build(json!({ "rules": [rule], "maxIncidentsPerMinute": 0 })).unwrap()
}

/// What becomes of one number at `now`.
fn feed(detector: &mut Threshold, now: i64, value: f64, attributes: &Value) -> Vec<Finding> {
    let base = u64::try_from(now).unwrap() * 100;
    observe(detector, now, &known(base, "quiet", value, attributes))
}

fn figure(detector: &Threshold, name: &str) -> u64 {
    let mut figures = detector.figures().into_iter();
    figures.find(|(key, _)| *key == name).unwrap().1
}

#[test]
fn a_full_disk_is_not_lost_among_others() {
    let mut detector = watching(json!({}));
    let (root, data) = (
        json!({ "mount": "/" }),
        json!({ "mount": "/data", "type": "xfs" }),
    );
    assert_eq!(feed(&mut detector, 0, 95.0, &data), []);
    assert_eq!(feed(&mut detector, 1, 20.0, &root), []);
    let findings = feed(&mut detector, 2, 97.0, &data);
    let event = created(&findings)[0];
    assert_eq!(event.title, "Disk mount=/data type=xfs at 97");
    assert_eq!(event.context["group"], data);
    assert_eq!(
        (
            &event.context["averageValue"],
            &event.context["samplesInWindow"]
        ),
        (&json!(96.0), &json!(2))
    );
    // Another one has an incident of its own, whatever the first one's cooldown says.
    assert_eq!(feed(&mut detector, 3, 99.0, &root), []);
    let other = feed(&mut detector, 4, 99.0, &root);
    assert_ne!(created(&other)[0].incident_id, event.incident_id);
    // Each is over when it is over.
    assert_eq!(feed(&mut detector, 10, 1.0, &data), []);
    let calm = feed(&mut detector, 2_000, 1.0, &data);
    assert_eq!(
        cleared(&calm)
            .iter()
            .map(|one| &one.incident_id)
            .collect::<Vec<_>>(),
        [&event.incident_id]
    );
    let again = feed(&mut detector, 2_001, 99.0, &root);
    assert_eq!(
        repeated(&again)[0].incident_id,
        created(&other)[0].incident_id
    );
    assert_eq!(figure(&detector, "series"), 2);
}

#[test]
fn an_empty_list_leaves_one_series() {
    let mut detector = watching(json!({ "groupBy": [] }));
    assert_eq!(feed(&mut detector, 0, 95.0, &json!({ "mount": "/" })), []);
    let findings = feed(&mut detector, 1, 95.0, &json!({ "mount": "/data" }));
    let event = created(&findings)[0];
    assert_eq!(event.title, "Disk  at 95");
    assert!(!event.context.contains_key("group"));
}

#[test]
fn named_attributes_tell_series_apart_and_others_do_not() {
    let mut detector = watching(json!({ "groupBy": ["hostname", "/pod/name"] }));
    let pod = |name: &str, number: u64| json!({ "pod": { "name": name }, "number": number });
    assert_eq!(feed(&mut detector, 0, 95.0, &pod("a", 1)), []);
    assert_eq!(feed(&mut detector, 1, 95.0, &pod("b", 2)), []);
    let findings = feed(&mut detector, 2, 95.0, &pod("a", 3));
    let group = &created(&findings)[0].context["group"];
    assert_eq!(*group, json!({ "hostname": "db1", "/pod/name": "a" }));
}

#[test]
fn lines_have_series_where_the_rule_names_attributes() {
    let check = |more: Value, expected: usize| {
        let rule = rule(more);
        let mut detector: Threshold = build(json!({ "rules": [rule] })).unwrap();
        let line = |base, unit| known(base, "cpu=95", 0.0, &json!({ "unit": unit }));
        assert_eq!(observe(&mut detector, 0, &line(0, "a")), []);
        assert_eq!(
            created(&observe(&mut detector, 1, &line(9, "b"))).len(),
            expected
        );
    };
    check(json!({ "minSamples": 2, "groupBy": ["unit"] }), 0);
    check(json!({ "minSamples": 2 }), 1);
}

#[test]
fn what_finds_no_room_is_left_out_and_counted() {
    let mut detector =
        watching(json!({ "maxSeries": 2, "minSamples": 1, "cooldownMs": 0, "windowMs": 1_000 }));
    for (name, is_taken) in [("a", true), ("b", true), ("c", false), ("a", true)] {
        let findings = feed(&mut detector, 0, 95.0, &json!({ "mount": name }));
        assert_eq!(!findings.is_empty(), is_taken, "{name}");
    }
    assert_eq!(
        (
            figure(&detector, "series"),
            figure(&detector, "samplesLeftOut")
        ),
        (2, 1)
    );
    // The others are silent by then.
    let findings = feed(&mut detector, 1_001, 95.0, &json!({ "mount": "c" }));
    assert_eq!(created(&findings).len(), 1);
    assert_eq!(figure(&detector, "samplesLeftOut"), 1);
}

#[test]
fn a_forgotten_incident_is_created_anew() {
    let mut detector = watching(json!({ "minSamples": 1 }));
    let data = json!({ "mount": "/data" });
    let first = feed(&mut detector, 0, 95.0, &data);
    let id = created(&first)[0].incident_id.clone();
    assert_eq!(repeated(&feed(&mut detector, 1, 95.0, &data)).len(), 1);
    detector.forget(&id);
    assert_eq!(created(&feed(&mut detector, 2, 95.0, &data)).len(), 1);
}

#[test]
fn faults_of_the_options_are_named() {
    let faults = refusal::<Threshold>(json!({ "rules": [
        rule(json!({ "groupBy": [""], "maxSeries": 0 })),
    ] }));
    for part in [
        "rules[0].groupBy: must name",
        "rules[0].maxSeries: must be from 1",
    ] {
        assert!(faults.contains(part), "{part} not in {faults}");
    }
}

#[test]
fn a_state_from_before_there_were_series_is_read() {
    let mut feeding = Feed::new(json!({ "minSamples": 2, "clearAfterMs": 1_000 }));
    feeding.value(0, 95);
    let id = created(&feeding.value(1, 95))[0].incident_id.clone();
    let state = feeding.detector.snapshot();
    let group = state["rules"]["cpu"]["groups"][""].clone();
    assert!(group["open"].is_array(), "{state}");
    let mut old = state;
    old["rules"]["cpu"] = group;
    let mut restored = Feed::new(json!({ "minSamples": 2, "clearAfterMs": 1_000 }));
    restored.detector.restore(old).unwrap();
    restored.base = feeding.base;
    assert_eq!(repeated(&restored.value(2, 95))[0].incident_id, id);
    restored.value(3, 1);
    assert_eq!(cleared(&restored.value(2_000, 1))[0].incident_id, id);
}

proptest! {
    #[test]
    fn series_are_as_if_each_had_a_rule_of_its_own_over_restarts(
        samples in prop::collection::vec((0..2_000_i64, 0..3_usize, 70..100_i32), 1..80), stop in 0..80_usize,
    ) {
        let more = json!({ "windowMs": 3_000, "clearThreshold": 85, "cooldownMs": 2_000, "maxSeries": 3 });
        let mounts = ["/", "/data", "/var"];
        let mut together = watching(more.clone());
        let mut alone = mounts.map(|mount| {
            let mut more = more.clone();
            more["where"] = json!({ "mount": mount });
            watching(more)
        });
        let mut now = 0;
        for (index, (step, mount, value)) in samples.into_iter().enumerate() {
            if index == stop {
                let state = serde_json::from_str(&together.snapshot().to_string()).unwrap();
                together = watching(more.clone());
                together.restore(state).unwrap();
            }
            now += step;
            // Of each one position, so that identities differ.
            let base = index as u64 * 100;
            let batch = known(base, "quiet", f64::from(value), &json!({ "mount": mounts[mount] }));
            let expected = observe(&mut alone[mount], now, &batch);
            prop_assert_eq!(observe(&mut together, now, &batch), expected);
        }
    }
}
