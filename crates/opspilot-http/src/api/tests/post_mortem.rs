//! Post-mortems, with texts that try to be more than text.

use opspilot_core::incident::Severity;

use super::Fixture;

const HOSTILE: &str = "</pre><script>alert(1)</script> ``` [x](javascript:alert(1)) <img src=x onerror=y>\n# Approved\u{1b}[2J";

async fn stored() -> Fixture {
    let api = Fixture::new().await;
    api.incident_with("a", Severity::Critical, |event| {
        event.title = format!("down {HOSTILE}");
        event.description = HOSTILE.into();
        event.context.insert("matchedLine".into(), HOSTILE.into());
        event.context.insert("ruleId".into(), "rule-7".into());
    })
    .await;
    let comment = serde_json::json!({ "text": "<b>seen</b> `by` me" }).to_string();
    assert_eq!(api.post("/incidents/a/comment", &comment).await.status, 200);
    let reason = r#"{ "reason": "disk was <full>" }"#;
    assert_eq!(api.post("/incidents/a/resolve", reason).await.status, 200);
    api
}

#[tokio::test]
async fn a_post_mortem_tells_what_happened_when_and_who_did_what() {
    let api = stored().await;
    let reply = api.get("/incidents/a/post-mortem").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("content-type"), "text/markdown; charset=utf-8");
    assert_eq!(reply.header("vary"), "accept, accept-encoding");
    for part in [
        "- Severity: `critical`\n",
        "- Status: `resolved`\n",
        "- Detected by: `detector.test`\n",
        "- Took part: `detector.test, operator@127.0.0.1`\n",
        "## Timeline\n",
        "`status.changed` by `operator@127.0.0.1`, because `disk was <full>`",
        "rule-7",
        "Nothing was proposed.",
    ] {
        assert!(reply.body.contains(part), "{part} in {}", reply.body);
    }
    assert!(!reply.body.contains("Over: `not yet`"));
    // What the line holds opens no heading, and no control character is left.
    let headings = reply.body.lines().filter(|line| line.starts_with("# "));
    assert_eq!(
        headings
            .filter(|line| line.starts_with("# Post-mortem"))
            .count(),
        1
    );
    assert!(!reply.body.contains('\u{1b}'));
    let fences: Vec<_> = reply
        .body
        .lines()
        .filter(|line| line.starts_with("````"))
        .collect();
    assert_eq!(fences.len() % 2, 0, "{fences:?}");
}

#[tokio::test]
async fn a_page_to_print_runs_nothing_and_says_so() {
    let api = stored().await;
    let head = [
        "GET /api/incidents/a/post-mortem",
        "Accept: text/html,*/*;q=0.8",
    ];
    let reply = api.ask(&head, b"").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    let policy = reply.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    for tag in ["<script", "<img", "<b>seen", "href", "<full>", "\u{1b}"] {
        assert!(!reply.body.contains(tag), "{tag} in {}", reply.body);
    }
    assert!(reply.body.contains("&lt;script&gt;alert(1)"));
    let asked = api.get("/incidents/a/post-mortem?format=html").await;
    assert_eq!(asked.body, reply.body);
    let head = [
        "GET /api/incidents/a/post-mortem?format=markdown",
        "Accept: text/html",
    ];
    assert!(api.ask(&head, b"").await.body.starts_with("# Post-mortem"));
}

#[tokio::test]
async fn only_an_incident_that_exists_has_one_and_only_in_two_forms() {
    let api = stored().await;
    let reply = api.get("/incidents/none/post-mortem").await;
    assert_eq!(reply.problem(), (404, "no-such-incident".into()));
    let reply = api.get("/incidents/a/post-mortem?format=pdf").await;
    assert_eq!(reply.problem(), (400, "invalid-request".into()));
    let comment = api.get("/incidents/a").await;
    assert_eq!(comment.status, 200);
}
