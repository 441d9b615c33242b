//! Requests to an issuer: one client with limits, and answers that are bounded before they are read.

use std::time::Duration;

use http_body_util::BodyExt as _;
use opspilot_core::error::chain;
use opspilot_core::module::RunError;

/// How long a request may take, from the look-up of the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that follows no redirects and shows nothing to a proxy.
///
/// # Errors
/// When it cannot be made; `key` is what needs it.
pub(super) fn client(key: &str) -> Result<reqwest::Client, RunError> {
    // It fails when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("opspilot/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| RunError::new(format!("cannot make an HTTP client for `{key}`"), error))
}

/// What stands at `url`, if that is at most `limit` bytes.
///
/// # Errors
/// Why it could not be had, in words.
pub(super) async fn fetch(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
) -> Result<Vec<u8>, String> {
    let (status, body) = send(client.get(url), limit).await?;
    match status.is_success() {
        true => Ok(body),
        false => Err(format!("the answer is {status}")),
    }
}

/// The status and the body, of at most `limit` bytes, of the answer to `request`.
///
/// # Errors
/// Why there is none, in words.
pub(super) async fn send(
    request: reqwest::RequestBuilder,
    limit: usize,
) -> Result<(reqwest::StatusCode, Vec<u8>), String> {
    let told = |error: reqwest::Error| chain(&error.without_url());
    let response = request.send().await.map_err(told)?;
    let status = response.status();
    let body = http_body_util::Limited::new(reqwest::Body::from(response), limit);
    let body = body.collect().await.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes().to_vec()))
}
