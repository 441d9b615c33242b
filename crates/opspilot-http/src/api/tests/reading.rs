//! Lists, single incidents and timelines.

use std::time::Duration;

use opspilot_core::incident::Severity;
use serde_json::json;

use super::{Fixture, strings};

/// Six incidents: i0 and i3 critical, i1 and i4 warning, i2 and i5 info; i0 and i1 acknowledged.
async fn six() -> Fixture {
    let api = Fixture::new().await;
    let severities = [Severity::Critical, Severity::Warning, Severity::Info];
    for (n, severity) in severities.into_iter().cycle().take(6).enumerate() {
        api.incident(&format!("i{n}"), severity).await;
    }
    for id in ["i0", "i1"] {
        assert_eq!(
            api.post(&format!("/incidents/{id}/acknowledge"), "")
                .await
                .status,
            200
        );
    }
    api
}

#[tokio::test]
async fn incidents_are_listed_newest_first_with_filters() {
    let api = six().await;
    let rows = [
        ("", "i5 i4 i3 i2 i1 i0"),
        ("?severity=critical", "i3 i0"),
        ("?severity=critical,info", "i5 i3 i2 i0"),
        ("?severity=critical%2Cinfo", "i5 i3 i2 i0"),
        ("?status=acknowledged", "i1 i0"),
        ("?status=open&severity=warning", "i4"),
        ("?status=closed", ""),
        ("?limit=2", "i5 i4"),
    ];
    for (query, expected) in rows {
        let body = api.get(&format!("/incidents{query}")).await.json();
        assert_eq!(
            strings(&body["incidents"], "id").join(" "),
            expected,
            "{query}"
        );
        assert_eq!(
            body["count"],
            body["incidents"].as_array().unwrap().len(),
            "{query}"
        );
    }
}

#[tokio::test]
async fn pages_are_continued_by_their_cursor_also_while_incidents_come() {
    let api = six().await;
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    for _ in 0..10 {
        let body = api.get(&format!("/incidents{query}")).await.json();
        seen.extend(strings(&body["incidents"], "id"));
        let Some(cursor) = body["nextCursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={cursor}");
        api.incident(&format!("later{}", seen.len()), Severity::Info)
            .await;
    }
    assert_eq!(seen, ["i5", "i4", "i3", "i2", "i1", "i0"]);
}

