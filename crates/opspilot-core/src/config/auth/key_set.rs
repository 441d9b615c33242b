//! `auth.jwks`: where the public keys of another issuer are.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// `auth.jwks`: a JSON Web Key Set (RFC 7517), in a file or at an address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeySet {
    /// The file. Either this or `url`.
    pub file: Option<PathBuf>,
    /// The address: `https`, or `http` on this machine. Either this or `file`.
    pub url: Option<String>,
    /// Who issues the tokens that these keys sign. Default: `auth.jwtIssuer`.
    pub issuer: Option<String>,
}

impl KeySet {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let url = match (&self.file, &self.url) {
            (Some(_), None) => return Ok(()),
            (None, Some(url)) => url,
            (None, None) => return Err("names neither a file nor an address"),
            (Some(_), Some(_)) => return Err("names both a file and an address"),
        };
        if is_safe_url(url) {
            return Ok(());
        }
        Err("keys that come over plain HTTP can be exchanged on the way")
    }
}

/// True for `https`, and for `http` on this machine: nobody else can change what comes from there.
pub(super) fn is_safe_url(url: &str) -> bool {
    let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .filter_map(|start| url.strip_prefix(start))
        .any(|rest| rest.is_empty() || rest.starts_with([':', '/']));
    let is_secure = |rest: &str| !rest.is_empty() && !rest.starts_with(['/', ':']);
    // What stands before an `@` only looks like the host.
    !url.contains('@') && (is_local || url.strip_prefix("https://").is_some_and(is_secure))
}
