//! Rules: which action to propose for which incident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use opspilot_core::config::KeyPath;
use opspilot_core::incident::Incident;
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::ActionType;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value as Json};

use super::catalogue::{Prepared, Template};
use super::config::Rule;
use super::offered::Manual;

/// The fields of an incident that an argument may hold, besides `context.<key>`.
const FIELDS: [&str; 4] = ["detectedBy", "id", "severity", "title"];

/// The longest text that is taken from an incident, in bytes; a longer one is not cut, but not taken.
const LONGEST: usize = 4 * 1024;

/// A rule that was checked.
#[derive(Debug)]
pub(crate) struct Trigger {
    pub(crate) id: String,
    /// The name of the type of action.
    pub(crate) action_type: String,
    pub(crate) description: String,
    options: Rule,
    pattern: Option<Regex>,
}

/// The rules and the manual actions that they bring along.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) manual: BTreeMap<String, (String, String)>,
}

impl Rules {
    /// Checks `rules`, which stand at `actions`, against the catalogue.
    ///
    /// # Errors
    /// Every fault of every rule.
    pub(crate) fn parse(rules: &[Rule], catalogue: &[Prepared]) -> Result<Self, BuildError> {
        let (mut parsed, mut faults, mut ids) = (Self::default(), Vec::new(), BTreeSet::new());
        for (at, rule) in rules.iter().enumerate() {
            let path = KeyPath::of(["actions"]).with_index(at);
            if rule.id.is_empty() || !ids.insert(rule.id.as_str()) {
                faults.push(BuildError::option(
                    path.with_key("id"),
                    "must be a name that no other rule has",
                ));
            }
            faults.extend(check_trigger(rule, &path));
            let entry = catalogue
                .iter()
                .find(|entry| entry.name == rule.action_type);
            let fault = match entry {
                Some(entry) => check_arguments(rule, entry, &path),
                None => check_manual(rule, catalogue, &path).into_iter().collect(),
            };
            faults.extend(fault);
            // Switched-off rules are checked like the others, and then left out.
            if rule.enabled {
                let name = match entry {
                    Some(_) => rule.action_type.clone(),
                    None => parsed.add_manual(rule),
                };
                parsed.triggers.push(Trigger::new(rule, name));
            }
        }
        BuildError::join(faults).map_or(Ok(parsed), Err)
    }

    /// The manual actions as types of action, by name.
    pub(crate) fn manual_types(&self) -> impl Iterator<Item = (String, Arc<dyn ActionType>)> {
        self.manual.iter().map(|(name, (description, text))| {
            let manual = Manual {
                description: description.clone(),
                text: text.clone(),
            };
            (name.clone(), Arc::new(manual) as Arc<dyn ActionType>)
        })
    }

    /// Adds what a person does by hand and gives it a name: the rule's type of action, or, if that already means
    /// something else, that and the rule's name.
    fn add_manual(&mut self, rule: &Rule) -> String {
        let text = rule.command.as_ref().unwrap_or(&rule.description).clone();
        let known = self.manual.get(&rule.action_type);
        let name = match known.is_none_or(|(_, known)| *known == text) {
            true => rule.action_type.clone(),
            false => format!("{}:{}", rule.action_type, rule.id),
        };
        self.manual
            .entry(name.clone())
            .or_insert_with(|| (rule.description.clone(), text));
        name
    }
}

impl Trigger {
    fn new(rule: &Rule, action_type: String) -> Self {
        Self {
            id: rule.id.clone(),
            action_type,
            description: rule.description.clone(),
            pattern: rule
                .trigger_pattern
                .as_deref()
                .and_then(|pattern| compile(pattern).ok()),
            options: rule.clone(),
        }
    }

    /// True if the action may help with `incident`.
    pub(crate) fn matches(&self, incident: &Incident) -> bool {
        self.options.trigger_severity.contains(&incident.severity)
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&incident.title))
    }

    /// The arguments whose text comes from a log line.
    pub(crate) fn evidence(&self) -> Vec<String> {
        let arguments = self.options.arguments.iter();
        let found = arguments.filter(|(_, value)| is_from_evidence(value));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// The arguments for `incident`; the type of action checks them.
    ///
    /// # Errors
    /// The field that the incident has not, or that is too long.
    pub(crate) fn arguments(&self, incident: &Incident) -> Result<Map<String, Json>, String> {
        let arguments = self.options.arguments.iter();
        arguments
            .map(|(name, value)| Ok((name.clone(), fill(value, incident)?)))
            .collect()
    }
}

