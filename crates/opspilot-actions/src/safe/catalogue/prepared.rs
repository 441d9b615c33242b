//! Entries that were checked whole.

use std::collections::{BTreeMap, BTreeSet};

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use opspilot_core::safety::action::Digest;
use serde_json::{Map, Value as Json};

use super::argument::{Parameters, Values};
use super::options::{Compensation, Entry, Run};
use super::template::Template;
use crate::safe::deed::{Deed, Site, command, http, kubernetes, systemd};
use crate::safe::verification::Verification;

/// An entry of the catalogue, ready to be planned and done.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) options: Entry,
    pub(crate) parameters: Parameters,
    pub(crate) deed: Box<dyn Deed>,
    pub(crate) verification: Option<Verification>,
    pub(crate) recipe: Digest,
}

/// Checks every entry of `options`, which stands at `path`; touches nothing.
///
/// # Errors
/// Every fault of every entry.
pub(crate) fn prepare(
    options: &BTreeMap<String, Entry>,
    path: &KeyPath,
) -> Result<Vec<Prepared>, BuildError> {
    let (mut prepared, mut faults) = (Vec::new(), Vec::new());
    for (name, entry) in options {
        match Prepared::parse(name, entry, &path.with_key(name)) {
            Ok(entry) => prepared.push(entry),
            Err(fault) => faults.push(fault),
        }
    }
    for entry in &prepared {
        let path = path.with_key(&entry.name).with_key("compensation");
        if let Some(compensation) = &entry.options.compensation {
            faults.extend(check_compensation(
                entry,
                compensation,
                (&prepared, options),
                &path,
            ));
        }
    }
    BuildError::join(faults).map_or(Ok(prepared), Err)
}

impl Prepared {
    fn parse(name: &str, options: &Entry, path: &KeyPath) -> Result<Self, BuildError> {
        let mut faults = Vec::new();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            let message = "an action's name is 1 to 64 letters, digits, `-`, `_` and `.`";
            faults.push(BuildError::option(path.clone(), message));
        }
        faults.extend(check_policy(options, &path.with_key("policy")));
        let parameters = Parameters::parse(&options.parameters, &path.with_key("parameters"));
        let parameters = match parameters {
            Ok(parameters) => parameters,
            Err(fault) => {
                faults.push(fault);
                return Err(BuildError::join(faults).unwrap_or_else(|| unreadable(path)));
            }
        };
        let site = |key| Site {
            path: path.with_key(key),
            parameters: &parameters,
        };
        let deed = parse_deed(&options.run, &site("run"))
            .map_err(|fault| faults.push(fault))
            .ok();
        let check = options.post_condition.as_ref();
        let verification = check.map(|check| Verification::parse(check, &site("postCondition")));
        let verification = verification
            .transpose()
            .map_err(|fault| faults.push(fault))
            .ok()
            .flatten();
        if let Some(deed) = &deed {
            let mut used = deed.names();
            used.extend(verification.iter().flat_map(Verification::names));
            faults.extend(unused(options, &parameters, used, path));
        }
        match (BuildError::join(faults), deed) {
            (None, Some(deed)) => Ok(Self {
                name: name.to_owned(),
                options: options.clone(),
                recipe: options.recipe(),
                parameters,
                deed,
                verification,
            }),
            (fault, _) => Err(fault.unwrap_or_else(|| unreadable(path))),
        }
    }

    /// What to propose when it did not help.
    pub(crate) fn compensation(&self, values: &Values) -> Option<(String, Map<String, Json>)> {
        let compensation = self.options.compensation.as_ref()?;
        let arguments = compensation.arguments.iter();
        let arguments = arguments.map(|(name, value)| (name.clone(), fill(value, values)));
        Some((compensation.action.clone(), arguments.collect()))
    }
}

fn unreadable(path: &KeyPath) -> BuildError {
    BuildError::option(path.clone(), "cannot be used")
}

fn parse_deed(run: &Run, site: &Site<'_>) -> Result<Box<dyn Deed>, BuildError> {
    Ok(match run {
        Run::Command(options) => Box::new(command::Program::parse(options, site)?),
        Run::Systemd(options) => Box::new(systemd::Unit::parse(options, site)?),
        Run::Http(options) => Box::new(http::Request::parse(options, site)?),
        Run::Kubernetes(options) => kubernetes::parse(options, site)?,
    })
}

