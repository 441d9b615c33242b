//! What the options of detectors with rules have in common.

use std::collections::HashSet;

use opspilot_core::config::{ConfigErrors, KeyPath, ModuleOptions};
use opspilot_core::module::BuildError;
use serde_json::{Map, Value};

use crate::cap::MAX_PER_MINUTE;
use crate::matcher::{Flags, MAX_PATTERNS, Pattern};

/// The path of the rule at `index`.
pub(crate) fn at(index: usize) -> KeyPath {
    KeyPath::of(["rules"]).with_index(index)
}

/// What is wrong with the number of rules and their ids.
pub(crate) fn faults<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<BuildError> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    let mut count = 0;
    for (index, id) in ids.enumerate() {
        count += 1;
        if id.is_empty() {
            faults.push(BuildError::option(
                at(index).with_key("id"),
                "must not be empty",
            ));
        } else if !seen.insert(id) {
            let message = format!("another rule is called `{id}`: give each its own id");
            faults.push(BuildError::option(at(index).with_key("id"), message));
        }
    }
    if count > MAX_PATTERNS {
        let message = format!("has {count} rules; at most {MAX_PATTERNS} are allowed");
        faults.push(BuildError::option(KeyPath::of(["rules"]), message));
    }
    faults
}

/// A fault of the module's option `key`.
pub(crate) fn fault(key: &str, error: impl std::fmt::Display) -> BuildError {
    BuildError::option(KeyPath::of([key]), error.to_string())
}

/// What is wrong with the cap.
pub(crate) fn cap_fault(per_minute: u32) -> Option<BuildError> {
    let message = || format!("is above {MAX_PER_MINUTE}: write 0 for no cap");
    let path = || KeyPath::of(["maxIncidentsPerMinute"]);
    (per_minute > MAX_PER_MINUTE).then(|| BuildError::option(path(), message()))
}

/// A fault for each of the texts of the rule at `index` that is empty.
pub(crate) fn empty(index: usize, texts: &[(&str, &str)]) -> Vec<BuildError> {
    let empty = texts.iter().filter(|(_, text)| text.is_empty());
    empty
        .map(|(key, _)| BuildError::option(at(index).with_key(key), "must not be empty"))
        .collect()
}

/// The rule at `index` of `rules`.
pub(crate) fn chosen<'r, R>(
    rules: &'r [R],
    index: usize,
    options: &ModuleOptions,
) -> Result<&'r R, ConfigErrors> {
    let missing = || options.fault(&at(index), "there is no such rule");
    Ok(rules.get(index).ok_or_else(missing)?)
}

/// The options of `pairs` that are there, for a description of a rule.
pub(crate) fn described<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let there = pairs.into_iter().filter(|(_, value)| !value.is_null());
    there.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Compiles the pattern under `key` of the rule at `index`.
pub(crate) fn compile(
    index: usize,
    (key, pattern): (&str, &str),
    flags: &str,
) -> Result<Pattern, BuildError> {
    let refuse = |key: &str, error: crate::matcher::PatternError| {
        BuildError::option(at(index).with_key(key), error.to_string())
    };
    let flags = Flags::parse(flags).map_err(|error| refuse("flags", error))?;
    Pattern::compile(pattern, flags).map_err(|error| refuse(key, error))
}
