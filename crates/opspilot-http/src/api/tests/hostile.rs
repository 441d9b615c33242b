//! Requests that are sent to do harm.

use std::time::Duration;

use opspilot_core::incident::Severity;
use opspilot_core::module::Module as _;

use super::super::{Api, Config};
use super::faulty::Fault;
use super::{Fixture, Setup};
use opspilot_net::testing::{Client, Reply, request};

fn check_headers(reply: &Reply) {
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in expected {
        assert_eq!(reply.header(name), value, "{reply:?}");
    }
    assert_eq!(reply.header("x-request-id").len(), 36, "{reply:?}");
    assert_eq!(reply.header("server"), "");
}

#[tokio::test]
async fn every_answer_carries_the_safety_headers() {
    let config = Config {
        rate_limit_per_minute: 8,
        ..Setup::default().config
    };
    let api = Fixture::with(Setup {
        config,
        ..Setup::default()
    })
    .await;
    api.incident("a", Severity::Info).await;
    let heads: [&[&str]; 10] = [
        &["GET /api/health"],
        &["GET /api/metrics"],
        &["GET /api/incidents/a"],
        &["GET /api/nothing"],
        &["PUT /api/health"],
        &["GET /api/livez", "Host: evil.example"],
        &["POST /api/incidents/a/close", "Origin: null"],
        &["POST /api/incidents/a/close", "Content-Length: 99999999"],
        &["GET /api/incidents?limit=0"],
        &["GET /api/livez", "X-Request-Id: forged\tid"],
    ];
    for head in heads {
        check_headers(&api.ask(head, b"").await);
    }
    api.storage.set(Some(Fault::Panic));
    check_headers(&api.get("/dead-letters").await);
    let mut last = api.get("/incidents").await;
    for _ in 0..10 {
        last = api.get("/incidents").await;
        check_headers(&last);
    }
    assert_eq!(last.status, 429);
}

#[tokio::test]
async fn a_failure_says_nothing_of_its_cause_to_strangers() {
    let api = Fixture::new().await;
    let rows = [
        (Fault::Unavailable, 503, "storage-unavailable"),
        (Fault::Corrupt, 500, "internal"),
        (Fault::Panic, 500, "internal"),
    ];
    for (fault, status, code) in rows {
        api.storage.set(Some(fault));
        for path in ["/incidents", "/incidents/a", "/dead-letters"] {
            let reply = api.get(path).await;
            assert_eq!(reply.problem(), (status, code.into()), "{path}");
            assert!(!reply.body.contains("secret"), "{}", reply.body);
            assert_eq!(
                !reply.header("retry-after").is_empty(),
                status == 503,
                "{path}"
            );
        }
    }
    api.storage.set(None);
    assert_eq!(api.get("/incidents").await.status, 200);
    let details = api.cx.health.current().details;
    assert_eq!(details["errorCount"], 9);
}

#[tokio::test]
async fn a_storage_that_hangs_does_not_hold_the_caller() {
    let setup = Setup {
        request: Duration::from_millis(50),
        ..Setup::default()
    };
    let api = Fixture::with(setup).await;
    api.storage.set(Some(Fault::Hang));
    let reply = api.get("/incidents").await;
    assert_eq!(reply.problem(), (503, "timed-out".into()));
    assert!(!reply.header("retry-after").is_empty());
}

#[tokio::test]
async fn foreign_names_and_origins_are_refused() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let reply = api
        .ask(&["GET /api/incidents", "Host: evil.example:3000"], b"")
        .await;
    assert_eq!(reply.problem(), (421, "wrong-host".into()));
    let close = "POST /api/incidents/a/close";
    for header in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
    ] {
        assert_eq!(
            api.ask(&[close, header], b"").await.problem(),
            (403, "cross-site".into()),
            "{header}"
        );
    }
    let reply = api
        .ask(&["GET /api/incidents", "Origin: https://evil.example"], b"")
        .await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
    let reply = api
        .ask(
            &[
                "OPTIONS /api/incidents",
                "Origin: https://evil.example",
                "Access-Control-Request-Method: GET",
            ],
            b"",
        )
        .await;
    assert_eq!(reply.status, 405);
    let own = [
        close,
        "Host: localhost:3000",
        "Origin: http://localhost:3000",
        "Sec-Fetch-Site: same-origin",
    ];
    assert_eq!(api.ask(&own, b"").await.status, 200);
}

#[tokio::test]
async fn the_configured_origin_may_use_the_api() {
    let origin = "https://ops.example.org";
    let config = Config {
        cors_origin: Some(origin.into()),
        ..Setup::default().config
    };
    let api = Fixture::with(Setup {
        config,
        ..Setup::default()
    })
    .await;
    api.incident("a", Severity::Info).await;
    let header = format!("Origin: {origin}");
    let preflight = [
        "OPTIONS /api/incidents/a/close",
        &header,
        "Access-Control-Request-Method: POST",
    ];
    let reply = api.ask(&preflight, b"").await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, origin)
    );
    let close = [
        "POST /api/incidents/a/close",
        &header,
        "Sec-Fetch-Site: cross-site",
    ];
    let reply = api.ask(&close, b"").await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, origin)
    );
    let foreign = [
        "POST /api/incidents/a/reopen",
        "Origin: https://ops.example.org.evil.example",
    ];
    assert_eq!(api.ask(&foreign, b"").await.status, 403);
}

