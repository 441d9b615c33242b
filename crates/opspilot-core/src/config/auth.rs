//! The root section `auth`: who may do what.

mod contradictions;
mod key_set;
mod oidc;
#[cfg(test)]
mod tests;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::span::parse_span;
use crate::address::{IpNet, network};

pub use key_set::KeySet;
pub use oidc::{GroupRole, OidcProvider, SubjectClaim};

/// How long a token lives where `jwtExpiresIn` cannot be read; the check of the configuration refuses that.
const TOKEN_LIFE: Duration = Duration::from_hours(8);

/// `auth`: who may do what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Auth {
    /// Whether credentials are asked for. Default `false`, which only a loopback address allows.
    pub enabled: bool,
    /// The key that signs tokens, at least 32 bytes. No default.
    pub jwt_secret: Option<Secret>,
    /// The key that signed tokens until it was exchanged; it still verifies them. No default.
    pub jwt_previous_secret: Option<Secret>,
    /// How long a token may be valid: a number with `s`, `m`, `h` or `d`. Default `8h`.
    pub jwt_expires_in: String,
    /// Who issues tokens. Default `opspilot`.
    pub jwt_issuer: String,
    /// Whom tokens are for. Default `opspilot`.
    pub audience: String,
    /// The algorithms of signatures that are accepted. Default `[HS256]`; the others need `jwks`.
    pub algorithms: Vec<JwtAlgorithm>,
    /// The public keys of another issuer, for example an identity provider. No default.
    pub jwks: Option<KeySet>,
    /// An identity provider at which people sign in. No default.
    pub oidc: Option<OidcProvider>,
    /// Routes that need no credentials, of those that may go without; a final `*` matches any rest. Default
    /// `/api/health`.
    pub public_paths: Vec<String>,
    /// Keys that stand in the configuration. Default none.
    pub api_keys: Vec<ApiKey>,
    /// The host names that the server answers to besides this machine's own. Default none.
    pub allowed_hosts: Vec<String>,
    /// The proxies that are believed when they say in `X-Forwarded-For` whom they speak for: addresses, or networks such
    /// as `10.0.0.0/8`. Each must append to that header. Default none: limits and the audit log see the proxy's address.
    pub trusted_proxies: Vec<String>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            enabled: false,
            jwt_secret: None,
            jwt_previous_secret: None,
            jwt_expires_in: "8h".to_owned(),
            jwt_issuer: "opspilot".to_owned(),
            audience: "opspilot".to_owned(),
            algorithms: vec![JwtAlgorithm::Hs256],
            jwks: None,
            oidc: None,
            public_paths: vec!["/api/health".to_owned()],
            api_keys: Vec::new(),
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// How a token is signed (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256 and `jwtSecret`.
    #[serde(rename = "HS256")]
    Hs256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// A key with which somebody identifies themselves.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKey {
    /// Whose key it is.
    #[schemars(length(min = 1))]
    pub label: String,
    /// The key itself.
    pub key: Secret,
    /// What it allows.
    pub role: Role,
    /// Who holds it. Default `service`: a program, which never approves.
    #[serde(default = "service")]
    #[schemars(default = "service")]
    pub kind: Kind,
}

const fn service() -> Kind {
    Kind::Service
}

/// What somebody may do; each role includes those before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also acknowledges, comments, approves and denies.
    Operator,
    /// Also administers.
    Admin,
}

/// What kind of actor a credential belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A person. Only people approve and deny.
    Human,
    /// A program.
    Service,
    /// A program that is driven by a model.
    Agent,
}

impl Auth {
    /// The longest life of a token.
    #[must_use]
    pub fn token_life(&self) -> Duration {
        parse_span(&self.jwt_expires_in).unwrap_or(TOKEN_LIFE)
    }

    /// The proxies that are believed.
    #[must_use]
    pub fn proxies(&self) -> Vec<IpNet> {
        let names = self.trusted_proxies.iter();
        names.filter_map(|name| network(name).ok()).collect()
    }

    /// Says whether the configuration itself lets anybody in: by a key, by tokens, or by an identity provider.
    #[must_use]
    pub fn has_way_in(&self) -> bool {
        let signs = |secret: &Secret| !secret.is_empty();
        !self.api_keys.is_empty()
            || self.jwks.is_some()
            || self.oidc.is_some()
            || self.jwt_secret.as_ref().is_some_and(signs)
    }
}
