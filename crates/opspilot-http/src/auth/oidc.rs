//! People sign in at an identity provider: the flow of a code (OpenID Connect Core 1.0, section 3.1) with PKCE
//! (RFC 7636).
//!
//! Nothing is asked of the issuer before somebody wants to sign in, and its failures stop nobody who signs in otherwise.
//! What ties a browser to its answer (state, nonce, verifier) is derived from a random value in a cookie of its own:
//! [`flow`]. What the issuer says is taken by the rules of [`id_token`].

mod discovery;
mod flow;
mod id_token;
mod token;

use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::config::{Auth, KeySet, OidcProvider};
use opspilot_core::module::RunError;
use opspilot_core::safety::credentials::Source;
use opspilot_core::safety::identity::{Identity, Kind, Method};
use reqwest::Url;
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::discovery::Discovered;
use self::flow::{Flow, Flows};
use self::id_token::{Expected, Person};
use super::fetch;
use super::key_set::KeyRing;

pub(crate) use self::flow::FLOW_LIFE;
pub(crate) use self::token::word;

/// How long what the issuer says of itself is believed.
const FRESH: Duration = Duration::from_hours(1);

/// How long an issuer that failed is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// Signs people in at one issuer.
#[derive(Debug)]
pub(crate) struct Oidc {
    config: OidcProvider,
    client: reqwest::Client,
    flows: Flows,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    known: Option<(Instant, std::sync::Arc<Issuer>)>,
    failed: Option<(Instant, String)>,
}

/// What is known of the issuer.
#[derive(Debug)]
struct Issuer {
    discovered: Discovered,
    keys: KeyRing,
}

/// Why nobody is signed in.
#[derive(Debug)]
pub(crate) enum OidcError {
    /// The issuer cannot be reached, or does not work: nobody's fault who signs in. Why, for the log.
    Unavailable(String),
    /// The issuer says no. What it says, as far as that is one of its codes.
    Denied(String),
    /// What came back is not what was asked for. Why, for the log.
    Failed(String),
    /// Somebody whom nothing allows anything. Who.
    NoRole(String),
}

/// What a browser is told to begin with.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Where it goes.
    pub(crate) location: String,
    /// What it keeps until it comes back.
    pub(crate) cookie: String,
}

/// What a browser comes back with.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) error: Option<String>,
}

impl Oidc {
    /// Signs in at the issuer that `auth` names; `None` if it names none.
    ///
    /// # Errors
    /// When there are no random numbers or no HTTP client.
    pub(crate) fn open(auth: &Auth) -> Result<Option<Self>, RunError> {
        let Some(config) = auth.oidc.clone() else {
            return Ok(None);
        };
        Ok(Some(Self {
            config,
            client: fetch::client("auth.oidc")?,
            flows: Flows::new()?,
            cache: Mutex::default(),
        }))
    }

