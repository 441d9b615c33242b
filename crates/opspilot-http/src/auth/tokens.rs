//! Verifies tokens: the strict profile.
//!
//! The token never chooses how it is verified: its `alg` must be one that the configuration allows, and its `kid` names
//! a key of our own ring, which is pinned to one algorithm. `jku`, `jwk`, `x5u` and `x5c` are not looked at.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use opspilot_core::clock::Timestamp;
use opspilot_core::config::{Auth, JwtAlgorithm};
use opspilot_core::module::RunError;
use opspilot_core::safety::credentials::Invalid;

use super::claims::{Claims, Expected, Unfit, Unique};
use super::errand::Background;
use super::issuer::key_id;
use super::key_set::KeyRing;
use super::provider;

/// The longest token, in bytes.
const TOKEN_BYTES: usize = 8 * 1024;

/// The types of token that are accepted (RFC 9068, section 2.1).
const TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    /// The present secret and the one before it.
    own: Vec<OwnKey>,
    ring: Option<KeyRing>,
    ring_issuer: String,
    algorithms: Vec<JwtAlgorithm>,
    issuer: String,
    audience: String,
    longest_life: Duration,
}

/// The key that this server signs with.
struct OwnKey {
    id: String,
    key: DecodingKey,
}

impl std::fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Whose key signed a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signer {
    /// The key of the configuration.
    Own,
    /// A key of the set of another issuer.
    Other,
}

/// What the header of a token says.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Tokens {
    /// Reads the keys that `auth` names.
    ///
    /// # Errors
    /// When the file with the keys of another issuer cannot be used.
    pub(super) async fn open(auth: &Auth, background: &Background) -> Result<Self, RunError> {
        provider::install();
        let secrets = [&auth.jwt_secret, &auth.jwt_previous_secret];
        let own = secrets
            .into_iter()
            .flatten()
            .filter(|secret| !secret.is_empty())
            .map(|secret| OwnKey {
                id: key_id(secret.expose()),
                key: DecodingKey::from_secret(secret.expose().as_bytes()),
            })
            .collect();
        let ring = match &auth.jwks {
            Some(set) => Some(KeyRing::open(set, background).await?),
            None => None,
        };
        let set_issuer = auth.jwks.as_ref().and_then(|set| set.issuer.clone());
        Ok(Self {
            own,
            ring,
            ring_issuer: set_issuer.unwrap_or_else(|| auth.jwt_issuer.clone()),
            algorithms: auth.algorithms.clone(),
            issuer: auth.jwt_issuer.clone(),
            audience: auth.audience.clone(),
            longest_life: auth.token_life(),
        })
    }

    /// The claims of `token`, if it is signed by a key of ours and fits at `now`.
    pub(super) async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(Claims, Signer), Invalid> {
        if token.len() > TOKEN_BYTES {
            return Err(Invalid::Malformed);
        }
        let header = Header::read(token).ok_or(Invalid::Malformed)?;
        let (key, signer, issuer) = self.key(&header).await.ok_or(Invalid::Unknown)?;
        let decoded = decode::<Unique>(token, &key, &only(header.algorithm));
        let object = decoded.map_err(|_| Invalid::Unknown)?.claims;
        let claims = Claims::read(&object).ok_or(Invalid::Malformed)?;
        let expected = Expected {
            issuer,
            audience: &self.audience,
            longest_life: self.longest_life,
        };
        claims.check(expected, now).map_err(|unfit| match unfit {
            Unfit::Foreign => Invalid::Unknown,
            Unfit::Expired => Invalid::Expired,
        })?;
        Ok((claims, signer))
    }

    /// The key for a token, whose it is, and who must have issued the token.
    async fn key(&self, header: &Header) -> Option<(DecodingKey, Signer, &str)> {
        let allowed = match header.algorithm {
            Algorithm::HS256 => JwtAlgorithm::Hs256,
            Algorithm::EdDSA => JwtAlgorithm::EdDsa,
            Algorithm::RS256 => JwtAlgorithm::Rs256,
            Algorithm::ES256 => JwtAlgorithm::Es256,
            _ => return None,
        };
        if !self.algorithms.contains(&allowed) {
            return None;
        }
        if allowed == JwtAlgorithm::Hs256 {
            let is_named = |own: &&OwnKey| header.key_id.as_ref().is_none_or(|id| *id == own.id);
            let own = self.own.iter().find(is_named)?;
            return Some((own.key.clone(), Signer::Own, &self.issuer));
        }
        let (ring, id) = (self.ring.as_ref()?, header.key_id.as_ref()?);
        let key = ring.find(id, allowed).await?;
        Some((key, Signer::Other, &self.ring_issuer))
    }
}

