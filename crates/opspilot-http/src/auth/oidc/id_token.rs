//! What an issuer says of somebody, taken strictly (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! The token never chooses how it is verified: its `alg` is one that the issuer named for itself and that is accepted
//! here (RS256, ES256), its `kid` names a key of the issuer that is pinned to that algorithm.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, decode};
use opspilot_core::clock::Timestamp;
use opspilot_core::config::{JwtAlgorithm, OidcProvider, SubjectClaim};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::super::claims::{LEEWAY, Unique, audience, moment, text};
use super::super::key_set::KeyRing;
use super::super::tokens::only;
use super::flow::FLOW_LIFE;

/// The longest token, in bytes: groups may be many.
const TOKEN_BYTES: usize = 64 * 1024;

/// The longest name of a person, in characters (OpenID Connect Core 1.0, section 2, has 255 for `sub`).
const NAME_LENGTH: usize = 190;

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) algorithms: &'a [JwtAlgorithm],
}

/// Somebody whom an issuer vouches for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// What they are called here.
    pub(super) subject: String,
    /// Their groups, of those that matter here.
    pub(super) groups: Vec<String>,
}

/// The claims of `token`, if one of `keys` signed it and it is what was asked for at `now`.
///
/// # Errors
/// What is wrong, in words.
pub(super) async fn verify(
    token: &str,
    expected: &Expected<'_>,
    (keys, now): (&KeyRing, Timestamp),
) -> Result<Map<String, Value>, &'static str> {
    if token.len() > TOKEN_BYTES {
        return Err("too long");
    }
    let (algorithm, pinned, id) = header(token, expected.algorithms)?;
    let key = keys.find(&id, pinned).await.ok_or("an unknown key")?;
    let decoded = decode::<Unique>(token, &key, &only(algorithm));
    let Unique(claims) = decoded
        .map_err(|_| "the signature or its form is wrong")?
        .claims;
    check(&claims, expected, now)?;
    Ok(claims)
}

/// The algorithm of a token, in two forms, and the name of its key.
fn header(
    token: &str,
    allowed: &[JwtAlgorithm],
) -> Result<(Algorithm, JwtAlgorithm, String), &'static str> {
    let mut parts = token.split('.');
    let (Some(head), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("it has not three parts");
    };
    let bytes = URL_SAFE_NO_PAD.decode(head);
    let object = bytes
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Unique(object) = object.ok_or("its header cannot be read")?;
    let word = |name: &str| {
        object
            .get(name)
            .map(|value| value.as_str().unwrap_or_default())
    };
    // A token for another purpose names another type (RFC 8725, section 3.11).
    if !word("typ").is_none_or(|kind| kind.eq_ignore_ascii_case("JWT")) {
        return Err("it is of another type");
    }
    if object.contains_key("crit") {
        return Err("it has a critical extension");
    }
    let (algorithm, pinned) = match word("alg") {
        Some("RS256") => (Algorithm::RS256, JwtAlgorithm::Rs256),
        Some("ES256") => (Algorithm::ES256, JwtAlgorithm::Es256),
        _ => return Err("its algorithm is not allowed"),
    };
    if !allowed.contains(&pinned) {
        return Err("its algorithm is none of the issuer's");
    }
    let id = word("kid").filter(|id| !id.is_empty());
    let id = id.ok_or("it names no key")?;
    Ok((algorithm, pinned, id.to_owned()))
}

fn check(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<(), &'static str> {
    if text(claims, "iss").as_deref() != Some(expected.issuer) {
        return Err("another issuer");
    }
    let audiences = claims.get("aud").and_then(audience);
    let audiences = audiences.ok_or("no audience")?;
    if !audiences.iter().any(|name| name == expected.client) {
        return Err("another audience");
    }
    let party = claims
        .get("azp")
        .map(|party| party.as_str().unwrap_or_default());
    let is_ours = match party {
        Some(party) => party == expected.client,
        None => audiences.len() == 1,
    };
    if !is_ours {
        return Err("issued to another party");
    }
    let nonce = text(claims, "nonce").unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err("another nonce");
    }
    check_times(claims, now)
}

fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), &'static str> {
    let ends = moment(claims, "exp").ok_or("no end")?;
    let issued = moment(claims, "iat").ok_or("no time of issue")?;
    if ends.plus(LEEWAY) <= now {
        return Err("expired");
    }
    if issued > now.plus(LEEWAY) {
        return Err("issued in the future: compare the clocks");
    }
    let longest: Duration = FLOW_LIFE + LEEWAY;
    if now.since(issued) > longest {
        return Err("issued before the sign-in began");
    }
    let begins = claims.get("nbf").map(|_| moment(claims, "nbf"));
    match begins {
        Some(None) => Err("its beginning cannot be read"),
        Some(Some(begins)) if begins > now.plus(LEEWAY) => Err("not valid yet"),
        _ => Ok(()),
    }
}

impl Person {
    /// Whom `claims` are about.
    ///
    /// # Errors
    /// Which claim is missing or cannot be used.
    pub(super) fn of(
        claims: &Map<String, Value>,
        config: &OidcProvider,
    ) -> Result<Self, &'static str> {
        let own = name(claims, "sub").ok_or("id_token: no subject that can be used")?;
        let called = match config.subject_claim {
            SubjectClaim::Sub => own,
            SubjectClaim::PreferredUsername => name(claims, "preferred_username")
                .ok_or("id_token: no `preferred_username` that can be used")?,
            SubjectClaim::Email => {
                let is_verified = claims.get("email_verified") == Some(&Value::Bool(true));
                name(claims, "email")
                    .filter(|_| is_verified)
                    .ok_or("id_token: no `email` that the issuer has verified")?
            }
        };
        let value = find(claims, &config.groups_claim);
        let groups = match value {
            Some(Value::String(one)) => config.relevant(std::iter::once(one.as_str())),
            Some(Value::Array(many)) => config.relevant(many.iter().filter_map(Value::as_str)),
            _ => Vec::new(),
        };
        Ok(Self {
            subject: format!("oidc:{called}"),
            groups,
        })
    }
}

/// A name that can be shown: what it is written with is seen.
fn name(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = text(claims, name)?;
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_graphic() || c.is_alphanumeric());
    (is_plain && !text.is_empty() && text.chars().count() <= NAME_LENGTH).then_some(text)
}

/// The claim of this name, or else the one to which its dots lead.
fn find<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut parts = path.split('.');
    let first = claims.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}