    /// What the button names.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Sends a browser to the issuer, from where it comes back to `redirect`.
    ///
    /// # Errors
    /// [`OidcError::Unavailable`]
    pub(crate) async fn begin(&self, redirect: &str, now: Timestamp) -> Result<Begun, OidcError> {
        let issuer = self.issuer().await?;
        let (flow, cookie) = self.flows.begin(now).map_err(OidcError::Unavailable)?;
        let mut location = issuer.discovered.authorization.clone();
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &flow.state())
            .append_pair("nonce", &flow.nonce())
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(Begun {
            location: location.into(),
            cookie,
        })
    }

    /// Who came back to `redirect` with `returned`, in the browser that keeps `cookie`, and what a session begins with.
    ///
    /// # Errors
    /// Why nobody did.
    pub(crate) async fn finish(
        &self,
        returned: Returned,
        (cookie, redirect): (Option<&str>, &str),
        now: Timestamp,
    ) -> Result<(Identity, Source), OidcError> {
        let failed = |reason: &str| OidcError::Failed(reason.to_owned());
        let flow = cookie.and_then(|cookie| self.flows.read(cookie, now));
        let flow = flow.ok_or_else(|| failed("no sign-in was begun in this browser lately"))?;
        self.check_state(&flow, &returned)?;
        if let Some(error) = returned.error {
            return Err(OidcError::Denied(error));
        }
        let code = returned.code.ok_or_else(|| failed("no code"))?;
        let issuer = self.issuer().await?;
        self.check_issuer(&issuer, returned.issuer.as_deref())?;
        let exchange = token::Exchange {
            config: &self.config,
            discovered: &issuer.discovered,
            client: &self.client,
        };
        let text = exchange.redeem(&code, redirect, &flow.verifier()).await?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client: &self.config.client_id,
            nonce: &flow.nonce(),
            algorithms: &issuer.discovered.algorithms,
        };
        let claims = id_token::verify(&text, &expected, (&issuer.keys, now)).await;
        let claims = claims.map_err(|reason| failed(&format!("id_token: {reason}")))?;
        let person = Person::of(&claims, &self.config).map_err(failed)?;
        self.admit(person)
    }

    /// Who the session of `subject` with `groups` of `issuer` is now; `None` if it lets nobody in any more.
    pub(crate) fn again(&self, issuer: &str, subject: &str, groups: &[String]) -> Option<Identity> {
        let role = self.config.role_of(groups)?;
        (issuer == self.config.issuer)
            .then(|| Identity::vouch(subject, role, Kind::Human, Method::Session))
    }

    /// Says whether the issuer failed when it was asked last, and why.
    pub(crate) async fn trouble(&self) -> Option<String> {
        let cache = self.cache.lock().await;
        cache.failed.as_ref().map(|(_, reason)| reason.clone())
    }

    /// The state must be the flow's own, and the flow is over with it: whatever comes back a second time is refused.
    fn check_state(&self, flow: &Flow, returned: &Returned) -> Result<(), OidcError> {
        let given = returned.state.as_deref().unwrap_or_default();
        if !bool::from(given.as_bytes().ct_eq(flow.state().as_bytes())) {
            return Err(OidcError::Failed("another state".to_owned()));
        }
        match self.flows.end(flow) {
            true => Ok(()),
            false => Err(OidcError::Failed("came back twice".to_owned())),
        }
    }

    /// An issuer that names itself in the answer must be the one (RFC 9207, section 2.4).
    fn check_issuer(&self, issuer: &Issuer, given: Option<&str>) -> Result<(), OidcError> {
        let is_right = match given {
            Some(given) => given == self.config.issuer,
            None => !issuer.discovered.names_itself,
        };
        is_right
            .then_some(())
            .ok_or_else(|| OidcError::Failed("an answer of another issuer".to_owned()))
    }

    fn admit(&self, person: Person) -> Result<(Identity, Source), OidcError> {
        let Some(role) = self.config.role_of(&person.groups) else {
            return Err(OidcError::NoRole(person.subject));
        };
        let identity = Identity::vouch(person.subject.clone(), role, Kind::Human, Method::Session);
        let source = Source::Oidc {
            issuer: self.config.issuer.clone(),
            subject: person.subject,
            groups: person.groups,
        };
        Ok((identity, source))
    }

    /// What is known of the issuer, asked for at most once at a time.
    async fn issuer(&self) -> Result<std::sync::Arc<Issuer>, OidcError> {
        let mut cache = self.cache.lock().await;
        if let Some((at, known)) = &cache.known
            && at.elapsed() < FRESH
        {
            return Ok(std::sync::Arc::clone(known));
        }
        if let Some((at, reason)) = &cache.failed
            && at.elapsed() < RETRY
        {
            return Err(OidcError::Unavailable(reason.clone()));
        }
        match self.discover().await {
            Ok(issuer) => {
                let issuer = std::sync::Arc::new(issuer);
                *cache = Cache {
                    known: Some((Instant::now(), std::sync::Arc::clone(&issuer))),
                    failed: None,
                };
                Ok(issuer)
            }
            Err(reason) => {
                cache.failed = Some((Instant::now(), reason.clone()));
                Err(OidcError::Unavailable(reason))
            }
        }
    }

    async fn discover(&self) -> Result<Issuer, String> {
        let discovered = discovery::discover(&self.client, &self.config.issuer).await?;
        let set = KeySet {
            url: Some(discovered.keys.clone().into()),
            ..KeySet::default()
        };
        let keys = KeyRing::open(&set)
            .await
            .map_err(|error| error.to_string())?;
        if keys.is_empty().await {
            return Err("its keys cannot be read".to_owned());
        }
        Ok(Issuer { discovered, keys })
    }
}

impl OidcError {
    /// The reason for the audit log.
    pub(crate) fn reason(&self) -> String {
        let text = match self {
            Self::Unavailable(reason) => format!("oidc: unavailable: {reason}"),
            Self::Denied(reason) => format!("oidc: the issuer says {reason}"),
            Self::Failed(reason) => format!("oidc: {reason}"),
            Self::NoRole(subject) => format!("oidc: no role for {subject}"),
        };
        text.chars().take(300).collect()
    }
}

/// An address that this server may ask on behalf of `issuer`: over TLS, or on this machine where the issuer is there.
fn address(text: &str, issuer: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_local = |url: &Url| match url.host_str()?.trim_matches(['[', ']']) {
        "localhost" => Some(true),
        host => Some(host.parse::<std::net::IpAddr>().ok()?.is_loopback()),
    };
    let issuer = Url::parse(issuer).ok()?;
    let may_be_plain = issuer.scheme() == "http" && is_local(&url) == Some(true);
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && may_be_plain);
    let is_plain = url.username().is_empty() && url.password().is_none();
    (is_safe && is_plain && url.fragment().is_none()).then_some(url)
}
