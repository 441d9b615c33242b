//! The dashboard beside the API, on one listener.

use super::super::super::dashboard::Dashboard;
use super::super::{Config, Manifest};
use super::{Fixture, Setup};
use opspilot_core::module::Module as _;

static DASHBOARD: Manifest = Dashboard::MANIFEST;

/// An API whose dashboard is switched on.
async fn shown(setup: Setup) -> Fixture {
    let api = Fixture::with(setup).await;
    drop(api.bench.context(&DASHBOARD));
    api
}

#[tokio::test]
async fn the_dashboard_is_there_while_its_module_is() {
    let api = Fixture::new().await;
    assert_eq!(api.ask(&["GET /"], b"").await.problem().0, 404);
    drop(api.bench.context(&DASHBOARD));
    for path in [
        "/",
        "/approvals",
        "/audit",
        "/oncall",
        "/sources",
        "/setup",
        "/i/some-id",
    ] {
        let page = api.ask(&[&format!("GET {path}")], b"").await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.contains("content=\"/api\""), "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-store");
    }
    assert_eq!(api.ask(&["GET /nothing"], b"").await.problem().0, 404);
    assert_eq!(api.ask(&["POST /"], b"").await.problem().0, 404);
    assert_eq!(api.ask(&["HEAD /audit"], b"").await.status, 200);
    // The API keeps its own addresses.
    assert_eq!(api.get("/nothing").await.problem().0, 404);
    assert_eq!(api.get("/livez").await.json()["status"], "alive");
}

#[tokio::test]
async fn what_the_dashboard_answers_may_do_as_little_as_it_can() {
    let api = shown(Setup::default()).await;
    let page = api.ask(&["GET /"], b"").await;
    let policy = page.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    let script = page.body.split('"').find(|part| part.ends_with(".js"));
    let script = api.ask(&[&format!("GET {}", script.unwrap())], b"").await;
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert!(script.header("cache-control").contains("immutable"));
    let answers = [page, script, api.get("/livez").await, api.get("/no").await];
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let resource = answer.header("cross-origin-resource-policy");
        assert_eq!(resource, "same-origin");
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
    }
    let foreign = api.ask(&["GET /", "Host: evil.example"], b"").await;
    assert_eq!(foreign.problem().0, 421);
}

#[tokio::test]
async fn the_page_of_the_api_needs_neither_the_dashboard_nor_a_credential() {
    let api = super::access::guarded_by_default().await;
    let page = api.ask(&["GET /api/docs"], b"").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("trusted-types 'none'"), "{policy}");
    assert!(policy.contains("report-uri /api/csp-report"), "{policy}");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(page.header("vary"), "accept-encoding");
    for name in page.body.split('"').filter(|one| one.contains("/assets/")) {
        let file = api.ask(&[&format!("GET {name}")], b"").await;
        assert_eq!(file.status, 200, "{name}");
    }
    // What it shows is for callers alone.
    assert_eq!(api.get("/openapi.json").await.status, 401);
    assert_eq!(api.ask(&["GET /"], b"").await.problem().0, 404);
}

#[tokio::test]
async fn an_api_at_the_root_keeps_every_address() {
    let config = Config {
        port: 0,
        base_path: "/".into(),
        ..Config::default()
    };
    let setup = Setup {
        config,
        ..Setup::default()
    };
    let api = shown(setup).await;
    assert_eq!(api.ask(&["GET /"], b"").await.problem().0, 404);
    assert_eq!(api.ask(&["GET /livez"], b"").await.status, 200);
    let page = api.ask(&["GET /docs"], b"").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("content=\"\""), "{}", page.body);
}
