//! A server, an issuer and a browser on its way between them.

use std::time::Duration;

use opspilot_core::config::{Auth, GroupRole, OidcProvider, Role, Secret, SubjectClaim};
use reqwest::Url;

use super::super::auth;
use super::issuer::{CLIENT, Issuer, SECRET, Script};
use crate::api::tests::{Fixture, Setup};
use opspilot_net::testing::Reply;

pub(super) const WHO: &str = "GET /api/session";

/// A server whose people sign in at an issuer of ours.
pub(super) struct World {
    pub(super) api: Fixture,
    pub(super) issuer: Issuer,
}

/// A browser on its way through the issuer.
pub(super) struct Visit {
    pub(super) cookie: String,
    pub(super) location: Url,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut OidcProvider)) -> Self {
        let (issuer, listener) = Issuer::bind().await;
        let mut provider = provider(&issuer);
        change(&mut provider);
        let api = Fixture::with(Setup {
            auth: Auth {
                oidc: Some(provider),
                allowed_hosts: vec!["ops.example.org".into()],
                ..auth()
            },
            ..Setup::default()
        })
        .await;
        issuer.serve(listener, &api);
        Self { api, issuer }
    }

    pub(super) fn say(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.issuer.script());
    }

    pub(super) async fn begin_reply(&self) -> Reply {
        self.api.get("/session/oidc").await
    }

    pub(super) async fn begin(&self) -> Visit {
        Visit::of(&self.begin_reply().await)
    }

    pub(super) async fn come_back(&self, cookie: &str, query: &str) -> Reply {
        let head = format!("GET /api/session/oidc/callback?{query}");
        self.api.ask(&[&head, cookie], b"").await
    }

    /// From the button to the answer.
    pub(super) async fn sign_in(&self) -> Reply {
        self.pass_through(self.begin().await).await
    }

    /// A browser at the issuer, which lets it through.
    pub(super) async fn pass_through(&self, visit: Visit) -> Reply {
        let query = self.issuer.sign_in(&visit.location);
        self.come_back(&visit.cookie, &query).await
    }

    pub(super) async fn is_in(&self, cookie: &str) -> bool {
        self.api.status(WHO, cookie).await == 200
    }

    /// How often the issuer was asked for `path`.
    pub(super) fn asked(&self, path: &str) -> usize {
        self.issuer.script().asked.get(path).copied().unwrap_or(0)
    }

    /// Plays that a while goes by.
    pub(super) async fn wait(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    /// The reason of the latest refusal in the audit log.
    pub(super) async fn reason(&self) -> String {
        let is_there = |entry: &opspilot_core::safety::audit::Entry| entry.action == "auth.refused";
        let audit = self.api.audit(|all| all.iter().any(is_there)).await;
        let entry = audit.iter().find(|entry| is_there(entry)).unwrap();
        assert_eq!(entry.target.as_deref(), Some("GET /session/oidc/callback"));
        entry.details["reason"].as_str().unwrap().to_owned()
    }
}

impl Visit {
    pub(super) fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 303, "{reply:?}");
        let pair = reply.header("set-cookie").split(';').next().unwrap();
        Self {
            cookie: format!("Cookie: {pair}"),
            location: reply.header("location").parse().unwrap(),
        }
    }

    pub(super) fn asked(&self, name: &str) -> String {
        let mut pairs = self.location.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found.unwrap().1.into_owned()
    }
}

pub(super) fn provider(issuer: &Issuer) -> OidcProvider {
    let role = |group: &str, role| GroupRole {
        group: group.into(),
        role,
    };
    OidcProvider {
        issuer: issuer.script().url.clone(),
        client_id: CLIENT.into(),
        client_secret: Some(Secret::new(SECRET.into())),
        name: "Example".into(),
        scopes: vec!["openid".into(), "groups".into()],
        subject_claim: SubjectClaim::Sub,
        groups_claim: "groups".into(),
        roles: vec![role("ops", Role::Operator), role("root", Role::Admin)],
        default_role: None,
    }
}

/// The header with the session's cookie of a browser that came in.
pub(super) fn cookie_of(reply: &Reply) -> String {
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, "/"),
        "{reply:?}"
    );
    let cookies = reply.header("set-cookie").lines();
    let mut sessions = cookies.filter(|cookie| cookie.contains("opspilot_session="));
    let cookie = sessions.next().unwrap();
    assert!(cookie.ends_with("HttpOnly; SameSite=Strict"), "{cookie}");
    format!("Cookie: {}", cookie.split(';').next().unwrap())
}

/// Asserts that a browser was sent back to the sign-in page with `word` and no session.
pub(super) fn assert_back(reply: &Reply, word: &str, what: &str) {
    let expected = format!("/?signin={word}");
    let found = (reply.status, reply.header("location"));
    assert_eq!(found, (303, expected.as_str()), "{what}");
    let cookies = reply.header("set-cookie");
    assert!(!cookies.contains("opspilot_session"), "{what}: {cookies}");
}
