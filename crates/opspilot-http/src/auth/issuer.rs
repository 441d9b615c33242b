//! Issues tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use opspilot_core::clock::Timestamp;
use opspilot_core::config::{Auth, Secret};
use opspilot_core::safety::credentials::NewToken;
use opspilot_core::safety::identity::{Kind, Role};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use uuid::Uuid;

use super::claims::SERVICE_LIFE;
use super::provider;

/// The fewest bytes of the secret that signs.
const SECRET_BYTES: usize = 32;

/// Signs tokens with the secret of the configuration.
pub struct Issuer {
    key: EncodingKey,
    key_id: String,
    name: String,
    audience: String,
    longest_life: Duration,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Why no token is issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// There is nothing to sign with.
    #[error(
        "`auth.jwtSecret` is not set or shorter than 32 bytes: make one with `openssl rand -base64 32`, and set \
         `OPSPILOT_JWT_SECRET`"
    )]
    NoSecret,
    /// The life asked for is too long.
    #[error("tokens of this kind live at most {} minutes", .0.as_secs() / 60)]
    TooLong(Duration),
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

#[derive(Serialize)]
struct Issued<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    jti: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    role: Role,
    kind: Kind,
}

impl Issuer {
    /// The issuer that `auth` describes.
    ///
    /// # Errors
    /// [`IssuerError::NoSecret`]
    pub fn of(auth: &Auth) -> Result<Self, IssuerError> {
        provider::install();
        let secret = auth.jwt_secret.as_ref().map_or("", Secret::expose);
        if secret.len() < SECRET_BYTES {
            return Err(IssuerError::NoSecret);
        }
        Ok(Self {
            key: EncodingKey::from_secret(secret.as_bytes()),
            key_id: key_id(secret),
            name: auth.jwt_issuer.clone(),
            audience: auth.audience.clone(),
            longest_life: auth.token_life(),
        })
    }

    /// The longest life of a token of `kind`: what is configured, and for programs an hour at most.
    #[must_use]
    pub fn longest_life(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Human => self.longest_life,
            Kind::Service | Kind::Agent => self.longest_life.min(SERVICE_LIFE),
        }
    }

    /// Signs a token for `subject` that lives for `life`, or as long as it may, from `now` on. It counts as soon as the
    /// second value was written down with [`opspilot_core::safety::credentials::Credentials::add_token`].
    ///
    /// # Errors
    /// When the life is too long.
    pub fn issue(&self, asked: &Asked, now: Timestamp) -> Result<(Secret, NewToken), IssuerError> {
        let longest = self.longest_life(asked.kind);
        let life = asked.life.unwrap_or(longest);
        if life > longest {
            return Err(IssuerError::TooLong(longest));
        }
        let seconds = now.as_millis().div_euclid(1_000);
        let end = seconds.saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
        let jti = Uuid::now_v7().to_string();
        let claims = Issued {
            iss: &self.name,
            aud: &self.audience,
            sub: &asked.subject,
            jti: &jti,
            iat: seconds,
            nbf: seconds,
            exp: end,
            role: asked.role,
            kind: asked.kind,
        };
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let text = encode(&header, &claims, &self.key).map_err(IssuerError::Signing)?;
        let token = NewToken {
            jti,
            subject: asked.subject.clone(),
            role: asked.role,
            kind: asked.kind,
            issued_at: now,
            expires_at: Timestamp::from_millis(end.saturating_mul(1_000)),
        };
        Ok((Secret::new(text), token))
    }
}

/// A token to issue.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose it will be.
    pub subject: String,
    /// What it will allow.
    pub role: Role,
    /// Who will hold it.
    pub kind: Kind,
    /// How long it will live; `None` for as long as it may.
    pub life: Option<Duration>,
}

/// A name for a secret that tells nothing of it.
pub(super) fn key_id(secret: &str) -> String {
    let text = format!("opspilot key id 1 {secret}");
    let hash = digest(&SHA256, text.as_bytes());
    let start = hash.as_ref().get(..6).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(start)
}
