//! The table of routes against the router.

use std::collections::BTreeMap;

use super::super::{Config, Role, Verb, routes};
use super::{Fixture, Setup};

/// A route's path with some id.
fn path(template: &str) -> String {
    template
        .replace("{id}", "some-id")
        .replace("{jti}", "some-id")
        .replace("{name}", "some-id")
}

#[tokio::test]
async fn every_row_is_served_and_every_other_method_is_refused_with_what_is_allowed() {
    let api = Fixture::new().await;
    let mut allowed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for route in routes() {
        let methods = allowed.entry(route.path).or_default();
        methods.push(route.method.as_str());
        if route.method == Verb::Get {
            methods.push("HEAD");
        }
    }
    for (template, mut methods) in allowed {
        for method in [
            "GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW",
        ] {
            let reply = api
                .ask(&[&format!("{method} /api{}", path(template))], b"")
                .await;
            if methods.contains(&method) {
                assert_ne!(reply.status, 405, "{method} {template}");
                continue;
            }
            assert_eq!(reply.status, 405, "{method} {template}");
            if method != "HEAD" {
                assert_eq!(
                    reply.problem().1,
                    "method-not-allowed",
                    "{method} {template}"
                );
            }
            let mut told: Vec<&str> = reply.header("allow").split(',').map(str::trim).collect();
            told.sort_unstable();
            methods.sort_unstable();
            assert_eq!(told, methods, "{template}");
        }
    }
}

#[tokio::test]
async fn no_other_spelling_of_a_path_is_a_route() {
    let api = Fixture::new().await;
    for route in routes() {
        let plain = path(route.path);
        let spellings = [
            format!("/api{plain}/"),
            format!("/api/{plain}"),
            format!("//api{plain}"),
            format!("/api/.{plain}"),
            format!("/api/x/..{plain}"),
            format!("/api{}", plain.to_uppercase()),
            format!("/API{plain}"),
            format!("/api{plain};x=1"),
            format!("/api{plain}%2f"),
            format!("/api{plain}%00"),
            format!("/api%2F{}", plain.trim_start_matches('/')),
            format!("/%61pi{plain}"),
            plain.clone(),
        ];
        for spelling in spellings {
            let reply = api
                .ask(&[&format!("{} {spelling}", route.method.as_str())], b"")
                .await;
            // A tail that belongs to an id names an incident that is not there: also nothing that exists.
            let is_refused = matches!(reply.status, 404 | 405);
            assert!(
                is_refused,
                "{} {spelling}: {}",
                route.method.as_str(),
                reply.status
            );
        }
    }
    let overriding = [
        "GET /api/nothing",
        "X-Original-URL: /api/health",
        "X-Rewrite-URL: /api/health",
    ];
    assert_eq!(api.ask(&overriding, b"").await.status, 404);
    let overriding = ["GET /api/incidents/a", "X-HTTP-Method-Override: DELETE"];
    assert_eq!(api.ask(&overriding, b"").await.status, 404);
}

#[tokio::test]
async fn paths_lie_below_the_configured_base() {
    for (base, prefix) in [("/", ""), ("/ops/v1", "/ops/v1")] {
        let config = Config {
            base_path: base.into(),
            ..Setup::default().config
        };
        let api = Fixture::with(Setup {
            config,
            ..Setup::default()
        })
        .await;
        assert_eq!(
            api.ask(&[&format!("GET {prefix}/livez")], b"").await.status,
            200,
            "{base}"
        );
        assert_eq!(
            api.ask(&["GET /api/livez"], b"").await.status,
            404,
            "{base}"
        );
    }
}

#[test]
fn rows_are_unique_and_changes_are_never_public() {
    let mut seen = std::collections::BTreeSet::new();
    for route in routes() {
        assert!(
            seen.insert((route.method.as_str(), route.path)),
            "{}",
            route.path
        );
        assert!(
            route.path.starts_with('/') && !route.path.ends_with('/'),
            "{}",
            route.path
        );
        assert!(route.summary.ends_with('.'), "{}", route.path);
        let expected = match route.method {
            Verb::Get => Role::Public,
            Verb::Post | Verb::Put | Verb::Delete => Role::Operator,
        };
        // Whoever is let in may leave, and keeps views of their own; browsers report without credentials, and whoever
        // is not in yet sees the ways in. The page of the API holds nothing: what it shows it asks for.
        let is_own = route.path == "/session"
            || route.path.starts_with("/session/")
            || ["/views/{name}", "/csp-report", "/docs"].contains(&route.path);
        assert!(route.role >= expected || is_own, "{}", route.path);
        assert!(!route.kinds.is_empty(), "{}", route.path);
        assert_eq!(
            route.role == Role::Public,
            !route.rate_limited,
            "{}",
            route.path
        );
    }
    let row = serde_json::to_value(&routes()[0]).unwrap();
    let expected = serde_json::json!({
        "method": "GET",
        "path": "/health",
        "summary": "How every module is; 503 when one does not work.",
        "role": "public",
        "kinds": ["human", "service", "agent"],
        "rateLimited": false,
    });
    assert_eq!(row, expected);
}