fn check_policy(options: &Entry, path: &KeyPath) -> Vec<BuildError> {
    let policy = &options.policy;
    let checks = [
        ("approvers", u32::from(policy.approvers), 5),
        ("maxAgeMinutes", policy.max_age_minutes, 10_080),
        ("tokenMinutes", policy.token_minutes, 60),
    ];
    let wrong = checks
        .into_iter()
        .filter(|(_, value, max)| !(1..=*max).contains(value));
    wrong
        .map(|(key, _, max)| {
            BuildError::option(path.with_key(key), format!("must be from 1 to {max}"))
        })
        .collect()
}

/// Parameters that are asked for and change nothing: a person who approves would be misled.
fn unused(
    options: &Entry,
    parameters: &Parameters,
    mut used: BTreeSet<String>,
    path: &KeyPath,
) -> Vec<BuildError> {
    let compensation = options
        .compensation
        .iter()
        .flat_map(|other| other.arguments.values());
    for value in compensation.filter_map(Json::as_str) {
        used.extend(
            Template::parse(value)
                .names()
                .into_iter()
                .map(str::to_owned),
        );
    }
    let unused = parameters.names().filter(|name| !used.contains(*name));
    unused
        .map(|name| {
            let path = path.with_key("parameters").with_key(name);
            BuildError::option(
                path,
                format!("is not used: write `{{{name}}}` where it belongs, or remove it"),
            )
        })
        .collect()
}

/// A compensation names another entry and gives it what it needs.
fn check_compensation(
    entry: &Prepared,
    compensation: &Compensation,
    (prepared, options): (&[Prepared], &BTreeMap<String, Entry>),
    path: &KeyPath,
) -> Vec<BuildError> {
    let fault = |path: KeyPath, message: String| vec![BuildError::option(path, message)];
    let name = &compensation.action;
    if *name == entry.name {
        return fault(path.with_key("action"), "is the action itself".to_owned());
    }
    let Some(other) = prepared.iter().find(|other| other.name == *name) else {
        // One that has faults of its own is named there.
        let message = format!("there is no action `{name}` in the catalogue");
        return if options.contains_key(name) {
            Vec::new()
        } else {
            fault(path.with_key("action"), message)
        };
    };
    let path = path.with_key("arguments");
    let mut faults = Vec::new();
    let given: BTreeSet<&str> = compensation.arguments.keys().map(String::as_str).collect();
    let needed: BTreeSet<&str> = other.parameters.names().collect();
    for missing in needed.difference(&given) {
        faults.extend(fault(
            path.with_key(missing),
            format!("is missing: `{name}` needs it"),
        ));
    }
    for extra in given.difference(&needed) {
        faults.extend(fault(
            path.with_key(extra),
            format!("`{name}` has no such parameter"),
        ));
    }
    for (key, value) in &compensation.arguments {
        let template = Template::parse(value.as_str().unwrap_or_default());
        let own: BTreeSet<&str> = entry.parameters.names().collect();
        for unknown in template.names().difference(&own) {
            faults.extend(fault(
                path.with_key(key),
                format!("there is no parameter `{unknown}`"),
            ));
        }
    }
    let is_fixed = |value: &Json| {
        value
            .as_str()
            .is_none_or(|text| Template::parse(text).is_fixed())
    };
    if faults.is_empty()
        && compensation.arguments.values().all(is_fixed)
        && let Err(error) = other.parameters.check(&compensation.arguments)
    {
        faults.extend(fault(path, error.to_string()));
    }
    faults
}

/// `value` with the values of its placeholders; a text that is one placeholder keeps the value's type.
pub(crate) fn fill(value: &Json, values: &Values) -> Json {
    let Some(text) = value.as_str() else {
        return value.clone();
    };
    let template = Template::parse(text);
    match template.only().and_then(|name| values.get(name)) {
        Some(value) => value.to_json(),
        None => Json::from(template.render(values)),
    }
}
