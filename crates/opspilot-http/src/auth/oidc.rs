//! People sign in at an identity provider: the flow of a code (OpenID Connect Core 1.0, section 3.1) with PKCE
//! (RFC 7636).
//!
//! Nothing is asked of the issuer before somebody wants to sign in, and its failures stop nobody who signs in otherwise.
//! What ties a browser to its answer (state, nonce, verifier) is derived from a random value in a cookie of its own:
//! [`flow`]. What the issuer says is taken by the rules of [`id_token`].

mod discovery;
mod flow;
mod id_token;
mod issuer;
mod proof;
mod token;
mod trial;

use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::config::{Auth, OidcProvider};
use opspilot_core::module::RunError;
use opspilot_core::safety::credentials::Source;
use opspilot_core::safety::identity::{Identity, Kind, Method};
use reqwest::Url;
use subtle::ConstantTimeEq as _;

use self::flow::Flows;
use self::id_token::{Expected, Person};
use self::issuer::{Directory, Issuer};
use super::errand::Background;

pub use self::trial::trial;

pub(crate) use self::flow::{FLOW_LIFE, Flow};
pub(crate) use self::proof::Ask;
pub(crate) use self::token::word;

/// Signs people in at one issuer.
#[derive(Debug)]
pub(crate) struct Oidc {
    config: OidcProvider,
    flows: Flows,
    directory: Directory,
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
    /// The issuer was to ask somebody who they are, and did not.
    NotAsked,
    /// The issuer was to say when it asked somebody who they are, and did not.
    NoTime,
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
    pub(super) fn open(auth: &Auth, background: &Background) -> Result<Option<Self>, RunError> {
        let Some(config) = auth.oidc.clone() else {
            return Ok(None);
        };
        Ok(Some(Self {
            flows: Flows::new()?,
            directory: Directory::new(&config.issuer, background)?,
            config,
        }))
    }

    /// What the button names.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Sends a browser to the issuer, which is asked as `ask` says, and from where it comes back to `redirect`.
    ///
    /// # Errors
    /// [`OidcError::Unavailable`]
    pub(crate) async fn begin(
        &self,
        ask: Ask,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Begun, OidcError> {
        let issuer = self.issuer().await?;
        let begun = self.flows.begin(ask, now);
        let (flow, cookie) = begun.map_err(OidcError::Unavailable)?;
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
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(ask.parameters());
        Ok(Begun {
            location: location.into(),
            cookie,
        })
    }

    /// The flow that was begun in the browser that keeps `cookie`, and whose state came back in `returned`. Nothing is
    /// asked or kept: whoever has no flow costs nothing.
    ///
    /// # Errors
    /// [`OidcError::Failed`]
    pub(crate) fn recognise(
        &self,
        cookie: Option<&str>,
        returned: &Returned,
        now: Timestamp,
    ) -> Result<Flow, OidcError> {
        let failed = |reason: &str| OidcError::Failed(reason.to_owned());
        let flow = cookie.and_then(|cookie| self.flows.read(cookie, now));
        let flow = flow.ok_or_else(|| failed("no sign-in was begun in this browser lately"))?;
        let given = returned.state.as_deref().unwrap_or_default();
        let is_own = bool::from(given.as_bytes().ct_eq(flow.state().as_bytes()));
        is_own
            .then_some(flow)
            .ok_or_else(|| failed("another state"))
    }

    /// Who came back to `redirect` with `returned` in `flow`, and what a session begins with. The flow is over with it:
    /// whatever comes back a second time is refused.
    ///
    /// # Errors
    /// Why nobody did.
    pub(crate) async fn finish(
        &self,
        flow: Flow,
        returned: Returned,
        redirect: &str,
        now: Timestamp,
    ) -> Result<(Identity, Source), OidcError> {
        let failed = |reason: &str| OidcError::Failed(reason.to_owned());
        if !self.flows.end(&flow) {
            return Err(failed("came back twice"));
        }
        if let Some(error) = returned.error {
            return Err(OidcError::Denied(error));
        }
        let code = returned.code.ok_or_else(|| failed("no code"))?;
        let issuer = self.issuer().await?;
        self.check_issuer(&issuer, returned.issuer.as_deref())?;
        let exchange = token::Exchange {
            config: &self.config,
            discovered: &issuer.discovered,
            client: self.directory.client(),
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
        let proven_at = proof::proven_at(&claims, &flow, now)?;
        self.admit(person, proven_at)
    }

    /// Who the session of `subject` with `groups` of `issuer` is now; `None` if it lets nobody in any more.
    pub(crate) fn again(&self, issuer: &str, subject: &str, groups: &[String]) -> Option<Identity> {
        let role = self.config.role_of(groups)?;
        (issuer == self.config.issuer)
            .then(|| Identity::vouch(subject, role, Kind::Human, Method::Session))
    }

    /// True unless the issuer failed when it was asked last.
    pub(crate) fn is_available(&self) -> bool {
        self.directory.is_available()
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

    fn admit(
        &self,
        person: Person,
        authenticated_at: Option<Timestamp>,
    ) -> Result<(Identity, Source), OidcError> {
        let Some(role) = self.config.role_of(&person.groups) else {
            return Err(OidcError::NoRole(person.subject));
        };
        let identity = Identity::vouch(person.subject.clone(), role, Kind::Human, Method::Session);
        let source = Source::Oidc {
            issuer: self.config.issuer.clone(),
            subject: person.subject,
            groups: person.groups,
            authenticated_at,
        };
        Ok((identity, source))
    }

    async fn issuer(&self) -> Result<Arc<Issuer>, OidcError> {
        let known = self.directory.issuer().await;
        known.map_err(OidcError::Unavailable)
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
            Self::NotAsked => "oidc: the issuer did not ask again who it is".to_owned(),
            Self::NoTime => {
                "oidc: the issuer does not say when it asked: no `auth_time`".to_owned()
            }
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
