//! Looking for incidents, and changing several at once.

use std::fmt::Write as _;

use opspilot_core::incident::Severity;
use opspilot_core::safety::audit::AuditFilter;
use serde_json::{Value, json};

use super::{Fixture, strings};

async fn stored() -> Fixture {
    let api = Fixture::new().await;
    let rows = [
        (
            "a",
            "Disk full",
            "detector.regex",
            "kernel: no space LEFT on /var",
        ),
        (
            "b",
            "Out of memory",
            "detector.regex",
            "Killed process 7 (java)",
        ),
        ("c", "Disk slow", "detector.threshold", "await=900"),
    ];
    for (id, title, module, line) in rows {
        api.incident_with(id, Severity::Warning, |event| {
            event.title = title.into();
            event.description = "[was nothing]".into();
            event.detected_by = module.into();
            event.context.insert("matchedLine".into(), line.into());
        })
        .await;
    }
    let body = r#"{ "assignee": "ann" }"#;
    assert_eq!(api.post("/incidents/b/assign", body).await.status, 200);
    api
}

#[tokio::test]
async fn words_are_looked_for_in_title_description_and_line_whatever_their_case() {
    let api = stored().await;
    let rows = [
        ("q=DISK", "c a"),
        ("q=disk%20space", "a"),
        ("q=left+no", "a"),
        ("q=killed", "b"),
        ("q=%5Bwas%20nothing%5D", "c b a"),
        ("q=java+disk", ""),
        ("module=detector.threshold", "c"),
        ("assignee=ann", "b"),
        ("assignee=-", "c a"),
        ("q=disk&module=detector.regex&assignee=-", "a"),
        ("q=disk&status=closed", ""),
        ("q=disk&severity=warning&limit=1", "c"),
        ("since=2026-02-20T12:00:00.002Z", "c b"),
        ("until=2026-02-20T12:00:00.002Z", "a"),
        ("q=disk&since=2026-02-20T12:00:00.002Z", "c"),
    ];
    for (query, expected) in rows {
        let body = api.get(&format!("/incidents?{query}")).await.json();
        let found = strings(&body["incidents"], "id").join(" ");
        assert_eq!(found, expected, "{query}: {body}");
    }
    let body = api.get("/incidents?q=disk").await.json();
    assert_eq!(body["search"], json!({ "examined": 3, "complete": true }));
    assert_eq!(api.get("/incidents").await.json().get("search"), None);
    let long = "x".repeat(201);
    for query in [
        "q=1+2+3+4+5+6+7+8+9",
        &format!("q={long}"),
        "since=yesterday",
    ] {
        let reply = api.get(&format!("/incidents?{query}")).await;
        assert_eq!(reply.problem(), (400, "invalid-request".into()), "{query}");
    }
}

#[tokio::test]
async fn pages_of_a_search_hold_every_find_once() {
    let api = Fixture::new().await;
    for number in 0..450 {
        let odd = if number % 3 == 0 { "needle" } else { "hay" };
        let id = format!("i{number:03}");
        api.incident_with(&id, Severity::Info, |event| event.title = odd.into())
            .await;
    }
    let expected: Vec<String> = (0..450)
        .rev()
        .filter(|number| number % 3 == 0)
        .map(|number| format!("i{number:03}"))
        .collect();
    for limit in [1, 7, 66, 67, 500] {
        let (mut seen, mut query) = (Vec::new(), format!("?q=needle&limit={limit}"));
        loop {
            let body = api.get(&format!("/incidents{query}")).await.json();
            seen.extend(strings(&body["incidents"], "id"));
            let Some(next) = body["nextCursor"].as_str() else {
                break;
            };
            query = format!("?q=needle&limit={limit}&cursor={next}");
        }
        assert_eq!(seen, expected, "{limit}");
    }
}

