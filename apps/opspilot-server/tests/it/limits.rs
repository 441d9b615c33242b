//! Storms, thresholds and incidents that end by themselves.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

#[test]
fn matches_above_the_cap_are_counted_and_not_lost() {
    let (matches, cap) = (500_u64, 20);
    let site = Site::new();
    site.configure(&with(
        settings(&site),
        "/modules/detector.regex/maxIncidentsPerMinute",
        json!(cap),
    ));
    let mut text = String::new();
    for n in 0..matches {
        writeln!(text, "2026-02-20T12:00:00Z ERROR MARK-{n}").expect("strings can be written");
    }
    site.write("app.log", text);
    let server = Server::start(&site);
    let incidents = server.until("all matches are counted", || {
        Some(server.incidents()).filter(|incidents| counted(incidents) >= matches)
    });
    assert_eq!(counted(&incidents), matches);
    assert_eq!(incidents.len(), cap + 1, "the cap and one storm");
    let storm = incidents
        .iter()
        .find(|incident| incident["title"] != "A mark")
        .expect("a storm");
    assert_eq!(storm["occurrences"], matches - cap as u64);
    server.stop();
}

fn counted(incidents: &[Value]) -> u64 {
    incidents
        .iter()
        .filter_map(|incident| incident["occurrences"].as_u64())
        .sum()
}

#[test]
fn a_threshold_fires_when_it_is_passed_for_long_enough_and_clears_with_hysteresis() {
    let site = Site::new();
    let rule = json!({
        "id": "disk", "metric": "disk_usage", "valuePattern": r"disk_usage=(\d+)", "operator": "gte",
        "threshold": 90, "clearThreshold": 85, "clearAfterMs": 0, "minSamples": 3, "severity": "warning", "title": "Disk at $value %",
    });
    site.configure(&with(
        settings(&site),
        "/modules/detector.threshold",
        json!({ "enabled": true, "rules": [rule] }),
    ));
    site.write("app.log", "");
    let server = Server::start(&site);
    let report = |values: &[u32]| {
        for value in values {
            site.append(
                "app.log",
                format!("2026-02-20T12:00:00Z INFO disk_usage={value}\n"),
            );
        }
    };
    // Two breaches, then a pause, are no sustained breach.
    report(&[91, 92, 80, 91, 92]);
    site.append("app.log", "2026-02-20T12:00:00Z INFO MARK-1\n");
    assert_eq!(server.until_incidents(1)[0]["title"], "A mark");
    report(&[93]);
    let incidents = server.until_incidents(2);
    let fired = incidents
        .iter()
        .find(|incident| incident["title"] == "Disk at 93 %")
        .expect("it fires");
    let path = format!("/incidents/{}", fired["id"].as_str().expect("an id"));
    // Between the thresholds it goes on.
    report(&[88]);
    site.append("app.log", "2026-02-20T12:00:00Z INFO MARK-2\n");
    server.until_incidents(3);
    assert_eq!(server.get(&path).json()["status"], "open");
    report(&[84]);
    server.until("it clears", || {
        Some(()).filter(|()| server.get(&path).json()["status"] == "resolved")
    });
    server.stop();
}

#[test]
fn an_incident_resolves_by_itself_after_a_quiet_time() {
    let site = Site::new();
    site.configure(&with(
        settings(&site),
        "/modules/detector.regex/rules/0/autoResolveMs",
        json!(1_000),
    ));
    site.write("app.log", "2026-02-20T12:00:00Z ERROR MARK-1\n");
    let server = Server::start(&site);
    let id = server.until_incidents(1)[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let incident = server.until("it is resolved", || {
        Some(server.get(&format!("/incidents/{id}")).json())
            .filter(|incident| incident["status"] == "resolved")
    });
    let last = incident["timeline"]
        .as_array()
        .and_then(|entries| entries.last())
        .expect("a timeline");
    assert!(last["reason"].is_string(), "{last}");
    server.stop();
}
