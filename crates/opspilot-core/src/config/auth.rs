//! The root section `auth`: who may do what.

mod oidc;

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, KeyPath, Origin};
use super::secret::Secret;
use super::span::parse_span;
use super::tree::Node;

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

    /// Says whether the configuration itself lets anybody in: by a key, by tokens, or by an identity provider.
    #[must_use]
    pub fn has_way_in(&self) -> bool {
        let signs = |secret: &Secret| !secret.is_empty();
        !self.api_keys.is_empty()
            || self.jwks.is_some()
            || self.oidc.is_some()
            || self.jwt_secret.as_ref().is_some_and(signs)
    }

    /// What is wrong between keys that are each right for themselves.
    pub(super) fn contradictions(&self, tree: &Node) -> Vec<Fault> {
        let mut faults = Faults {
            tree,
            found: Vec::new(),
        };
        if let Err(error) = parse_span(&self.jwt_expires_in) {
            faults.add(
                "jwtExpiresIn",
                &error.to_string(),
                "write `jwtExpiresIn: 8h`",
            );
        }
        if self.enabled {
            self.check_algorithms(&mut faults);
            self.check_names(&mut faults);
            if self.api_keys.iter().any(|key| key.key.is_empty()) {
                let way_out = "write a key, or remove the entry; `openssl rand -hex 32` makes one";
                faults.add("apiKeys", "a key is empty", way_out);
            }
        }
        if !self.enabled && !self.allowed_hosts.is_empty() {
            let message = "other names are answered only where credentials are asked for";
            faults.add(
                "allowedHosts",
                message,
                "remove the key, or set `auth.enabled: true`",
            );
        }
        if let Some(Err(message)) = self.jwks.as_ref().map(KeySet::check) {
            faults.add(
                "jwks",
                message,
                "write `file: keys.json` or `url: https://…` under `jwks`",
            );
        }
        if let Some(oidc) = &self.oidc {
            for (message, way_out) in oidc.faults() {
                faults.add("oidc", message, way_out);
            }
            if !self.enabled {
                let message = "nobody is asked to sign in while `auth.enabled` is false";
                faults.add(
                    "oidc",
                    message,
                    "set `auth.enabled: true`, or remove `oidc`",
                );
            }
        }
        faults.found
    }

    fn check_algorithms(&self, faults: &mut Faults<'_>) {
        let needs_set = |algorithm: &JwtAlgorithm| *algorithm != JwtAlgorithm::Hs256;
        if self.jwks.is_none() && self.algorithms.iter().any(needs_set) {
            let message =
                "`EdDSA`, `RS256` and `ES256` verify with public keys, and `auth.jwks` names none";
            faults.add(
                "algorithms",
                message,
                "write `algorithms: [HS256]`, or add `jwks`",
            );
        }
        if self.jwks.is_some() && !self.algorithms.iter().any(needs_set) {
            let message = "the keys of `auth.jwks` sign with none of these algorithms";
            faults.add("algorithms", message, "write `algorithms: [EdDSA, RS256]`");
        }
    }

    fn check_names(&self, faults: &mut Faults<'_>) {
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        let is_name = |name: &String| !name.is_empty() && name.chars().all(is_plain);
        if !self.allowed_hosts.iter().all(is_name) {
            let message = "a host is a name or an address, with a port or without";
            faults.add(
                "allowedHosts",
                message,
                "write `allowedHosts: [ops.example.org]`",
            );
        }
        for (key, value) in [
            ("jwtIssuer", &self.jwt_issuer),
            ("audience", &self.audience),
        ] {
            if value.is_empty() {
                faults.add(
                    key,
                    "is empty, so that any token would fit",
                    "remove the key",
                );
            }
        }
    }
}

