//! Every row of the table against every credential. A new row is covered by being in the table.

use opspilot_core::safety::audit::Entry;
use opspilot_core::safety::identity::{Kind, Role};
use serde_json::json;

use super::super::super::routes::{Role as Needed, Route, routes};
use super::super::Fixture;
use super::{HOUR, claims, guarded, root, signed};

const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];
const KINDS: [Kind; 3] = [Kind::Human, Kind::Service, Kind::Agent];

fn head(route: &Route) -> String {
    let path = route
        .path
        .replace("{id}", "some-id")
        .replace("{jti}", "some-id")
        .replace("{name}", "some-id");
    format!("{} /api{path}", route.method.as_str())
}

/// True if nobody is asked on this row with the paths that are public by default.
fn is_open(route: &Route) -> bool {
    route.role == Needed::Anyone || route.path == "/health"
}

/// Says in its own words what the table of roles says.
fn may(route: &Route, role: Role, kind: Kind) -> bool {
    let rank = ROLES.iter().position(|one| *one == role).unwrap();
    let needed = match route.role {
        Needed::Anyone | Needed::Public | Needed::Viewer => 0,
        Needed::Operator => 1,
        Needed::Admin => 2,
    };
    rank >= needed && route.kinds.contains(&kind)
}

/// Credentials that let nobody in, each with what is wrong with it.
async fn bad(api: &Fixture) -> Vec<(&'static str, String)> {
    let credentials = &api.bench.access.credentials;
    let (expired_key, _) = api.key(Role::Admin, Kind::Human).await;
    let (expired_token, _) = api.jwt(Role::Admin, Kind::Human).await;
    api.clock.advance(HOUR * 9);
    let (revoked_key, text) = api.key(Role::Admin, Kind::Human).await;
    credentials.revoke_key(&root(), text.id()).await.unwrap();
    let (revoked_token, jti) = api.jwt(Role::Admin, Kind::Human).await;
    credentials.revoke_token(&root(), &jti).await.unwrap();
    let header = json!({ "alg": "HS256", "typ": "at+jwt" });
    let mut foreign = claims(api.bench.clock.now());
    foreign["iss"] = json!("https://idp.example.org");
    foreign["role"] = json!("admin");
    vec![
        ("none", String::new()),
        (
            "malformed scheme",
            "Authorization: Basic YWRtaW46YWRtaW4=".into(),
        ),
        ("malformed token", "Authorization: Bearer x".into()),
        ("malformed key", "X-API-Key: admin".into()),
        ("malformed cookie", "Cookie: opspilot_session=1".into()),
        (
            "unknown cookie",
            format!("Cookie: opspilot_session={}", "a".repeat(43)),
        ),
        ("expired key", expired_key),
        ("expired token", expired_token),
        ("revoked key", revoked_key),
        ("revoked token", revoked_token),
        ("foreign issuer", signed(&header, &foreign)),
    ]
}

#[tokio::test]
async fn no_row_lets_a_bad_credential_in() {
    let (api, open) = (guarded().await, Fixture::new().await);
    let bad = bad(&api).await;
    for route in routes() {
        let head = head(route);
        let expected = match is_open(route) {
            true => open.status(&head, "").await,
            false => 401,
        };
        for (what, header) in &bad {
            let lines = [head.as_str(), header];
            let lines = if header.is_empty() {
                &lines[..1]
            } else {
                &lines
            };
            let reply = api.ask(lines, b"").await;
            assert_eq!(reply.status, expected, "{head} with {what}");
            if reply.status == 401 {
                assert_eq!(
                    reply.header("www-authenticate"),
                    "Bearer realm=\"opspilot\""
                );
                assert_eq!(reply.problem().1, "unauthenticated");
                assert_eq!(reply.json().get("detail"), None, "{head} with {what}");
            }
        }
    }
}

#[tokio::test]
async fn each_role_and_kind_gets_exactly_its_cells() {
    let (api, open) = (guarded().await, Fixture::new().await);
    let mut credentials = Vec::new();
    for role in ROLES {
        for kind in KINDS {
            credentials.push((role, kind, api.key(role, kind).await.0));
            credentials.push((role, kind, api.jwt(role, kind).await.0));
        }
    }
    for route in routes() {
        let head = head(route);
        let served = open.status(&head, "").await;
        assert!(!matches!(served, 401 | 403), "{head}: {served}");
        for (role, kind, header) in &credentials {
            let expected = match is_open(route) || may(route, *role, *kind) {
                true => served,
                false => 403,
            };
            let found = api.status(&head, header).await;
            assert_eq!(found, expected, "{head} as {role:?} {kind:?} with {header}");
        }
    }
}

#[tokio::test]
async fn cells_that_matter_most_are_as_the_design_says() {
    let api = guarded().await;
    api.incident("a", opspilot_core::incident::Severity::Info)
        .await;
    let rows = [
        ("GET /api/incidents/a", Role::Viewer, Kind::Agent, 200),
        (
            "POST /api/incidents/a/acknowledge",
            Role::Viewer,
            Kind::Human,
            403,
        ),
        (
            "POST /api/incidents/a/acknowledge",
            Role::Admin,
            Kind::Agent,
            403,
        ),
        (
            "POST /api/incidents/a/acknowledge",
            Role::Operator,
            Kind::Human,
            200,
        ),
        (
            "POST /api/incidents/a/resolve",
            Role::Operator,
            Kind::Service,
            200,
        ),
        ("GET /api/keys", Role::Operator, Kind::Human, 403),
        ("GET /api/keys", Role::Admin, Kind::Service, 403),
        ("GET /api/keys", Role::Admin, Kind::Human, 200),
        ("GET /api/metrics", Role::Viewer, Kind::Service, 200),
    ];
    for (head, role, kind, expected) in rows {
        let (header, _) = api.key(role, kind).await;
        assert_eq!(
            api.status(head, &header).await,
            expected,
            "{head} as {role:?} {kind:?}"
        );
    }
    let refused = api
        .ask(
            &["GET /api/keys", &api.key(Role::Viewer, Kind::Human).await.0],
            b"",
        )
        .await;
    assert_eq!(refused.problem(), (403, "forbidden".into()));
    let is_last = |entry: &Entry| {
        entry.action == "auth.forbidden"
            && entry.actor == "viewer-human"
            && entry.target.as_deref() == Some("GET /keys")
    };
    let audit = api.audit(|entries| entries.iter().any(is_last)).await;
    let entry = audit.iter().find(|entry| is_last(entry)).unwrap();
    assert_eq!(entry.details["reason"], "viewer");
    assert_eq!(entry.details["address"], "127.0.0.1");
}

#[tokio::test]
async fn probes_go_without_credentials_only_where_the_configuration_says_so() {
    let mut auth = super::auth();
    auth.public_paths = vec!["/api/livez".into(), "/api/m*".into()];
    let api = super::guarded_by(auth).await;
    for (path, expected) in [
        ("health", 401),
        ("livez", 200),
        ("readyz", 401),
        ("metrics", 200),
    ] {
        let head = format!("GET /api/{path}");
        assert_eq!(api.status(&head, "").await, expected, "{path}");
        let head = format!("HEAD /api/{path}");
        assert_eq!(api.ask(&[&head], b"").await.status, expected, "{path}");
    }
}