/// The signature alone is checked by the library, with the algorithm of the key; the claims by [`Claims`], with the
/// server's clock and without optional checks.
pub(super) fn only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

impl Header {
    /// Reads the header of a token with three parts; `None` if it is not one that this profile allows.
    fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (Some(head), Some(_), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let bytes = URL_SAFE_NO_PAD.decode(head).ok()?;
        let Unique(object) = serde_json::from_slice(&bytes).ok()?;
        let text = |name: &str| object.get(name).and_then(serde_json::Value::as_str);
        let is_typed =
            text("typ").is_some_and(|kind| TYPES.iter().any(|t| kind.eq_ignore_ascii_case(t)));
        // A critical extension must be understood, and none is (RFC 7515, section 4.1.11).
        if !is_typed || object.contains_key("crit") {
            return None;
        }
        let key_id = match object.get("kid") {
            None => None,
            Some(id) => Some(id.as_str()?.to_owned()),
        };
        Some(Self {
            algorithm: text("alg")?.parse().ok()?,
            key_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use opspilot_core::config::Secret;
    use opspilot_core::module::Tasks;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::auth::testing::{SECRET, hs256, token};

    const NOW: Timestamp = Timestamp::from_millis(1_771_588_800_000);
    const NEXT: &str = "Zt5Kq1Wc8Lf3Xn7Rb2Vp9Ms4Hd6Jg0Ya";

    async fn verify(auth: &Auth, text: &str) -> Result<Claims, Invalid> {
        let background = Background::on(Tasks::of("test"));
        let tokens = Tokens::open(auth, &background).await.unwrap();
        Ok(tokens.verify(text, NOW).await?.0)
    }

    fn auth(secret: &str, previous: Option<&str>) -> Auth {
        Auth {
            jwt_secret: Some(Secret::new(secret.to_owned())),
            jwt_previous_secret: previous.map(|text| Secret::new(text.to_owned())),
            ..Auth::default()
        }
    }

    fn signed(secret: &str, key_id: Option<&str>) -> String {
        let now = NOW.as_millis() / 1_000;
        let claims = json!({
            "iss": "opspilot", "aud": "opspilot", "sub": "ann", "jti": "j",
            "iat": now, "nbf": now, "exp": now + 60, "role": "viewer",
        });
        let header = match key_id {
            Some(id) => json!({ "alg": "HS256", "typ": "at+jwt", "kid": id }),
            None => json!({ "alg": "HS256", "typ": "at+jwt" }),
        };
        token(
            &header.to_string(),
            &claims.to_string(),
            &hs256(secret.as_bytes()),
        )
    }

    #[tokio::test]
    async fn tokens_outlive_an_exchange_of_the_secret_for_as_long_as_the_old_one_is_named() {
        let old = signed(SECRET, Some(&key_id(SECRET)));
        let new = signed(NEXT, Some(&key_id(NEXT)));
        assert!(verify(&auth(SECRET, None), &old).await.is_ok());
        assert!(verify(&auth(NEXT, Some(SECRET)), &old).await.is_ok());
        assert!(verify(&auth(NEXT, Some(SECRET)), &new).await.is_ok());
        assert_eq!(verify(&auth(NEXT, None), &old).await, Err(Invalid::Unknown));
        let nameless = signed(SECRET, None);
        assert_eq!(
            verify(&auth(NEXT, Some(SECRET)), &nameless).await,
            Err(Invalid::Unknown)
        );
        let crossed = signed(SECRET, Some(&key_id(NEXT)));
        assert_eq!(
            verify(&auth(NEXT, Some(SECRET)), &crossed).await,
            Err(Invalid::Unknown)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_of_tokens_panic(
            head in "[ -~]{0,80}", claims in "[ -~]{0,80}", text in ".{0,80}",
        ) {
            let made = token(&head, &claims, &hs256(SECRET.as_bytes()));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for text in [made, text] {
                prop_assert!(runtime.block_on(verify(&auth(SECRET, None), &text)).is_err());
            }
        }

        #[test]
        fn claims_of_any_type_are_read_without_panic(number in any::<f64>(), whole in any::<i64>()) {
            for value in [json!(number), json!(whole), json!([whole]), json!({ "a": whole })] {
                let object = json!({
                    "iss": value, "aud": value, "sub": value, "jti": value,
                    "iat": value, "nbf": value, "exp": value,
                });
                let object: Unique = serde_json::from_value(object).unwrap();
                prop_assert!(Claims::read(&object).is_none());
            }
        }
    }
}
