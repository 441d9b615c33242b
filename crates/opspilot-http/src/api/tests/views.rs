//! Saved views, reports of browsers, and answers that are packed.

use std::io::Read as _;

use opspilot_core::deliveries::{Attempt, DeliveryState};
use opspilot_core::incident::Severity;
use opspilot_core::safety::identity::{Kind, Role};
use serde_json::json;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Fixture, strings};

impl Fixture {
    /// The head of an answer in lower case, and its bytes as they came.
    async fn ask_raw(&self, head: &[&str]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (first, headers) = head.split_first().unwrap();
        let request = format!(
            "{first} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n\r\n",
            headers.join("\r\n")
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        (head, answer[end + 4..].to_vec())
    }
}

#[tokio::test]
async fn a_view_is_saved_listed_replaced_and_removed() {
    let api = Fixture::new().await;
    let put = async |name: &str, body: &str| {
        let head = format!("PUT /api/views/{name}");
        api.ask(&[&head, "Content-Type: application/json"], body.as_bytes())
            .await
    };
    let saved = put("mine", r#"{ "query": "status=open" }"#).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    let name = "Nachtschicht%20S%C3%BCd";
    assert_eq!(put(name, r#"{ "query": "q=disk" }"#).await.status, 200);
    assert_eq!(
        put("mine", r#"{ "query": "status=closed" }"#).await.status,
        200
    );
    let list = api.get("/views").await.json();
    assert_eq!(
        strings(&list["views"], "name"),
        ["Nachtschicht Süd", "mine"]
    );
    assert_eq!(
        api.get("/views/mine").await.json()["query"],
        "status=closed"
    );
    let removed = api.ask(&["DELETE /api/views/mine"], b"").await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    for head in ["GET /api/views/mine", "DELETE /api/views/mine"] {
        assert_eq!(
            api.ask(&[head], b"").await.problem(),
            (404, "no-such-view".into())
        );
    }
    for (name, body) in [("a", "{}"), ("a", r#"{ "query": "x", "owner": "root" }"#)] {
        assert_eq!(put(name, body).await.status, 400, "{body}");
    }
    let long = "n".repeat(101);
    for name in ["%00", "%20", "a%2Fb", "a;b", "%3Cb%3E", &long] {
        assert_eq!(put(name, r#"{ "query": "x" }"#).await.status, 404, "{name}");
    }
}

#[tokio::test]
async fn nobody_sees_the_views_of_somebody_else() {
    let api = super::access::guarded_by_default().await;
    let (viewer, _) = api.key(Role::Viewer, Kind::Human).await;
    let (admin, _) = api.key(Role::Admin, Kind::Human).await;
    let head = [
        "PUT /api/views/mine",
        "Content-Type: application/json",
        &viewer,
    ];
    let saved = api.ask(&head, br#"{ "query": "status=open" }"#).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    let reply = api.ask(&["GET /api/views/mine", &admin], b"").await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        api.ask(&["GET /api/views", &admin], b"").await.json()["count"],
        0
    );
    assert_eq!(
        api.ask(&["GET /api/views", &viewer], b"").await.json()["count"],
        1
    );
}

#[tokio::test]
async fn reports_of_browsers_are_counted_and_bounded() {
    let api = super::access::guarded_by_default().await;
    let report = async |kind: &str, body: &[u8]| {
        let kind = format!("Content-Type: {kind}");
        api.ask(&["POST /api/csp-report", &kind], body).await.status
    };
    let body = br#"{ "csp-report": { "violated-directive": "script-src" } }"#;
    for kind in [
        "application/csp-report",
        "application/reports+json",
        "application/json",
    ] {
        assert_eq!(report(kind, body).await, 204, "{kind}");
    }
    assert_eq!(report("text/plain", body).await, 415);
    assert_eq!(report("application/csp-report", b"{").await, 400);
    let large = vec![b' '; (16 << 10) + 1];
    assert_eq!(report("application/csp-report", &large).await, 413);
    let foreign = [
        "POST /api/csp-report",
        "Content-Type: application/csp-report",
        "Origin: https://evil.example",
    ];
    assert_eq!(api.ask(&foreign, body).await.status, 403);
    let counted = api.bench.metrics.render();
    let line = "opspilot_http_csp_reports_total{module=\"ui.api\"} 3";
    assert!(counted.lines().any(|one| one == line), "{counted}");
}

#[tokio::test]
async fn large_answers_are_packed_for_who_takes_that_and_small_ones_are_not() {
    let api = Fixture::new().await;
    for number in 0..20 {
        api.incident(&format!("i{number}"), Severity::Info).await;
    }
    let plain = api.get("/incidents").await;
    assert_eq!(plain.header("vary"), "accept-encoding");
    let packed = api
        .ask_raw(&["GET /api/incidents", "Accept-Encoding: br, gzip"])
        .await;
    let (head, body) = packed;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(body.len() < plain.body.len() / 2, "{}", body.len());
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&*body)
        .read_to_string(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
    let (head, _) = api
        .ask_raw(&["GET /api/livez", "Accept-Encoding: gzip"])
        .await;
    assert!(!head.contains("encoding"), "{head}");
    let (head, _) = api
        .ask_raw(&["GET /api/incidents", "Accept-Encoding: gzip;q=0"])
        .await;
    assert!(!head.contains("content-encoding"), "{head}");
}

#[tokio::test]
async fn the_tag_of_a_packed_answer_is_another_and_both_name_the_incident() {
    let api = Fixture::new().await;
    api.incident_with("a", Severity::Info, |event| {
        event.description = "x".repeat(5_000);
    })
    .await;
    let plain = api.get("/incidents/a").await.header("etag").to_owned();
    let (head, _) = api
        .ask_raw(&["GET /api/incidents/a", "Accept-Encoding: gzip"])
        .await;
    let packed = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap()
        .to_owned();
    assert_eq!(packed, format!("{}-gzip\"", plain.trim_end_matches('"')));
    for tag in [&plain, &packed] {
        let known = format!("If-None-Match: {tag}");
        assert_eq!(
            api.ask(&["GET /api/incidents/a", &known], b"").await.status,
            304,
            "{tag}"
        );
    }
    let expected = format!("If-Match: {packed}");
    let head = ["POST /api/incidents/a/acknowledge", &*expected];
    assert_eq!(api.ask(&head, b"").await.status, 200);
    assert_eq!(api.ask(&head, b"").await.status, 412);
}

#[tokio::test]
async fn notifications_are_listed_newest_first_by_state_and_channel() {
    let api = Fixture::new().await;
    for (channel, state) in [
        ("hook", DeliveryState::Retrying),
        ("file", DeliveryState::Sent),
        ("hook", DeliveryState::Sent),
    ] {
        api.clock.advance(std::time::Duration::from_millis(1));
        let attempt = Attempt {
            channel: channel.into(),
            consumer: format!("notifier.channels/{channel}"),
            event_id: format!("{channel}-{state:?}"),
            event_type: "incident.created".into(),
            correlation_id: Some("a".into()),
            state,
            error: None,
        };
        api.bench.deliveries.note(vec![attempt]).await.unwrap();
    }
    for (query, expected) in [
        ("", "hook-Sent file-Sent hook-Retrying"),
        ("?channel=hook", "hook-Sent hook-Retrying"),
        ("?state=retrying,refused", "hook-Retrying"),
        ("?channel=file&state=retrying", ""),
        ("?limit=1", "hook-Sent"),
    ] {
        let body = api.get(&format!("/notifications{query}")).await.json();
        let found = strings(&body["notifications"], "eventId").join(" ");
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(api.get("/notifications?state=lost").await.status, 400);
}

#[tokio::test]
async fn sources_and_topology_come_from_what_runs() {
    let api = Fixture::new().await;
    let sources = api.get("/sources").await.json();
    assert_eq!(
        sources,
        json!({ "count": 0, "sources": [], "streamsForgotten": 0 })
    );
    let topology = api.get("/topology").await.json();
    assert_eq!(strings(&topology["nodes"], "id"), ["core", "ui.api"]);
    assert_eq!(topology["edges"], json!([]));
}
