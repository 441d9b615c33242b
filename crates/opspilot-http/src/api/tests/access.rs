//! Who may do what, over real connections.

mod administration;
mod crossing;
mod guessing;
mod matrix;
mod oidc;
mod passwords;
mod paths;
mod sessions;
mod tokens;

use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::config::{ApiKey, Auth, Secret};
use opspilot_core::safety::audit::{AuditFilter, Entry};
use opspilot_core::safety::credentials::{KeyText, NewKey};
use opspilot_core::safety::identity::{Identity, Kind, Method, Role};
use serde_json::{Value, json};

use super::{Fixture, Setup};
use crate::auth::testing::{SECRET, hs256, token};
use crate::auth::{Asked, Issuer};

const HOUR: Duration = Duration::from_hours(1);

/// The key of the configuration.
const CONFIGURED: &str = "X-API-Key: configured-key-of-an-admin-0123456789";

/// An `auth` section that asks for credentials.
pub(super) fn auth() -> Auth {
    let key = CONFIGURED.strip_prefix("X-API-Key: ").unwrap();
    Auth {
        enabled: true,
        jwt_secret: Some(Secret::new(SECRET.into())),
        api_keys: vec![ApiKey {
            label: "configured".into(),
            key: Secret::new(key.into()),
            role: Role::Admin,
            kind: Kind::Human,
        }],
        ..Auth::default()
    }
}

/// A server that asks for credentials, and counts no guesses.
async fn guarded() -> Fixture {
    guarded_by(auth()).await
}

/// The same for tests elsewhere.
pub(super) async fn guarded_by_default() -> Fixture {
    guarded().await
}

async fn guarded_by(auth: Auth) -> Fixture {
    Fixture::with(Setup {
        auth,
        bad_credentials: 1_000_000,
        ..Setup::default()
    })
    .await
}

pub(super) fn root() -> Identity {
    Identity::vouch("root", Role::Admin, Kind::Human, Method::Local)
}

impl Fixture {
    /// The header with a new stored key, and the key.
    pub(super) async fn key(&self, role: Role, kind: Kind) -> (String, KeyText) {
        let new = NewKey {
            label: format!("{role:?}-{kind:?}").to_lowercase(),
            role,
            kind,
            life: HOUR,
        };
        let credentials = &self.bench.access.credentials;
        let (_, text) = credentials.create_key(&root(), new).await.unwrap();
        (format!("X-API-Key: {}", text.expose()), text)
    }

    /// The header with a token that was issued and written down, and its id.
    pub(super) async fn jwt(&self, role: Role, kind: Kind) -> (String, String) {
        let asked = Asked {
            subject: "ann".into(),
            role,
            kind,
            life: None,
        };
        let issuer = Issuer::of(&self.bench.access.auth).unwrap();
        let (text, new) = issuer.issue(&asked, self.bench.clock.now()).unwrap();
        let jti = new.jti.clone();
        let credentials = &self.bench.access.credentials;
        credentials.add_token(&root(), new).await.unwrap();
        (format!("Authorization: Bearer {}", text.expose()), jti)
    }

    /// The status of `head` with one more header.
    async fn status(&self, head: &str, header: &str) -> u16 {
        let lines = [head, header];
        let lines = if header.is_empty() {
            &lines[..1]
        } else {
            &lines
        };
        self.ask(lines, b"").await.status
    }

    /// The audit log, newest first, once `is_there` holds of it: refusals are written beside the answer.
    async fn audit(&self, is_there: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        for _ in 0..2_000 {
            let filter = AuditFilter::default();
            let (entries, _) = self.bench.audit.list(&filter, None, 200).await.unwrap();
            if is_there(&entries) {
                return entries;
            }
            tokio::task::yield_now().await;
        }
        panic!("the audit log does not tell of it");
    }
}

/// The claims of a token that fits at `now`, for `ann`.
fn claims(now: Timestamp) -> Value {
    let seconds = now.as_millis() / 1_000;
    json!({
        "iss": "opspilot", "aud": "opspilot", "sub": "ann", "jti": "j1",
        "iat": seconds, "nbf": seconds, "exp": seconds + 3_600,
        "role": "viewer", "kind": "human",
    })
}

/// The header line with a token that this server's secret signs.
fn signed(header: &Value, claims: &Value) -> String {
    let text = token(
        &header.to_string(),
        &claims.to_string(),
        &hs256(SECRET.as_bytes()),
    );
    format!("Authorization: Bearer {text}")
}
