//! Who shows a credential: API keys, passwords, tokens (JWT) and sessions, checked against the configuration and the
//! storage.
//!
//! No answer is kept: each request asks the storage again, so a revocation holds from the next request on.

mod claims;
mod configured;
mod errand;
mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod issuer;
mod key_set;
mod oidc;
mod provider;
#[cfg(test)]
pub(crate) mod testing;
mod tokens;

use std::sync::Arc;

use opspilot_core::clock::Clock;
use opspilot_core::config::Secret;
use opspilot_core::error::chain;
use opspilot_core::module::{Access, Context, RunError};
use opspilot_core::safety::credentials::{
    CredentialError, Credentials, Invalid, Session, SessionToken, Source, User,
};
use opspilot_core::safety::identity::{Identity, Kind, Method, is_reserved};

use self::claims::Claims;
use self::configured::ConfiguredKeys;
use self::errand::Background;
use self::tokens::{Signer, Tokens};

pub(crate) use oidc::{Ask, FLOW_LIFE, Oidc, OidcError, Returned, word};

pub use oidc::trial;

pub use issuer::{Asked, Issuer, IssuerError};

/// Checks credentials.
#[derive(Debug)]
pub(crate) struct Authenticator {
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    configured: ConfiguredKeys,
    tokens: Tokens,
    oidc: Option<Oidc>,
}

/// Why a credential did not let anybody in.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The credential is at fault.
    Invalid(Invalid),
    /// It could not be checked.
    Broken(CredentialError),
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<CredentialError> for Refused {
    fn from(error: CredentialError) -> Self {
        Self::Broken(error)
    }
}

impl Authenticator {
    /// Reads the keys that `access` names, for the module of `cx`.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(crate) async fn open(access: &Access, cx: &Context) -> Result<Self, RunError> {
        let background = Background::of(cx);
        Ok(Self {
            credentials: access.credentials.clone(),
            clock: Arc::clone(&cx.clock),
            configured: ConfiguredKeys::new(&access.auth.api_keys)?,
            tokens: Tokens::open(&access.auth, &background).await?,
            oidc: Oidc::open(&access.auth, &background)?,
        })
    }

    /// Who shows the API key `text`, and which key it is.
    pub(crate) async fn key(&self, text: &str) -> Result<(Identity, Source), Refused> {
        if let Some((identity, source)) = self.configured.find(text) {
            return Ok((identity, source));
        }
        let key = self.credentials.check_key(text).await??;
        let identity = Identity::vouch(key.label, key.role, key.kind, Method::ApiKey);
        Ok((own_name(identity)?, Source::Key { id: key.id }))
    }

    /// Who shows the name `name` and the password `password`, and what a session begins with.
    pub(crate) async fn password(
        &self,
        name: &str,
        password: Secret,
    ) -> Result<(Identity, Source), Refused> {
        let (user, source) = self.credentials.check_password(name, password).await??;
        Ok((of_user(user)?, source))
    }

    /// The identity provider at which people sign in.
    pub(crate) const fn oidc(&self) -> Option<&Oidc> {
        self.oidc.as_ref()
    }

    /// Says whether anybody signs in by password.
    pub(crate) async fn has_passwords(&self) -> Result<bool, CredentialError> {
        self.credentials.has_user().await
    }

    /// Who shows the bearer token `text`.
    pub(crate) async fn bearer(&self, text: &str) -> Result<Identity, Refused> {
        let (claims, signer) = self.tokens.verify(text, self.clock.now()).await?;
        let issued_here = match signer {
            Signer::Own => self.credentials.token(&claims.jti).await?,
            Signer::Other => None,
        };
        let Some(token) = issued_here else {
            self.check_subject(&claims.subject, claims.issued_at)
                .await?;
            return of_claims(claims);
        };
        let token = token.check()?;
        if token.subject != claims.subject {
            return Err(Invalid::Unknown.into());
        }
        self.check_subject(&token.subject, token.issued_at).await?;
        // The role is the one on record, whatever the token says.
        Ok(Identity::vouch(
            token.subject,
            token.role,
            token.kind,
            Method::Jwt,
        ))
    }

    /// Who shows the session token `text`, and the session.
    pub(crate) async fn session(
        &self,
        token: &SessionToken,
    ) -> Result<(Identity, Session), Refused> {
        let session = self.credentials.check_session(token).await??;
        let identity = match &session.source {
            Source::Key { id } => {
                let key = self.credentials.live_key(id).await??;
                Identity::vouch(key.label, key.role, key.kind, Method::Session)
            }
            Source::Configured { label, print } => self
                .configured
                .again(label, print)
                .ok_or(Invalid::Revoked)?,
            Source::Password { name, generation } => {
                self.check_subject(name, session.created_at).await?;
                of_user(self.credentials.live_user(name, generation).await??)?
            }
            Source::Oidc {
                issuer,
                subject,
                groups,
                ..
            } => {
                self.check_subject(subject, session.created_at).await?;
                let oidc = self.oidc.as_ref().ok_or(Invalid::Revoked)?;
                oidc.again(issuer, subject, groups)
                    .ok_or(Invalid::Revoked)?
            }
        };
        Ok((identity, session))
    }

    async fn check_subject(
        &self,
        subject: &str,
        issued_at: opspilot_core::clock::Timestamp,
    ) -> Result<(), Refused> {
        let not_before = self.credentials.not_before(subject).await?;
        match not_before.is_some_and(|moment| issued_at < moment) {
            true => Err(Invalid::Revoked.into()),
            false => Ok(()),
        }
    }
}

/// Whom a token names that somebody else issued. Without a kind it is a program: only who says so is a person.
fn of_claims(claims: Claims) -> Result<Identity, Refused> {
    let role = claims.role.ok_or(Invalid::Malformed)?;
    let kind = claims.kind.unwrap_or(Kind::Service);
    own_name(Identity::vouch(claims.subject, role, kind, Method::Jwt))
}

fn of_user(user: User) -> Result<Identity, Refused> {
    let identity = Identity::vouch(user.name, user.role, Kind::Human, Method::Session);
    own_name(identity)
}

/// Refuses whoever is called like the server or a module of it.
fn own_name(identity: Identity) -> Result<Identity, Refused> {
    match is_reserved(identity.subject()) {
        true => Err(Invalid::Malformed.into()),
        false => Ok(identity),
    }
}

impl Refused {
    /// The reason for the audit log.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Invalid(invalid) => invalid.as_str().to_owned(),
            Self::Broken(error) => chain(error),
        }
    }
}
