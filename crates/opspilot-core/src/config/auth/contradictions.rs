//! What is wrong between the keys of `auth` that are each right for themselves.

use super::super::fault::{Fault, KeyPath, Origin};
use super::super::span::parse_span;
use super::super::tree::Node;
use super::{Auth, JwtAlgorithm, KeySet};
use crate::address::network;

impl Auth {
    /// What is wrong between keys that are each right for themselves.
    pub(in crate::config) fn contradictions(&self, tree: &Node) -> Vec<Fault> {
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
        self.check_proxies(&mut faults);
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

    fn check_proxies(&self, faults: &mut Faults<'_>) {
        for name in &self.trusted_proxies {
            if let Err(error) = network(name) {
                let message = format!("`{name}` is {error}");
                faults.add(
                    "trustedProxies",
                    &message,
                    "write `trustedProxies: [127.0.0.1]`",
                );
            }
        }
        if !self.enabled && !self.trusted_proxies.is_empty() {
            let message = "other machines are answered only where credentials are asked for";
            let way_out = "remove the key, or set `auth.enabled: true`";
            faults.add("trustedProxies", message, way_out);
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