impl KeySet {
    fn check(&self) -> Result<(), &'static str> {
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
fn is_safe_url(url: &str) -> bool {
    let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .filter_map(|start| url.strip_prefix(start))
        .any(|rest| rest.is_empty() || rest.starts_with([':', '/']));
    let is_secure = |rest: &str| !rest.is_empty() && !rest.starts_with(['/', ':']);
    // What stands before an `@` only looks like the host.
    !url.contains('@') && (is_local || url.strip_prefix("https://").is_some_and(is_secure))
}

struct Faults<'a> {
    tree: &'a Node,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, key: &str, message: &str, way_out: &str) {
        let path = ["auth", key];
        let place = self.tree.at(path).or_else(|| self.tree.at(["auth"]));
        let origin = place.map_or(Origin::Inline, |node| node.origin.clone());
        let fault = Fault::new(origin, KeyPath::of(path), message.to_owned());
        self.found.push(fault.help(way_out));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, KnownModules, load_text};

    fn faults(section: &str) -> Vec<String> {
        let text = format!("auth: {section}\n");
        let path = std::path::Path::new("a.yaml");
        let loaded = load_text(
            &text,
            path,
            &Environment::default(),
            &KnownModules::default(),
        );
        let Err(errors) = loaded else {
            return Vec::new();
        };
        let faults = errors.faults().iter();
        faults.map(|fault| fault.key_path.to_string()).collect()
    }

    #[test]
    fn keys_that_contradict_each_other_are_named() {
        let rows: &[(&str, &[&str])] = &[
            ("{enabled: true}", &[]),
            ("{jwtExpiresIn: soon}", &["auth.jwtExpiresIn"]),
            ("{enabled: true, algorithms: [RS256]}", &["auth.algorithms"]),
            (
                "{enabled: true, jwks: {file: a.json}}",
                &["auth.algorithms"],
            ),
            (
                "{enabled: true, jwks: {file: a.json}, algorithms: [EdDSA]}",
                &[],
            ),
            ("{jwks: {}}", &["auth.jwks"]),
            ("{jwks: {file: a, url: 'https://b'}}", &["auth.jwks"]),
            (
                "{jwks: {url: 'http://idp.example.org/keys'}}",
                &["auth.jwks"],
            ),
            (
                "{jwks: {url: 'http://127.0.0.1.evil.example/'}}",
                &["auth.jwks"],
            ),
            (
                "{jwks: {url: 'http://127.0.0.1:80@evil.example/'}}",
                &["auth.jwks"],
            ),
            ("{jwks: {url: 'http://127.0.0.1:8080/keys'}}", &[]),
            (
                "{enabled: true, allowedHosts: ['https://a']}",
                &["auth.allowedHosts"],
            ),
            (
                "{enabled: true, allowedHosts: [ops.example.org, 'ops:8443']}",
                &[],
            ),
            ("{allowedHosts: [ops.example.org]}", &["auth.allowedHosts"]),
            ("{enabled: true, audience: ''}", &["auth.audience"]),
            (
                "{enabled: true, apiKeys: [{label: a, key: '', role: viewer}]}",
                &["auth.apiKeys"],
            ),
            (
                "{enabled: true, algorithms: [none]}",
                &["auth.algorithms[0]"],
            ),
        ];
        for (section, expected) in rows {
            assert_eq!(faults(section), *expected, "{section}");
        }
    }

    #[test]
    fn a_provider_is_checked_before_anybody_signs_in() {
        let rows: &[(&str, &[&str])] = &[
            (
                "{enabled: true, oidc: {issuer: 'https://idp', clientId: a, defaultRole: viewer}}",
                &[],
            ),
            (
                "{oidc: {issuer: 'https://idp', clientId: a, defaultRole: viewer}}",
                &["auth.oidc"],
            ),
            (
                "{enabled: true, oidc: {issuer: 'http://idp.example.org', clientId: a, defaultRole: viewer}}",
                &["auth.oidc"],
            ),
            (
                "{enabled: true, oidc: {issuer: 'https://idp?x=1', clientId: a, clientSecret: '', scopes: [profile]}}",
                &["auth.oidc"; 4],
            ),
            (
                "{enabled: true, oidc: {issuer: 'https://idp', clientId: '', defaultRole: viewer}}",
                &["auth.oidc.clientId"],
            ),
            (
                "{enabled: true, oidc: {issuer: 'http://127.0.0.1:9000', clientId: a, roles: [{group: '', role: admin}]}}",
                &["auth.oidc.roles[0].group"],
            ),
            (
                "{enabled: true, oidc: {clientId: a, defaultRole: viewer}}",
                &["auth.oidc.issuer"],
            ),
            (
                "{enabled: true, oidc: {issuer: 'https://idp', clientId: a, defaultRole: boss}}",
                &["auth.oidc.defaultRole"],
            ),
        ];
        for (section, expected) in rows {
            assert_eq!(faults(section), *expected, "{section}");
        }
    }
}
