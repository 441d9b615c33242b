//! Exchanges a code for a token (OpenID Connect Core 1.0, section 3.1.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opspilot_core::config::{OidcProvider, Secret};
use reqwest::{StatusCode, Url, header};
use serde::Deserialize;

use super::super::fetch::send;
use super::OidcError;
use super::discovery::Discovered;

/// The largest answer, in bytes.
const ANSWER_BYTES: usize = 128 * 1024;

/// The longest code, in bytes.
const CODE_BYTES: usize = 4 * 1024;

/// What an exchange needs.
pub(super) struct Exchange<'a> {
    pub(super) config: &'a OidcProvider,
    pub(super) discovered: &'a Discovered,
    pub(super) client: &'a reqwest::Client,
}

/// The token is used for nothing but to see who came: access and refresh tokens are not even read.
#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    error: Option<String>,
}

impl Exchange<'_> {
    /// The identity token that `code` stands for.
    ///
    /// # Errors
    /// [`OidcError::Unavailable`] when the issuer does not work, [`OidcError::Failed`] when it refuses.
    pub(super) async fn redeem(
        &self,
        code: &str,
        redirect: &str,
        verifier: &str,
    ) -> Result<String, OidcError> {
        if code.len() > CODE_BYTES {
            return Err(OidcError::Failed("the code is too long".to_owned()));
        }
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let id = self.config.client_id.as_str();
        let mut request = self
            .client
            .post(self.discovered.token.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match self.config.client_secret.as_ref().map(Secret::expose) {
            Some(secret) if self.discovered.posts_secret => {
                fields.extend([("client_id", id), ("client_secret", secret)]);
            }
            Some(secret) => request = request.header(header::AUTHORIZATION, basic(id, secret)),
            None => fields.push(("client_id", id)),
        }
        let answer = send(request.body(form(&fields)), ANSWER_BYTES).await;
        let (status, body) = answer.map_err(|error| unavailable(&error))?;
        read(status, &body)
    }
}

/// What the issuer answered with `status`. A refusal is one whatever it is written in: no other try of the same mends it.
fn read(status: StatusCode, body: &[u8]) -> Result<String, OidcError> {
    let answer = serde_json::from_slice::<Answer>(body);
    if status.is_client_error() {
        let error = answer.ok().and_then(|answer| answer.error);
        let said = match error.as_deref() {
            Some(error) => word(error).to_owned(),
            None => format!("{} without a word", status.as_u16()),
        };
        return Err(OidcError::Failed(format!(
            "the issuer refuses the code: {said}"
        )));
    }
    match (status.is_success(), answer) {
        (true, Ok(answer)) => answer
            .id_token
            .ok_or_else(|| OidcError::Failed("the issuer gave no id_token".to_owned())),
        (true, Err(_)) => Err(unavailable("the answer is no JSON")),
        (false, _) => Err(unavailable(&format!("the answer is {status}"))),
    }
}

fn unavailable(reason: &str) -> OidcError {
    OidcError::Unavailable(format!("the code cannot be exchanged: {reason}"))
}

/// A code of an error, if it is one (RFC 6749, section 5.2): it goes into the log.
pub(crate) fn word(text: &str) -> &str {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !text.is_empty() && text.len() <= 60 && text.chars().all(is_word) {
        true => text,
        false => "something else",
    }
}

/// Name and secret as RFC 6749, section 2.3.1, writes them.
fn basic(id: &str, secret: &str) -> header::HeaderValue {
    let encoded = |text: &str| {
        form(&[("", text)])
            .strip_prefix('=')
            .unwrap_or_default()
            .to_owned()
    };
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let value = header::HeaderValue::try_from(format!("Basic {pair}"));
    // Base 64 is always a header value.
    let mut value = value.unwrap_or_else(|_| header::HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Fields as `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("form:") else {
        return String::new();
    };
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_secrets_are_encoded() {
        assert_eq!(
            form(&[("a", "b c&d=e"), ("f", "ü")]),
            "a=b+c%26d%3De&f=%C3%BC"
        );
        let value = basic("my:client", "se/cret +");
        assert!(value.is_sensitive());
        let pair = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let pair = String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap();
        assert_eq!(pair, "my%3Aclient:se%2Fcret+%2B");
    }

    /// What an answer comes to: a token, or `-` for a refusal and `?` for an outage with what is said of it.
    fn told(status: u16, body: &str) -> String {
        match read(StatusCode::from_u16(status).unwrap(), body.as_bytes()) {
            Ok(token) => token,
            Err(OidcError::Failed(reason)) => format!("- {reason}"),
            Err(OidcError::Unavailable(reason)) => format!("? {reason}"),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_is_one_whatever_it_is_written_in() {
        let refused = |said: &str| format!("- the issuer refuses the code: {said}");
        let down = |said: &str| format!("? the code cannot be exchanged: {said}");
        let html = "<html>no</html>";
        for (status, body, expected) in [
            (200, r#"{"id_token":"a.b.c"}"#, "a.b.c".to_owned()),
            (200, "{}", "- the issuer gave no id_token".to_owned()),
            (200, html, down("the answer is no JSON")),
            (
                400,
                r#"{"error":"invalid_grant"}"#,
                refused("invalid_grant"),
            ),
            (
                400,
                r#"{"id_token":"a.b.c"}"#,
                refused("400 without a word"),
            ),
            (400, "", refused("400 without a word")),
            (401, html, refused("401 without a word")),
            (404, r#"{"error":7}"#, refused("404 without a word")),
            (302, "", down("the answer is 302 Found")),
            (
                503,
                r#"{"error":"invalid_grant"}"#,
                down("the answer is 503 Service Unavailable"),
            ),
        ] {
            assert_eq!(told(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn only_words_go_into_the_log() {
        assert_eq!(word("invalid_grant"), "invalid_grant");
        let long = "a".repeat(61);
        for text in ["", "a\nb", "<script>", &long] {
            assert_eq!(word(text), "something else", "{text}");
        }
    }
}