#[tokio::test]
async fn a_search_that_reaches_its_bound_says_so_and_goes_on_where_it_stopped() {
    let api = Fixture::new().await;
    api.incident_with("old", Severity::Info, |event| event.title = "needle".into())
        .await;
    for number in 0..5_000 {
        api.incident(&format!("{number}"), Severity::Info).await;
    }
    let body = api.get("/incidents?q=needle").await.json();
    assert_eq!(body["count"], 0);
    assert_eq!(body["search"]["complete"], false, "{}", body["search"]);
    assert!(body["search"]["stopped"].is_string());
    let mut next = body["nextCursor"].as_str().map(str::to_owned);
    let mut found = Vec::new();
    while let Some(cursor) = next {
        let body = api
            .get(&format!("/incidents?q=needle&cursor={cursor}"))
            .await
            .json();
        found.extend(strings(&body["incidents"], "id"));
        next = body["nextCursor"].as_str().map(str::to_owned);
    }
    assert_eq!(found, ["old"]);
}

/// Statuses and codes of the outcomes, by id.
fn outcomes(body: &Value) -> String {
    let mut text = String::new();
    for outcome in body["outcomes"].as_array().unwrap() {
        let field = |name: &str| outcome[name].as_str().unwrap_or("-").to_owned();
        write!(
            text,
            "{} {} {}; ",
            field("id"),
            outcome["status"],
            field("code")
        )
        .unwrap();
    }
    text
}

#[tokio::test]
async fn each_incident_of_a_bulk_change_has_its_own_outcome_and_its_own_audit_entry() {
    let api = stored().await;
    assert_eq!(api.post("/incidents/c/close", "").await.status, 200);
    let body = r#"{ "ids": ["a", "none", "c", "a"], "change": "acknowledge", "reason": "night" }"#;
    let reply = api.post("/incidents/bulk", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    let expected = "a 200 -; c 409 illegal-transition; none 404 no-such-incident; ";
    assert_eq!(outcomes(&answer), expected);
    assert_eq!(
        (&answer["changed"], &answer["failed"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(answer["outcomes"][0]["incidentStatus"], "acknowledged");
    let filter = AuditFilter {
        action: Some("incident.acknowledged".into()),
        ..AuditFilter::default()
    };
    let (entries, _) = api.bench.audit.list(&filter, None, 10).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.target.as_deref(), &*entry.actor))
        .collect();
    assert_eq!(told, [(Some("a"), "operator@127.0.0.1")]);
    for (body, action) in [
        (
            r#"{ "ids": ["a", "b"], "change": "assign", "assignee": null }"#,
            "assigned",
        ),
        (
            r#"{ "ids": ["a", "b"], "change": "comment", "text": "seen" }"#,
            "comment",
        ),
    ] {
        assert_eq!(api.post("/incidents/bulk", body).await.json()["changed"], 2);
        assert_eq!(api.actions("b").await.last().unwrap(), action);
    }
}

#[tokio::test]
async fn a_bulk_change_that_is_not_clear_changes_nothing() {
    let api = stored().await;
    let many = format!(
        r#"{{ "ids": [{}"x"], "change": "close" }}"#,
        r#""x","#.repeat(200)
    );
    for body in [
        "{}",
        r#"{ "ids": [], "change": "close" }"#,
        r#"{ "ids": "a", "change": "close" }"#,
        r#"{ "ids": ["a"], "change": "delete" }"#,
        r#"{ "ids": ["a"], "change": "assign" }"#,
        r#"{ "ids": ["a"], "change": "comment" }"#,
        r#"{ "ids": ["a"], "change": "close", "assignee": "ann" }"#,
        r#"{ "ids": ["a"], "change": "close", "actor": "root" }"#,
        &many,
    ] {
        let reply = api.post("/incidents/bulk", body).await;
        assert_eq!(reply.problem(), (400, "invalid-request".into()), "{body}");
    }
    assert_eq!(api.actions("a").await, ["created"]);
}
