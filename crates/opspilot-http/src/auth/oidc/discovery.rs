//! What an issuer says of itself (OpenID Connect Discovery 1.0, section 3).

use opspilot_core::config::JwtAlgorithm;
use opspilot_core::error::escape;
use reqwest::Url;
use serde::Deserialize;

use super::super::fetch::fetch;
use super::address;

/// The largest document, in bytes.
const DOCUMENT_BYTES: usize = 256 * 1024;

/// How much is told of another name, in characters.
const NAME_LENGTH: usize = 200;

/// What is taken of it.
#[derive(Debug, Clone)]
pub(super) struct Discovered {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) keys: Url,
    /// The algorithms of its tokens, of those that are accepted. No other is, whatever a token says.
    pub(super) algorithms: Vec<JwtAlgorithm>,
    /// True if the secret goes into the body of the request for tokens.
    pub(super) posts_secret: bool,
    /// True if it names itself when it sends a browser back (RFC 9207).
    pub(super) names_itself: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    response_types_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Asks `issuer` what it says of itself.
///
/// # Errors
/// Why that cannot be used, in words.
pub(super) async fn discover(client: &reqwest::Client, issuer: &str) -> Result<Discovered, String> {
    let base = issuer.trim_end_matches('/');
    let url = format!("{base}/.well-known/openid-configuration");
    let bytes = fetch(client, &url, DOCUMENT_BYTES).await;
    let bytes = bytes.map_err(|error| {
        format!("cannot read `{url}`, which `auth.oidc.issuer` leads to: {error}")
    })?;
    read(&bytes, issuer)
}

/// Takes a document of `issuer` apart.
pub(super) fn read(bytes: &[u8], issuer: &str) -> Result<Discovered, String> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| format!("what the issuer says of itself cannot be read: {error}"))?;
    if document.issuer != issuer {
        let own: String = document.issuer.chars().take(NAME_LENGTH).collect();
        let own = escape(&own);
        return Err(format!(
            "the issuer calls itself `{own}`: if that is the right one, write it so as `auth.oidc.issuer`"
        ));
    }
    let url = |text: &str, name: &str| {
        address(text, issuer).ok_or_else(|| format!("its `{name}` is no `https` address"))
    };
    let has = |list: &Option<Vec<String>>, name: &str| {
        list.as_ref()
            .is_none_or(|list| list.iter().any(|one| one == name))
    };
    if !has(&document.response_types_supported, "code") {
        return Err("the issuer has no flow of a code".to_owned());
    }
    // Those that say nothing mostly do, and take no harm from what they do not know.
    if !has(&document.code_challenge_methods_supported, "S256") {
        return Err("the issuer has no PKCE with S256".to_owned());
    }
    let methods = &document.token_endpoint_auth_methods_supported;
    Ok(Discovered {
        authorization: url(&document.authorization_endpoint, "authorization_endpoint")?,
        token: url(&document.token_endpoint, "token_endpoint")?,
        keys: url(&document.jwks_uri, "jwks_uri")?,
        algorithms: algorithms(document.id_token_signing_alg_values_supported.as_deref())?,
        posts_secret: !has(methods, "client_secret_basic") && has(methods, "client_secret_post"),
        names_itself: document.authorization_response_iss_parameter_supported,
    })
}

/// Every issuer has RS256 (OpenID Connect Core 1.0, section 15.1).
fn algorithms(named: Option<&[String]>) -> Result<Vec<JwtAlgorithm>, String> {
    let Some(named) = named else {
        return Ok(vec![JwtAlgorithm::Rs256]);
    };
    let known = [
        ("RS256", JwtAlgorithm::Rs256),
        ("ES256", JwtAlgorithm::Es256),
    ];
    let found: Vec<_> = known
        .into_iter()
        .filter(|(name, _)| named.iter().any(|one| one == name))
        .map(|(_, algorithm)| algorithm)
        .collect();
    match found.is_empty() {
        true => Err("the issuer signs with neither RS256 nor ES256".to_owned()),
        false => Ok(found),
    }
}
