//! From a line to an incident, and what becomes of it.

use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

const LINE: &str = "2026-02-20T12:00:00Z ERROR worker MARK-7 the same again\n";

/// A rule with its default cooldown.
fn cooling(site: &Site) -> Value {
    let rule =
        json!({ "id": "mark", "pattern": r"MARK-(\d+)", "severity": "warning", "title": "A mark" });
    with(settings(site), "/modules/detector.regex/rules/0", rule)
}

/// Deduplication in place of a cooldown.
fn deduplicating(site: &Site) -> Value {
    with(
        settings(site),
        "/modules/enricher.dedup",
        json!({ "enabled": true }),
    )
}

/// A hundred times the same line is one incident, told of once, that stands for a hundred signals.
fn check_that_a_hundred_are_one(configure: fn(&Site) -> Value) {
    let site = Site::new();
    site.configure(&configure(&site));
    site.write("app.log", LINE.repeat(60));
    let server = Server::start(&site);
    server.until_incidents(1);
    site.append("app.log", LINE.repeat(40));
    let incidents = server.until("100 occurrences are counted", || {
        Some(server.incidents()).filter(|incidents| incidents[0]["occurrences"] == 100)
    });
    assert_eq!(incidents.len(), 1);
    server.until("it is notified", || {
        Some(()).filter(|()| !site.notifications().is_empty())
    });
    server.stop();
    assert_eq!(site.notifications().len(), 1, "{:?}", site.notifications());
}

#[test]
fn a_hundred_lines_within_the_cooldown_are_one_incident_and_one_notification() {
    check_that_a_hundred_are_one(cooling);
}

#[test]
fn a_hundred_duplicates_are_one_incident_and_one_notification() {
    check_that_a_hundred_are_one(deduplicating);
}

#[test]
fn a_person_changes_an_incident_along_the_allowed_ways_only() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", LINE);
    let server = Server::start(&site);
    let id = server.until_incidents(1)[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let ask = |verb: &str| server.post(&format!("/incidents/{id}/{verb}"), "{}");
    let steps = [
        ("acknowledge", 200, "acknowledged"),
        ("acknowledge", 409, "acknowledged"),
        ("resolve", 200, "resolved"),
        ("resolve", 409, "resolved"),
        ("acknowledge", 409, "resolved"),
        ("reopen", 200, "open"),
        ("reopen", 409, "open"),
        ("close", 200, "closed"),
        ("close", 409, "closed"),
        ("acknowledge", 409, "closed"),
        ("resolve", 409, "closed"),
        ("reopen", 200, "open"),
    ];
    for (verb, status, after) in steps {
        let answer = ask(verb);
        assert_eq!(answer.status, status, "{verb}: {}", answer.text);
        assert_eq!(
            server.get(&format!("/incidents/{id}")).json()["status"],
            after,
            "{verb}"
        );
    }
    assert_eq!(
        server
            .post(&format!("/incidents/{id}/comment"), r#"{"text": "seen"}"#)
            .status,
        200
    );
    assert_eq!(
        server
            .post(&format!("/incidents/{id}/assign"), r#"{"assignee": "kim"}"#)
            .status,
        200
    );
    assert_eq!(server.post("/incidents/none/acknowledge", "{}").status, 404);
    server.kill();

    // What was answered is stored.
    let server = Server::start(&site);
    let incident = server.get(&format!("/incidents/{id}")).json();
    assert_eq!(
        (&incident["status"], &incident["assignee"]),
        (&json!("open"), &json!("kim"))
    );
    let timeline = server.get(&format!("/incidents/{id}/timeline")).json();
    let actions: Vec<&str> = timeline["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    let mut expected = vec!["created"];
    expected.extend(["status.changed"; 5]);
    expected.extend(["comment", "assigned"]);
    assert_eq!(actions, expected);
    assert!(
        timeline["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .all(|entry| entry["actor"].is_string())
    );
    server.stop();
}

#[test]
fn requests_with_wrong_types_are_refused_with_one_clear_problem_and_change_nothing() {
    let site = Site::new();
    site.configure(&settings(&site));
    site.write("app.log", LINE);
    let server = Server::start(&site);
    let before = server.until_incidents(1);
    let id = before[0]["id"].as_str().expect("an id");
    let rows = [
        (format!("/incidents/{id}/comment"), r#"{"text": 7}"#),
        (format!("/incidents/{id}/comment"), "{}"),
        (
            format!("/incidents/{id}/comment"),
            r#"{"text": "a", "tex": "b"}"#,
        ),
        (format!("/incidents/{id}/acknowledge"), "[]"),
        (format!("/incidents/{id}/acknowledge"), "{"),
        (format!("/incidents/{id}/assign"), r#"{"assignee": {}}"#),
    ];
    for (path, body) in rows {
        let answer = server.post(&path, body);
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
        assert!(answer.json()["detail"].is_string(), "{}", answer.text);
    }
    for query in [
        "limit=0",
        "limit=x",
        "severity=bad",
        "cursor=no",
        "colour=red",
    ] {
        assert_eq!(
            server.get(&format!("/incidents?{query}")).status,
            400,
            "{query}"
        );
    }
    assert_eq!(server.incidents(), before);
    server.stop();
}
