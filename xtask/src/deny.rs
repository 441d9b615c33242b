//! Licences, banned crates and sources, as `deny.toml` says.
//!
//! cargo-deny does this where it is installed. Elsewhere the same three lists are read here, so
//! that a machine with only Rust checks them too.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::console::say;
use crate::process::{self, cargo, works};
use crate::steps::refuse;
use crate::workspace::{Workspace, list, strings, text};

/// Checks every crate in the lock file.
///
/// # Errors
/// If one is banned, comes from elsewhere, or has a licence that is not allowed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root = workspace.root.as_path();
    if works(root, "cargo deny --version") {
        say("Not checked: advisories (they need the network): `cargo deny check advisories`.");
        let line = "deny --all-features --locked check bans licenses sources";
        return process::run(&mut cargo(root, line));
    }
    say("Not checked: advisories and duplicates (cargo-deny is not installed).");
    let rules = Rules::parse(&std::fs::read_to_string(root.join("deny.toml"))?)?;
    let line = "metadata --format-version 1 --all-features --locked";
    let data: Value = serde_json::from_str(&process::output(&mut cargo(root, line))?)?;
    refuse(
        &rules.faults(list(&data, "packages")),
        "crates that deny.toml refuses",
    )
}

/// What `deny.toml` says, as far as it is checked here.
#[derive(Debug)]
struct Rules {
    licences: BTreeSet<String>,
    /// Licences that one crate may have besides.
    exceptions: BTreeSet<(String, String)>,
    banned: BTreeSet<String>,
    registries: BTreeSet<String>,
}

impl Rules {
    fn parse(file: &str) -> Result<Self> {
        let file: Value = toml::from_str(file).context("deny.toml")?;
        let set = |path: &str| {
            let found = file.pointer(path).map(strings).unwrap_or_default();
            found.into_iter().collect::<BTreeSet<_>>()
        };
        // A ban with `wrappers` is a home; `cargo xtask layers` looks after those.
        let bans = file.pointer("/bans/deny").and_then(Value::as_array);
        let banned = bans
            .into_iter()
            .flatten()
            .filter(|ban| ban.get("wrappers").is_none());
        let exceptions = file.pointer("/licenses/exceptions");
        let exceptions = exceptions.and_then(Value::as_array).into_iter().flatten();
        let exceptions = exceptions.flat_map(|exception| {
            let licences = exception.get("allow").map(strings).unwrap_or_default();
            let name = text(exception, "crate");
            licences
                .into_iter()
                .map(move |licence| (name.clone(), licence))
        });
        Ok(Self {
            licences: set("/licenses/allow"),
            exceptions: exceptions.collect(),
            banned: banned.map(|ban| text(ban, "crate")).collect(),
            registries: set("/sources/allow-registry"),
        })
    }

    fn faults(&self, packages: &[Value]) -> Vec<String> {
        let mut faults = Vec::new();
        for package in packages {
            let (name, version) = (text(package, "name"), text(package, "version"));
            let (licence, source) = (text(package, "license"), text(package, "source"));
            if self.banned.contains(&name) {
                faults.push(format!("{name} {version} is banned"));
            }
            let is_excepted = self.exceptions.contains(&(name.clone(), licence.clone()));
            if !is_excepted && !self.permits(&licence) {
                faults.push(format!("{name} {version}: licence `{licence}`"));
            }
            let registry = source.strip_prefix("registry+").unwrap_or(&source);
            if !source.is_empty() && !self.registries.contains(registry) {
                faults.push(format!("{name} {version}: from {source}"));
            }
        }
        faults
    }

    /// Whether an SPDX licence expression is met: one side of each `OR`, both of each `AND`.
    /// Source of the grammar: SPDX specification 2.3, annex D.
    fn permits(&self, expression: &str) -> bool {
        let spaced = expression
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut words = words.as_slice();
        let permitted = self.any(&mut words);
        permitted && words.is_empty()
    }

    fn any(&self, words: &mut &[&str]) -> bool {
        let mut permitted = self.all(words);
        while take(words, "OR") {
            permitted |= self.all(words);
        }
        permitted
    }

    fn all(&self, words: &mut &[&str]) -> bool {
        let mut permitted = self.one(words);
        while take(words, "AND") {
            permitted &= self.one(words);
        }
        permitted
    }

    fn one(&self, words: &mut &[&str]) -> bool {
        if take(words, "(") {
            return self.any(words) & take(words, ")");
        }
        let Some((licence, rest)) = words.split_first() else {
            return false;
        };
        *words = rest;
        if !take(words, "WITH") {
            return self.licences.contains(*licence);
        }
        let Some((exception, rest)) = words.split_first() else {
            return false;
        };
        *words = rest;
        self.licences
            .contains(&format!("{licence} WITH {exception}"))
    }
}

/// Takes `word` off the front, if it is there.
fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules() -> Rules {
        let file = "licenses.allow = ['MIT', 'Apache-2.0', 'Unicode-3.0', 'GPL-1.0 WITH x']\n\
                    licenses.exceptions = [{ crate = 'linked', allow = ['LGPL-2.1 WITH y'] }]\n\
                    bans.deny = [{ crate = 'openssl', reason = 'r' }, { crate = 'sqlx', wrappers = ['a'] }]\n\
                    sources.allow-registry = ['https://good']";
        Rules::parse(file).expect("valid TOML")
    }

    #[test]
    fn licence_expressions_are_read() {
        let allowed = |expression: &str| rules().permits(expression);
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/GPL-3.0",
            "(MIT OR X) AND Unicode-3.0",
            "GPL-1.0 WITH x",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT",
            "MIT MIT",
            "GPL-1.0",
            "MIT WITH x",
            "X OR Y AND MIT",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }

    #[test]
    fn refused_crates_are_named() {
        let package = |name: &str, licence: &str, source: &str| json!({"name": name, "version": "1", "license": licence, "source": source});
        let packages = [
            package("serde", "MIT", "registry+https://good"),
            json!({"name": "ours", "version": "1", "license": "MIT", "source": null}),
            package("openssl", "MIT", "registry+https://good"),
            package("sqlx", "MIT", "registry+https://good"),
            package("linked", "LGPL-2.1 WITH y", "registry+https://good"),
            package("copyleft", "GPL-3.0", "registry+https://good"),
            package("fork", "MIT", "git+https://elsewhere"),
        ];
        let expected = [
            "openssl 1 is banned",
            "copyleft 1: licence `GPL-3.0`",
            "fork 1: from git+https://elsewhere",
        ];
        assert_eq!(rules().faults(&packages), expected);
    }
}
