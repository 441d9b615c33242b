//! An issuer of our own, which says whatever a test wants it to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use opspilot_core::clock::{Clock as _, ManualClock};
use reqwest::Url;
use ring::digest::{SHA256, digest};
use ring::signature::EcdsaKeyPair;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::api::tests::Fixture;
use crate::auth::testing::{ec_jwk, es256, hs256, p256, rs256, rsa_2048, rsa_jwk, token};

pub(super) const CLIENT: &str = "opspilot";
pub(super) const SECRET: &str = "a secret/of+the client";

/// The issuer; cloning it clones a handle.
#[derive(Clone)]
pub(super) struct Issuer(Arc<Mutex<Script>>);

/// What it says.
pub(super) struct Script {
    pub(super) url: String,
    pub(super) document: Value,
    pub(super) keys: Vec<Value>,
    pub(super) header: Value,
    /// What differs from the usual claims; `null` takes one out.
    pub(super) claims: Value,
    pub(super) signer: Signer,
    /// How often each path was asked for.
    pub(super) asked: HashMap<&'static str, usize>,
    /// The status of every answer while it does not work.
    pub(super) broken: Option<u16>,
    /// What whoever asks what it says of itself waits for.
    pub(super) gate: Option<Arc<Semaphore>>,
    p256: EcdsaKeyPair,
    codes: HashMap<String, Asked>,
    clock: Option<Arc<ManualClock>>,
}

/// With what it signs.
#[derive(Clone, Copy)]
pub(super) enum Signer {
    Rsa,
    P256,
    /// With the public RSA key as a secret.
    PublicKeyAsSecret,
    Nothing,
    /// With a key of P-256 that it does not publish.
    Stranger,
}

struct Asked {
    nonce: String,
    challenge: String,
    redirect: String,
}

impl Issuer {
    /// An issuer that listens, and serves once [`Issuer::serve`] was called.
    pub(super) async fn bind() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let p256 = p256();
        let script = Script {
            document: json!({
                "issuer": url,
                "authorization_endpoint": format!("{url}/authorize?tenant=1"),
                "token_endpoint": format!("{url}/token"),
                "jwks_uri": format!("{url}/keys"),
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
                "code_challenge_methods_supported": ["S256"],
            }),
            keys: vec![rsa_jwk("rsa", &rsa_2048()), ec_jwk("ec", &p256)],
            header: json!({ "alg": "RS256", "kid": "rsa" }),
            claims: json!({}),
            signer: Signer::Rsa,
            asked: HashMap::new(),
            broken: None,
            gate: None,
            p256,
            codes: HashMap::new(),
            clock: None,
            url,
        };
        (Self(Arc::new(Mutex::new(script))), listener)
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    /// Serves for as long as the tasks of `api` run, by its clock.
    pub(super) fn serve(&self, listener: TcpListener, api: &Fixture) {
        self.script().clock = Some(Arc::clone(&api.clock));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/keys", get(keys))
            .route("/token", post(redeem))
            .with_state(self.clone());
        api.cx.tasks.spawn("issuer", async move {
            axum::serve(listener, router).await.unwrap();
        });
    }

    /// What a person does who signs in at `location`: the query of the address that they are sent back to.
    pub(super) fn sign_in(&self, location: &Url) -> String {
        let mut script = self.script();
        let asked: HashMap<_, _> = location.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let code = format!("code-{}", script.codes.len());
        let query = format!("code={code}&state={}", asked["state"]);
        let asked = Asked {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect: asked["redirect_uri"].clone(),
        };
        script.codes.insert(code, asked);
        query
    }
}

impl Script {
    fn count(&mut self, path: &'static str) -> Result<(), StatusCode> {
        *self.asked.entry(path).or_default() += 1;
        match self.broken {
            Some(status) => Err(StatusCode::from_u16(status).unwrap()),
            None => Ok(()),
        }
    }

    fn sign(&self, nonce: &str) -> String {
        let now = self.clock.as_ref().unwrap().now().as_millis() / 1_000;
        let mut claims = json!({
            "iss": self.url, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300,
            "nonce": nonce, "groups": ["ops", "all"], "preferred_username": "rosa",
        });
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = match value.as_str() {
                Some("now-1h") => json!(now - 3_600),
                Some("now") => json!(now),
                Some("now+1h") => json!(now + 3_600),
                _ => value.clone(),
            };
        }
        let claims = claims.as_object().unwrap().clone();
        let claims: serde_json::Map<_, _> = claims
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect();
        let (header, claims) = (self.header.to_string(), Value::from(claims).to_string());
        let rsa = rsa_2048();
        match self.signer {
            Signer::Rsa => token(&header, &claims, &rs256(&rsa)),
            Signer::P256 => token(&header, &claims, &es256(&self.p256)),
            Signer::Stranger => token(&header, &claims, &es256(&p256())),
            Signer::Nothing => token(&header, &claims, &|_| Vec::new()),
            Signer::PublicKeyAsSecret => {
                let modulus = self.keys[0]["n"].as_str().unwrap();
                token(&header, &claims, &hs256(modulus.as_bytes()))
            }
        }
    }
}

async fn document(State(issuer): State<Issuer>) -> Result<String, StatusCode> {
    let gate = {
        let mut script = issuer.script();
        script.count("document")?;
        script.gate.clone()
    };
    if let Some(gate) = gate {
        gate.acquire().await.unwrap().forget();
    }
    let document = issuer.script().document.to_string();
    Ok(document)
}

async fn keys(State(issuer): State<Issuer>) -> Result<String, StatusCode> {
    let mut script = issuer.script();
    script.count("keys")?;
    Ok(json!({ "keys": script.keys }).to_string())
}

/// Takes a code once, from the client that has the secret, the same address and the verifier.
async fn redeem(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<String, (StatusCode, String)> {
    let mut script = issuer.script();
    script
        .count("token")
        .map_err(|status| (status, String::new()))?;
    let body = String::from_utf8(body.to_vec()).unwrap();
    let form = Url::parse(&format!("form:?{body}")).unwrap();
    let form: HashMap<_, _> = form.query_pairs().into_owned().collect();
    let refused = |error: &str| {
        let body = json!({ "error": error, "error_description": "no" });
        Err((StatusCode::BAD_REQUEST, body.to_string()))
    };
    let shown = headers.get(header::AUTHORIZATION);
    let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let pair = shown.map(|text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap());
    if pair.as_deref() != Some("opspilot:a+secret%2Fof%2Bthe+client") {
        return refused("invalid_client");
    }
    let Some(asked) = form.get("code").and_then(|code| script.codes.remove(code)) else {
        return refused("invalid_grant");
    };
    let proof = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if form["redirect_uri"] != asked.redirect || proof != asked.challenge {
        return refused("invalid_grant");
    }
    let answer = json!({
        "token_type": "Bearer", "access_token": "unused", "id_token": script.sign(&asked.nonce),
    });
    Ok(answer.to_string())
}
