//! Credentials: right, wrong, old, changed, missing.

use ring::hmac;

use super::harness::{NOW, Running, problem};

const SECRET: &str = "It's a Secret to Everybody";

fn hex(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn routes() -> String {
    format!(
        "port: 0
routes:
  - {{ id: gh, path: /gh, format: github, auth: {{ type: hmac, secret: \"{SECRET}\" }} }}
  - id: gf
    path: /gf
    format: grafana
    auth:
      type: hmac
      secret: \"{SECRET}\"
      header: X-Grafana-Alerting-Signature
      prefix: ''
      timestampHeader: X-Time
  - {{ id: ba, path: /ba, format: grafana, auth: {{ type: basic, username: me, password: \"0123456789abcdef\" }} }}
"
    )
}

/// The example of GitHub's documentation, "Validating webhook deliveries".
#[test]
fn the_documented_example_verifies() {
    assert_eq!(
        hex("Hello, World!"),
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

#[tokio::test]
async fn a_signature_must_fit_the_body() {
    let running = Running::new(&routes()).await;
    let body = "{\"zen\": \"x\"}";
    let good = hex(body);
    let other = hex("{}");
    let rows = [
        (format!("X-Hub-Signature-256: sha256={good}"), 204),
        (
            format!("X-Hub-Signature-256: sha256={}", good.to_uppercase()),
            204,
        ),
        (format!("X-Hub-Signature-256: sha256={other}"), 401),
        (format!("X-Hub-Signature-256: {good}"), 401),
        (
            format!("X-Hub-Signature-256: sha256={}", good.get(..62).unwrap()),
            401,
        ),
        (
            format!("X-Hub-Signature-256: sha256={}x", good.get(..63).unwrap()),
            401,
        ),
        ("X-Hub-Signature-256: sha256=".to_owned(), 401),
        ("X-Hub-Signature-256: sha256=é".to_owned(), 401),
        ("X-Hub-Signature: sha1=00".to_owned(), 401),
    ];
    for (header, status) in &rows {
        let headers = [header.clone(), "X-GitHub-Event: ping".to_owned()];
        let reply = running.post("/gh", &headers, body).await;
        assert_eq!(reply.status, *status, "{header}");
        if *status == 401 {
            assert_eq!(problem(&reply).1["code"], "unauthenticated");
            assert!(!reply.header("www-authenticate").is_empty());
        }
    }
    let changed = [format!("X-Hub-Signature-256: sha256={good}")];
    assert_eq!(
        running
            .post("/gh", &changed, "{\"zen\": \"y\"}")
            .await
            .status,
        401
    );
    let wrong = running.count(
        "opspilot_webhook_refused_total{module=\"connector.webhook\",reason=\"credential_wrong\"}",
    );
    assert_eq!(wrong, "7", "six wrong and one changed");
}

#[tokio::test]
async fn a_signature_with_a_time_is_good_for_minutes_and_once() {
    let running = Running::new(&routes()).await;
    let body = r#"{"alerts": [{"status": "firing", "fingerprint": "f", "startsAt": "2026-02-20T12:00:00Z", "labels": {"alertname": "A"}}]}"#;
    let signed = |seconds: i64, stamp: i64| {
        let tag = hex(&format!("{seconds}:{body}"));
        vec![
            format!("X-Grafana-Alerting-Signature: {tag}"),
            format!("X-Time: {stamp}"),
        ]
    };
    let now = NOW / 1_000;
    for (headers, status) in [
        (signed(now - 301, now - 301), 401),
        (signed(now + 301, now + 301), 401),
        (signed(now - 301, now), 401),
        (signed(now, i64::MAX), 401),
        (signed(now - 299, now - 299), 204),
        (signed(now, now), 204),
        (signed(now, now), 204),
        (signed(now, now)[..1].to_vec(), 401),
    ] {
        assert_eq!(
            running.post("/gf", &headers, body).await.status,
            status,
            "{headers:?}"
        );
    }
    let incidents = running.incidents().await;
    assert_eq!(incidents[0].occurrences, 2, "a replay counts nothing");
    let old = running.count(
        "opspilot_webhook_refused_total{module=\"connector.webhook\",reason=\"signature_old\"}",
    );
    assert_eq!(old, "2");
}

#[tokio::test]
async fn names_and_passwords_are_compared_whole() {
    let running = Running::new(&routes()).await;
    let body = "{\"alerts\": []}";
    for (header, status) in [
        ("Authorization: Basic bWU6MDEyMzQ1Njc4OWFiY2RlZg==", 204),
        ("Authorization: Basic bWU6MDEyMzQ1Njc4OWFiY2Rl", 401),
        ("Authorization: Bearer 0123456789abcdef", 401),
        ("X: y", 401),
    ] {
        let reply = running.post("/ba", &[header.to_owned()], body).await;
        assert_eq!(reply.status, status, "{header}");
    }
}
