//! `auth.oidc`: people sign in at an identity provider (OpenID Connect Core 1.0).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Role;
use super::key_set::is_safe_url;
use crate::config::Secret;

/// The most groups of a person that are looked at.
const GROUPS: usize = 2_000;

/// `auth.oidc`: people sign in at an identity provider, with the flow of a code and PKCE.
///
/// Register `https://NAME/api/session/oidc/callback` there as the address to come back to, for each name of
/// `auth.allowedHosts` (with the `basePath` of `ui.api`), and `http://localhost:3000/api/session/oidc/callback` for this
/// machine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcProvider {
    /// Who issues identities, written exactly as the issuer does: `https`, or `http` on this machine.
    pub issuer: String,
    /// What this server is called there.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// The secret of a confidential client. Default none: a public client, which PKCE alone protects.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// What the button on the sign-in page names. Default `single sign-on`.
    #[serde(default = "button")]
    pub name: String,
    /// What is asked for. Default `[openid, profile]`.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// What people are called here, behind `oidc:`. Default `sub`, the one that never changes.
    #[serde(default)]
    pub subject_claim: SubjectClaim,
    /// The claim with the groups of a person, a text or a list of texts; dots lead into objects. Default `groups`.
    #[serde(default = "groups")]
    pub groups_claim: String,
    /// What members of groups may. The highest role counts. Default none.
    #[serde(default)]
    pub roles: Vec<GroupRole>,
    /// What people may who are in none of these groups. Default none: they are turned away.
    #[serde(default)]
    pub default_role: Option<Role>,
}

/// What members of a group may.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group, as the issuer names it.
    #[schemars(length(min = 1))]
    pub group: String,
    /// What its members may.
    pub role: Role,
}

/// What people are called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SubjectClaim {
    /// The issuer's own name for a person, which is never given to another.
    #[default]
    Sub,
    /// A name to read. An issuer that lets people choose it lets them choose who they are here.
    PreferredUsername,
    /// The address, where the issuer has verified it.
    Email,
}

fn button() -> String {
    "single sign-on".to_owned()
}

fn scopes() -> Vec<String> {
    vec!["openid".to_owned(), "profile".to_owned()]
}

fn groups() -> String {
    "groups".to_owned()
}

impl OidcProvider {
    /// The groups that matter here among those of a person, so that no more of them are kept.
    pub fn relevant<'g>(&self, groups: impl Iterator<Item = &'g str>) -> Vec<String> {
        let names = |group: &&str| self.roles.iter().any(|entry| entry.group == *group);
        let mut found: Vec<String> = groups
            .take(GROUPS)
            .filter(names)
            .map(str::to_owned)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What a member of `groups` may; `None` if nothing.
    #[must_use]
    pub fn role_of(&self, groups: &[String]) -> Option<Role> {
        let of_groups = self
            .roles
            .iter()
            .filter(|entry| groups.contains(&entry.group));
        let highest = of_groups.map(|entry| entry.role).max();
        highest.max(self.default_role)
    }

    /// What is wrong, with the key and the way out.
    pub(super) fn faults(&self) -> Vec<(&'static str, &'static str)> {
        let is_scope = |scope: &String| {
            let is_plain =
                |c: char| matches!(c, '\u{21}' | '\u{23}'..='\u{5b}' | '\u{5d}'..='\u{7e}');
            !scope.is_empty() && scope.chars().all(is_plain)
        };
        let rows = [
            (
                is_safe_url(&self.issuer) && !self.issuer.contains(['?', '#', ' ']),
                "`issuer` is an `https` address without a query (or `http` on this machine)",
                "write `issuer: https://idp.example.org`, as its discovery document has it",
            ),
            (
                self.client_secret
                    .as_ref()
                    .is_none_or(|secret| !secret.is_empty()),
                "`clientSecret` is empty",
                "write the secret, or remove the key for a public client",
            ),
            (
                self.scopes.iter().any(|scope| scope == "openid")
                    && self.scopes.iter().all(is_scope),
                "`scopes` are single words, and `openid` is one of them",
                "write `scopes: [openid, profile]`",
            ),
            (
                !self.groups_claim.is_empty(),
                "`groupsClaim` is empty",
                "remove the key",
            ),
            (
                !self.roles.is_empty() || self.default_role.is_some(),
                "nobody could come in: there are neither `roles` nor a `defaultRole`",
                "write `roles: [{group: ops, role: operator}]`",
            ),
            (
                !self.name.trim().is_empty() && self.name.chars().count() <= 60,
                "`name` has 1 to 60 characters",
                "remove the key",
            ),
        ];
        rows.into_iter()
            .filter(|(is_right, _, _)| !is_right)
            .map(|(_, message, way_out)| (message, way_out))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(roles: &[(&str, Role)], default_role: Option<Role>) -> OidcProvider {
        let text = r#"{ "issuer": "https://idp.example.org", "clientId": "ops" }"#;
        let mut provider: OidcProvider = serde_json::from_str(text).unwrap();
        let entry = |(group, role): &(&str, Role)| GroupRole {
            group: (*group).to_owned(),
            role: *role,
        };
        provider.roles = roles.iter().map(entry).collect();
        provider.default_role = default_role;
        provider
    }

    #[test]
    fn the_highest_role_of_a_persons_groups_counts() {
        let rows = [("ops", Role::Operator), ("sre", Role::Admin)];
        let of = |groups: &[&str], default| {
            let it = provider(&rows, default);
            let groups = it.relevant(groups.iter().copied());
            it.role_of(&groups)
        };
        assert_eq!(of(&["ops", "other"], None), Some(Role::Operator));
        assert_eq!(of(&["ops", "sre"], None), Some(Role::Admin));
        assert_eq!(of(&["OPS", "op"], None), None, "exactly");
        assert_eq!(of(&[], Some(Role::Viewer)), Some(Role::Viewer));
        assert_eq!(of(&["ops"], Some(Role::Viewer)), Some(Role::Operator));
    }

    #[test]
    fn only_groups_that_matter_are_kept_once() {
        let it = provider(&[("ops", Role::Operator)], None);
        let kept = it.relevant(["x", "ops", "ops", "y"].into_iter());
        assert_eq!(kept, ["ops"]);
    }
}
