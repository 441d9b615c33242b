//! A JSON body with places for values.

use std::collections::BTreeSet;

use opspilot_core::module::BuildError;
use serde_json::Value as Json;

use crate::safe::catalogue::{Template, Values};
use crate::safe::deed::Site;

/// A JSON value whose strings may hold values.
///
/// The template is parsed as JSON first and the values are put into its strings then: no value can end its string, add a
/// member or change the shape of the body.
#[derive(Debug, Clone)]
pub(super) struct Body(Json);

impl Body {
    /// Checks the option `body` of `site`.
    ///
    /// # Errors
    /// When it is not JSON, or a value stands outside of a string.
    pub(super) fn parse(text: &str, site: &Site<'_>) -> Result<Self, BuildError> {
        let json = serde_json::from_str(text).map_err(|error| {
            site.fault(
                "body",
                format!(
                    "not JSON ({error}); values stand within its strings, also numbers: \"{{n}}\""
                ),
            )
        })?;
        let body = Self(json);
        let mut faults = Vec::new();
        for text in strings(&body.0) {
            faults.extend(site.check(&Template::parse(text), &site.path.with_key("body")));
        }
        if has_key_with_value(&body.0) {
            faults.push(site.fault("body", "a value cannot stand in the name of a member"));
        }
        BuildError::join(faults).map_or(Ok(body), Err)
    }

    /// The parameters that it uses.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let templates: Vec<_> = strings(&self.0).into_iter().map(Template::parse).collect();
        crate::safe::deed::owned(&templates)
    }

    /// The body with its values.
    pub(super) fn render(&self, values: &Values) -> String {
        fill(&self.0, values).to_string()
    }
}

fn fill(json: &Json, values: &Values) -> Json {
    match json {
        Json::String(text) => {
            let template = Template::parse(text);
            let number = template.only().and_then(|name| values.get(name));
            number.map_or_else(
                || Json::from(template.render(values)),
                crate::safe::catalogue::Value::to_json,
            )
        }
        Json::Array(items) => items.iter().map(|item| fill(item, values)).collect(),
        Json::Object(members) => {
            let members = members.iter();
            Json::Object(
                members
                    .map(|(name, value)| (name.clone(), fill(value, values)))
                    .collect(),
            )
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
    }
}

fn strings(json: &Json) -> Vec<&str> {
    match json {
        Json::String(text) => vec![text],
        Json::Array(items) => items.iter().flat_map(strings).collect(),
        Json::Object(members) => members.values().flat_map(strings).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

fn has_key_with_value(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().any(has_key_with_value),
        Json::Object(members) => members
            .iter()
            .any(|(name, value)| !Template::parse(name).is_fixed() || has_key_with_value(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}