#[tokio::test]
async fn large_bodies_are_refused_whether_they_are_announced_or_not() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let body = vec![b' '; 10 * 1024 * 1024];
    let head = [
        "POST /api/incidents/a/close",
        "Content-Type: application/json",
    ];
    let reply = api.ask(&head, &body).await;
    assert_eq!(reply.problem(), (413, "body-too-large".into()));
    let mut client = Client::connect(api.address).await;
    let head = [
        "POST /api/incidents/a/close",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    ];
    client.send(request(&head, b"")).await;
    let chunk = [b"10000\r\n".as_slice(), &body[..0x1_0000], b"\r\n"].concat();
    for _ in 0..20 {
        client.send(&chunk).await;
    }
    let reply = client.reply(false).await.unwrap();
    assert_eq!(reply.problem(), (413, "body-too-large".into()));
    let mut client = Client::connect(api.address).await;
    let head = [
        "POST /api/incidents/a/close",
        "Idempotency-Key: k",
        "Content-Length: 9000000",
    ];
    client.send(request(&head, b"")).await;
    assert_eq!(
        client.reply(false).await.unwrap().status,
        413,
        "before the body is sent"
    );
    assert_eq!(api.actions("a").await, ["created"]);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let setup = Setup {
        body: Duration::from_millis(50),
        ..Setup::default()
    };
    let api = Fixture::with(setup).await;
    api.incident("a", Severity::Info).await;
    for key in ["X: y", "Idempotency-Key: k"] {
        let mut client = Client::connect(api.address).await;
        let head = [
            "POST /api/incidents/a/close",
            "Content-Length: 10",
            "Content-Type: application/json",
            key,
        ];
        client.send(request(&head, b"")).await;
        client.send("{").await;
        assert_eq!(
            client.reply(false).await.unwrap().problem(),
            (408, "slow-body".into())
        );
    }
    assert_eq!(api.actions("a").await, ["created"]);
}

#[tokio::test]
async fn deep_and_malformed_json_changes_nothing() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let deep = format!("{{\"reason\":{}", "[".repeat(100_000));
    for body in [
        deep.as_str(),
        "{\"reason\":\"a\"",
        "{\"reason\" \"a\"}",
        "\0",
        "nan",
        "{\"reason\":1e999}",
    ] {
        let reply = api.post("/incidents/a/close", body).await;
        assert_eq!(reply.problem(), (400, "invalid-request".into()));
    }
    assert_eq!(api.actions("a").await, ["created"]);
}

#[tokio::test]
async fn the_rate_is_limited_by_address_and_probes_are_not_counted() {
    let config = Config {
        rate_limit_per_minute: 3,
        ..Setup::default().config
    };
    let api = Fixture::with(Setup {
        config,
        ..Setup::default()
    })
    .await;
    for path in ["/health", "/livez", "/readyz", "/metrics"] {
        for _ in 0..5 {
            let reply = api.get(path).await;
            assert_eq!(
                (reply.status, reply.header("x-ratelimit-limit")),
                (200, ""),
                "{path}"
            );
        }
    }
    for remaining in ["2", "1", "0"] {
        let reply = api.get("/incidents").await;
        assert_eq!(
            (
                reply.header("x-ratelimit-limit"),
                reply.header("x-ratelimit-remaining")
            ),
            ("3", remaining)
        );
        let reset: i64 = reply.header("x-ratelimit-reset").parse().unwrap();
        let in_seconds = reset - 1_771_588_800;
        assert!((59..=61).contains(&in_seconds), "{in_seconds}");
    }
    for header in [
        "X-Forwarded-For: 1.2.3.4",
        "X-API-Key: other",
        "Forwarded: for=1.2.3.4",
    ] {
        for path in ["/incidents", "/nothing"] {
            let reply = api.ask(&[&format!("GET /api{path}"), header], b"").await;
            assert_eq!(
                reply.problem(),
                (429, "rate-limited".into()),
                "{path} {header}"
            );
            let seconds: u64 = reply.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&seconds));
        }
    }
    assert_eq!(api.get("/livez").await.status, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let mut client = Client::connect(api.address).await;
    let paths = ["/livez", "/nothing", "/incidents/a", "/livez"];
    let requests = paths.map(|path| request(&[&format!("GET /api{path}")], b""));
    client.send(requests.concat()).await;
    let mut statuses = Vec::new();
    for _ in paths {
        statuses.push(client.reply(false).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 404, 200, 200]);
}

#[tokio::test]
async fn a_smuggled_request_is_not_served() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let smuggled = "POST /api/incidents/a/close HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let rows = [
        format!(
            "POST /api/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /api/nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n{smuggled}"
        ),
        format!("GET /api/livez HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n{smuggled}"),
        format!("GET /api/livez HTTP/1.1\r\n Host: localhost\r\n\r\n{smuggled}"),
    ];
    for bytes in rows {
        let mut client = Client::connect(api.address).await;
        client.send(&bytes).await;
        let answer = client.rest().await;
        assert!(
            answer.starts_with("HTTP/1.1 400"),
            "{bytes:?} got {answer:?}"
        );
    }
    assert_eq!(api.actions("a").await, ["created"]);
}

#[tokio::test]
async fn headers_have_a_limit() {
    let api = Fixture::new().await;
    let large = format!("X: {}", "x".repeat(20 * 1024));
    let many: Vec<String> = (0..200).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = std::iter::once("GET /api/livez")
        .chain(many.iter().map(String::as_str))
        .collect();
    for head in [&["GET /api/livez", &large][..], &many] {
        let mut client = Client::connect(api.address).await;
        client.send(request(head, b"")).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer:?}");
    }
    assert_eq!(api.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_port_in_use_stops_the_start_and_names_the_way_out() {
    let api = Fixture::new().await;
    let config = Config {
        port: api.address.port(),
        ..Config::default()
    };
    let mut second = Api::new(config).unwrap();
    let cx = api.bench.context(&Api::MANIFEST);
    let error = second.init(&cx).await.unwrap_err().to_string();
    assert!(error.contains(&api.address.to_string()), "{error}");
    assert!(error.contains("`modules.ui.api.port`"), "{error}");
}