#[tokio::test]
async fn wrong_parameters_are_all_named() {
    let api = Fixture::new().await;
    let rows = [
        (
            "severity=worst",
            "parameter `severity`: `worst` is not a severity: write info, warning or critical",
        ),
        (
            "severity=",
            "parameter `severity`: `` is not a severity: write info, warning or critical",
        ),
        (
            "status=Open",
            "parameter `status`: `Open` is not a status: write open, acknowledged, resolved or closed",
        ),
        (
            "limit=abc",
            "parameter `limit`: write a whole number from 1 to 500",
        ),
        (
            "cursor=%00",
            "parameter `cursor`: write the `nextCursor` of the page before, unchanged",
        ),
        (
            "orderBy=id",
            "parameter `orderBy`: is not known; the parameters are `severity`, `status`, `since`, `until`, `q`, `module`, `assignee`, `limit`, `cursor`",
        ),
        (
            "limit=1&limit=2",
            "parameter `limit`: is given more than once; separate values by commas",
        ),
    ];
    for (query, detail) in rows {
        let reply = api.get(&format!("/incidents?{query}")).await;
        assert_eq!(reply.problem(), (400, "invalid-request".into()), "{query}");
        assert_eq!(reply.json()["detail"], detail, "{query}");
    }
    let reply = api.get("/incidents?limit=0&status=x&color=red").await;
    assert_eq!(
        strings(&reply.json()["errors"], "parameter"),
        ["status", "limit", "color"]
    );
    for path in [
        "/dead-letters?limit=0",
        "/modules?x=1",
        "/dead-letters?severity=info",
    ] {
        assert_eq!(api.get(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn an_incident_is_read_with_a_tag_and_not_again_while_it_is_the_same() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Warning).await;
    let first = api.get("/incidents/a").await;
    assert_eq!(first.status, 200);
    let body = first.json();
    assert_eq!(
        (&body["id"], &body["status"], &body["occurrences"]),
        (&json!("a"), &json!("open"), &json!(1))
    );
    assert!(
        first.body.starts_with("{\n  \"id\": \"a\",\n"),
        "{}",
        first.body
    );
    let condition = format!("If-None-Match: {}", first.header("etag"));
    let second = api.ask(&["GET /api/incidents/a", &condition], b"").await;
    assert_eq!((second.status, second.body.as_str()), (304, ""));
    assert_eq!(second.header("etag"), first.header("etag"));
    api.post("/incidents/a/comment", r#"{"text":"x"}"#).await;
    let third = api.ask(&["GET /api/incidents/a", &condition], b"").await;
    assert_eq!(third.status, 200);
    assert_ne!(third.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let api = Fixture::new().await;
    let long = "a".repeat(300);
    for id in ["nothing", "%00", "%ff", "a%2Fb", "..%2F..%2Fhealth", &long] {
        for path in ["", "/timeline"] {
            let reply = api.get(&format!("/incidents/{id}{path}")).await;
            assert_eq!(
                reply.problem(),
                (404, "no-such-incident".into()),
                "{id}{path}"
            );
        }
        let reply = api.post(&format!("/incidents/{id}/close"), "").await;
        assert_eq!(reply.problem(), (404, "no-such-incident".into()), "{id}");
    }
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    for path in [
        "/livez",
        "/incidents/a",
        "/incidents/b",
        "/incidents?limit=0",
    ] {
        let get = api.get(path).await;
        let head = api.ask(&[&format!("HEAD /api{path}")], b"").await;
        assert_eq!(
            (head.status, head.body.as_str()),
            (get.status, ""),
            "{path}"
        );
        for name in ["content-type", "content-length", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn timelines_are_paged_oldest_first() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    for n in 0..5 {
        api.clock.advance(Duration::from_secs(1));
        api.post("/incidents/a/comment", &format!("{{\"text\":\"{n}\"}}"))
            .await;
    }
    let mut texts = Vec::new();
    let mut path = "/incidents/a/timeline?limit=2".to_owned();
    for _ in 0..10 {
        let body = api.get(&path).await.json();
        for entry in body["entries"].as_array().unwrap() {
            texts.push(
                entry["details"]["text"]
                    .as_str()
                    .unwrap_or("created")
                    .to_owned(),
            );
        }
        let Some(cursor) = body["nextCursor"].as_str() else {
            break;
        };
        path = format!("/incidents/a/timeline?limit=2&cursor={cursor}");
    }
    assert_eq!(texts, ["created", "0", "1", "2", "3", "4"]);
    for bad in ["-1", "x", "99999999999999999999999"] {
        assert_eq!(
            api.get(&format!("/incidents/a/timeline?cursor={bad}"))
                .await
                .status,
            400,
            "{bad}"
        );
    }
    let body = api.get("/incidents/a/timeline?cursor=77").await.json();
    assert_eq!(body, json!({ "count": 0, "entries": [], "dropped": 0 }));
}

#[tokio::test]
async fn a_timeline_cursor_keeps_its_place_when_old_entries_are_dropped() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let comment = async |n: u32| {
        let change = opspilot_core::incident::Change::Comment(n.to_string());
        api.bench
            .incidents
            .change(&"a".into(), change, "test", None)
            .await
            .unwrap();
    };
    for n in 1..300 {
        comment(n).await;
    }
    let path = "/incidents/a/timeline?limit=200";
    let first = api.get(path).await.json();
    for n in 300..520 {
        comment(n).await;
    }
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = api.get(&format!("{path}&cursor={cursor}")).await.json();
    assert_eq!(first["entries"][199]["details"]["text"], "199");
    assert_eq!(second["entries"][0]["details"]["text"], "200");
    assert!(
        second["dropped"].as_u64() > Some(0),
        "{}",
        second["dropped"]
    );
}

#[tokio::test]
async fn modules_are_listed_with_state_and_health() {
    let api = Fixture::new().await;
    let body = api.get("/modules").await.json();
    assert_eq!(strings(&body["modules"], "id"), ["core", "ui.api"]);
    assert_eq!(body["count"], 2);
    let own = &body["modules"][1];
    assert_eq!(
        (&own["state"], &own["status"], &own["category"]),
        (&json!("running"), &json!("healthy"), &json!("ui"))
    );
}
