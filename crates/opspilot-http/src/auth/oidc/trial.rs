//! Asks the issuer once what it says of itself: for `check --online`.

use opspilot_core::config::{Auth, OidcProvider};
use opspilot_core::error::chain;
use opspilot_core::module::{Found, Trial, TrialContext};

use super::super::errand::Background;
use super::issuer::Directory;

/// Looks whether people could sign in at the issuer that `auth` names: whether it can be reached, calls itself as it is
/// called here, has safe addresses, and publishes a key that fits. Nobody signs in.
pub async fn trial(auth: &Auth, cx: &TrialContext) -> Vec<Trial> {
    match &auth.oidc {
        Some(config) => vec![cx.attempt(config.issuer.clone(), look(config, cx)).await],
        None => Vec::new(),
    }
}

async fn look(config: &OidcProvider, cx: &TrialContext) -> Found {
    let background = Background::on(cx.tasks.clone());
    let directory = Directory::new(&config.issuer, &background).map_err(|error| chain(&error))?;
    directory.issuer().await.map(|_| None)
}
