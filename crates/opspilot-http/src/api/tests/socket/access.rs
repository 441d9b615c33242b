//! Who is let in, and for how long.

use std::time::Duration;

use opspilot_core::safety::identity::{Kind, Role};
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::super::Setup;
use super::super::access::{auth, root};
use super::{Client, Running, config};

/// Headers that a client adds to those of the protocol.
type Headers<'h> = &'h [(&'static str, &'h str)];

async fn guarded() -> Running {
    let setup = Setup {
        auth: auth(),
        bad_credentials: 1_000_000,
        ..Setup::default()
    };
    Running::with(setup, config()).await
}

/// A header line as a pair.
fn pair(line: &str) -> (&'static str, String) {
    let (name, value) = line.split_once(": ").unwrap();
    let known = ["x-api-key", "authorization", "cookie"];
    let name = known
        .into_iter()
        .find(|known| name.eq_ignore_ascii_case(known));
    (name.unwrap(), value.to_owned())
}

/// The cookie of a new session.
async fn cookie(server: &Running, key: &str) -> String {
    let body = json!({ "apiKey": key }).to_string();
    let reply = server.api.post("/session", &body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let cookie = reply.header("set-cookie").split(';').next().unwrap();
    cookie.to_owned()
}

#[tokio::test]
async fn every_way_to_show_a_credential_is_tried_at_both_doors() {
    let server = guarded().await;
    let (header, key) = server.api.key(Role::Viewer, Kind::Agent).await;
    let (key_name, key_value) = pair(&header);
    let (jwt_name, jwt) = pair(&server.api.jwt(Role::Viewer, Kind::Service).await.0);
    let token = jwt.strip_prefix("Bearer ").unwrap();
    let cookie = cookie(&server, key.expose()).await;
    let protocols = |token: &str| format!("opspilot.v1, opspilot.bearer.{token}");
    let (with_key, with_token) = (protocols(key.expose()), protocols(token));
    let doors = [
        (server.address, "/any/path"),
        (server.api.address, "/api/ws"),
    ];
    for (address, path) in doors {
        let own = format!("http://{address}");
        let rows: [(Headers<'_>, Option<u16>); 15] = [
            (&[(key_name, &key_value)], None),
            (&[(jwt_name, &jwt)], None),
            (&[("sec-websocket-protocol", &with_key)], None),
            (&[("sec-websocket-protocol", &with_token)], None),
            (&[("cookie", &cookie), ("origin", &own)], None),
            (&[("cookie", &cookie)], None),
            (&[], Some(401)),
            (&[(key_name, "opk_live_aaaaaaaa_wrong")], Some(401)),
            (&[(jwt_name, "Bearer a.b.c")], Some(401)),
            (
                &[("sec-websocket-protocol", "opspilot.bearer.a.b.c")],
                Some(401),
            ),
            (&[("sec-websocket-protocol", "opspilot.v1")], Some(401)),
            (&[("cookie", "opspilot_session=a")], Some(401)),
            (
                &[("cookie", &cookie), ("origin", "https://evil.example")],
                Some(403),
            ),
            (&[("cookie", &cookie), ("origin", "null")], Some(403)),
            (
                &[("cookie", &cookie), ("sec-fetch-site", "cross-site")],
                Some(403),
            ),
        ];
        for (headers, expected) in rows {
            let client = Client::connect(address, path, headers).await;
            let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
            match (client, expected) {
                (Ok(mut client), None) => {
                    let told = client.answer.headers().get("sec-websocket-protocol");
                    let asked = headers
                        .iter()
                        .any(|(_, value)| value.contains("opspilot.v1"));
                    assert_eq!(
                        told.map(|name| name.to_str().unwrap()),
                        asked.then_some("opspilot.v1"),
                        "the token is not told again"
                    );
                    client.welcome().await;
                }
                (client, expected) => assert_eq!(client.err(), expected, "{path} {names:?}"),
            }
        }
        let query = format!("{path}?access_token={token}");
        let by_address = Client::connect(address, &query, &[]).await;
        assert_eq!(by_address.err(), Some(401), "an address is no credential");
    }
}

#[tokio::test]
async fn other_sites_and_other_names_are_refused_also_where_nobody_is_asked() {
    let server = Running::new().await;
    let rows = [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "http://127.0.0.1:1", 403),
        ("sec-fetch-site", "same-site", 403),
    ];
    for (name, value, status) in rows {
        let refused = server.client(&[(name, value)]).await;
        assert_eq!(refused.err(), Some(status), "{name}: {value}");
    }
    let own = format!("http://{}", server.address);
    assert!(server.client(&[("origin", &own)]).await.is_ok());
    let query = Client::connect(server.address, "/?token=x", &[]).await;
    assert_eq!(
        query.err(),
        Some(400),
        "nobody writes tokens into addresses"
    );
    let host = "GET /";
    let lines = [
        host,
        "Host: evil.example",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let reply = opspilot_net::testing::ask(server.address, &lines, b"").await;
    assert_eq!(reply.status, 421, "{reply:?}");
}

#[tokio::test]
async fn what_does_not_speak_websocket_is_told_so() {
    let server = Running::new().await;
    let rows: [&[&str]; 5] = [
        &["GET /"],
        &["POST /ws"],
        &["GET /", "Connection: Upgrade", "Upgrade: h2c"],
        &[
            "GET /",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 8",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
        &[
            "GET /",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: short",
        ],
    ];
    for head in rows {
        let reply = opspilot_net::testing::ask(server.address, head, b"").await;
        assert_eq!(
            reply.problem(),
            (426, "upgrade-required".into()),
            "{head:?}"
        );
        assert_eq!(reply.header("upgrade"), "websocket");
        assert_eq!(reply.header("sec-websocket-version"), "13");
    }
}

#[tokio::test]
async fn nothing_is_sent_once_a_credential_is_revoked() {
    let server = guarded().await;
    let (header, key) = server.api.key(Role::Viewer, Kind::Human).await;
    let (name, value) = pair(&header);
    let mut client = server.client(&[(name, &value)]).await.unwrap();
    client.welcome().await;
    client
        .subscribe(&json!({ "events": ["incident.created"] }))
        .await;
    server.incident("one").await;
    client.events(1).await;
    let credentials = &server.api.bench.access.credentials;
    credentials.revoke_key(&root(), key.id()).await.unwrap();
    server.incident("two").await;
    let next = client.frame().await.unwrap().unwrap();
    assert!(next.is_close(), "{next:?}");
}

#[tokio::test]
async fn a_quiet_client_is_closed_when_its_credential_ends() {
    let setup = Setup {
        auth: auth(),
        ..Setup::default()
    };
    let mut config = config();
    config.heartbeat_interval_ms = 50;
    let server = Running::with(setup, config).await;
    let (header, key) = server.api.key(Role::Viewer, Kind::Human).await;
    let (name, value) = pair(&header);
    let mut client = server.client(&[(name, &value)]).await.unwrap();
    client.welcome().await;
    let credentials = &server.api.bench.access.credentials;
    credentials.revoke_key(&root(), key.id()).await.unwrap();
    assert_eq!(client.closed().await, Some(CloseCode::Policy));
}

#[tokio::test]
async fn a_credential_that_ends_by_itself_is_noticed_before_the_next_event() {
    let setup = Setup {
        auth: auth(),
        beat: Duration::ZERO,
        ..Setup::default()
    };
    let server = Running::with(setup, config()).await;
    let (header, _) = server.api.key(Role::Viewer, Kind::Human).await;
    let (name, value) = pair(&header);
    let mut client = server.client(&[(name, &value)]).await.unwrap();
    client.welcome().await;
    client
        .subscribe(&json!({ "events": ["incident.created"] }))
        .await;
    server.incident("one").await;
    client.events(1).await;
    server.api.clock.advance(Duration::from_hours(2));
    server.incident("two").await;
    assert_eq!(client.closed().await, Some(CloseCode::Policy));
}