/// True if an argument holds what somebody outside may have written.
fn is_from_evidence(value: &Json) -> bool {
    let template = Template::parse(value.as_str().unwrap_or_default());
    template
        .names()
        .iter()
        .any(|name| *name == "title" || name.starts_with("context."))
}

/// `value` with what `incident` has for its placeholders; a text that is one placeholder keeps the type of what it is.
fn fill(value: &Json, incident: &Incident) -> Result<Json, String> {
    let Some(text) = value.as_str() else {
        return Ok(value.clone());
    };
    let template = Template::parse(text);
    if let Some(name) = template.only() {
        return field(incident, name);
    }
    let mut values = BTreeMap::new();
    for name in template.names() {
        let found = field(incident, name)?;
        let text = found
            .as_str()
            .map_or_else(|| found.to_string(), str::to_owned);
        values.insert(name.to_owned(), super::catalogue::Value::Text(text));
    }
    Ok(Json::from(template.render(&values)))
}

/// What `incident` has for a placeholder.
fn field(incident: &Incident, name: &str) -> Result<Json, String> {
    let found = match name {
        "id" => Some(Json::from(incident.id.to_string())),
        "title" => Some(Json::from(incident.title.as_str())),
        "severity" => Some(Json::from(incident.severity.as_str())),
        "detectedBy" => Some(Json::from(incident.detected_by.as_str())),
        _ => name
            .strip_prefix("context.")
            .and_then(|key| incident.context.get(key))
            .cloned(),
    };
    match found {
        Some(Json::String(text)) if text.len() > LONGEST => {
            Err(format!("`{name}` is too long to be an argument"))
        }
        Some(found @ (Json::String(_) | Json::Number(_))) => Ok(found),
        Some(_) => Err(format!("`{name}` is neither text nor number")),
        None => Err(format!("the incident has no `{name}`")),
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(1 << 20)
        .build()
}

fn check_trigger(rule: &Rule, path: &KeyPath) -> Vec<BuildError> {
    let mut faults = Vec::new();
    if rule.trigger_severity.is_empty() {
        faults.push(BuildError::option(
            path.with_key("triggerSeverity"),
            "must list at least one severity",
        ));
    }
    if let Some(Err(error)) = rule.trigger_pattern.as_deref().map(compile) {
        let message = format!("not a regular expression: {error}");
        faults.push(BuildError::option(path.with_key("triggerPattern"), message));
    }
    faults
}

fn check_arguments(rule: &Rule, entry: &Prepared, path: &KeyPath) -> Vec<BuildError> {
    let mut faults = Vec::new();
    if rule.command.is_some() {
        let message = format!(
            "is for actions that a person does; `{}` is in the catalogue: remove it",
            entry.name
        );
        faults.push(BuildError::option(path.with_key("command"), message));
    }
    let path = path.with_key("arguments");
    let given: BTreeSet<&str> = rule.arguments.keys().map(String::as_str).collect();
    let needed: BTreeSet<&str> = entry.parameters.names().collect();
    for missing in needed.difference(&given) {
        let message = format!("is missing: `{}` needs it", entry.name);
        faults.push(BuildError::option(path.with_key(missing), message));
    }
    for extra in given.difference(&needed) {
        let message = format!("`{}` has no such parameter", entry.name);
        faults.push(BuildError::option(path.with_key(extra), message));
    }
    let mut are_fixed = true;
    for (name, value) in &rule.arguments {
        let template = Template::parse(value.as_str().unwrap_or_default());
        are_fixed &= template.is_fixed();
        for unknown in template.names() {
            if !FIELDS.contains(&unknown) && !unknown.starts_with("context.") {
                let message = format!(
                    "an incident has no `{unknown}`: use {} or context.<key>",
                    FIELDS.join(", ")
                );
                faults.push(BuildError::option(path.with_key(name), message));
            }
        }
    }
    if faults.is_empty() && are_fixed {
        let checked = entry.parameters.check(&rule.arguments);
        faults.extend(
            checked
                .err()
                .map(|error| BuildError::option(path, error.to_string())),
        );
    }
    faults
}

/// A misspelt name must not turn into something that a person does.
fn check_manual(rule: &Rule, catalogue: &[Prepared], path: &KeyPath) -> Option<BuildError> {
    let is_meant = rule.command.is_some() || catalogue.is_empty();
    if is_meant && rule.arguments.is_empty() {
        return None;
    }
    let message = format!(
        "there is no action `{}` in the catalogue: add it, or say in `command` what a person does",
        rule.action_type
    );
    Some(BuildError::option(path.with_key("actionType"), message))
}
