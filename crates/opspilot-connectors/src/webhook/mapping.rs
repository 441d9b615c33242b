//! Any JSON, by mappings of the configuration.

use std::collections::BTreeMap;

use opspilot_core::clock::Timestamp;
use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use serde_json::Value;

use super::config::{As, MapConfig};
use super::severities::Severities;
use super::signal::{Fault, SIGNALS, Signal, TEXT, TITLE, Which, bounded};
use super::template::{Place, Scope, Template};

/// One mapping, compiled.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    items: Place,
    when: Vec<(Place, Vec<String>)>,
    resolved_when: Vec<(Place, Vec<String>)>,
    kind: As,
    identity: Template,
    starts_at: Option<Place>,
    title: Template,
    description: Template,
    line: Template,
    severity: Option<Place>,
    severities: Severities,
    attributes: Vec<(String, Place)>,
}

/// Collects what is wrong with one mapping.
struct Faults<'a> {
    at: &'a KeyPath,
    found: Vec<BuildError>,
}

impl Faults<'_> {
    fn keep<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|message| self.add(key, message)).ok()
    }

    fn add(&mut self, key: &str, message: impl Into<String>) {
        let path = self.at.clone().with_key(key);
        self.found.push(BuildError::option(path, message));
    }
}

impl Mapping {
    /// Compiles a mapping whose options are `at`.
    pub(super) fn new(config: &MapConfig, at: &KeyPath) -> Result<Self, BuildError> {
        let mut faults = Faults {
            at,
            found: Vec::new(),
        };
        let template = |faults: &mut Faults<'_>, key: &str, text: &Option<String>| {
            let read = Template::parse(text.as_deref().unwrap_or_default());
            faults.keep(key, read)
        };
        match config.kind {
            As::Incident => {
                for (key, text) in [("identity", &config.identity), ("title", &config.title)] {
                    if text.as_deref().is_none_or(str::is_empty) {
                        faults.add(key, "an incident needs it");
                    }
                }
            }
            As::Log if config.line.as_deref().is_none_or(str::is_empty) => {
                faults.add("line", "a log record needs it");
            }
            As::Log => {}
        }
        let parts = (
            faults.keep("items", Place::parse(&config.items)),
            conditions(&mut faults, "when", &config.when),
            conditions(&mut faults, "resolvedWhen", &config.resolved_when),
            template(&mut faults, "identity", &config.identity),
            template(&mut faults, "title", &config.title),
            template(&mut faults, "description", &config.description),
            template(&mut faults, "line", &config.line),
            place(&mut faults, "startsAt", config.starts_at.as_deref()),
            place(&mut faults, "severity", config.severity.as_deref()),
            attributes(&mut faults, &config.attributes),
        );
        if let Some(error) = BuildError::join(faults.found) {
            return Err(error);
        }
        let (
            Some(items),
            when,
            resolved_when,
            Some(identity),
            Some(title),
            Some(description),
            Some(line),
            starts_at,
            severity,
            attributes,
        ) = parts
        else {
            return Err(BuildError::option(at.clone(), "cannot be used"));
        };
        Ok(Self {
            items,
            when,
            resolved_when,
            kind: config.kind,
            identity,
            starts_at,
            title,
            description,
            line,
            severity,
            severities: Severities::new(&config.severities, config.default_severity),
            attributes,
        })
    }

    /// Adds what the mapping makes of `body`.
    pub(super) fn read(&self, body: &Value, out: &mut Vec<Signal>) -> Result<(), Fault> {
        let whole = Scope { item: body, body };
        let pointer = self.items.pointer();
        let items = match self.items.find(whole) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => {
                return Err(Fault::new(
                    pointer,
                    "there is nothing; the mapping's `items` point there",
                ));
            }
        };
        let is_list = self.items.find(whole).is_some_and(Value::is_array);
        for (index, item) in items.iter().enumerate() {
            let scope = Scope { item, body };
            if !holds(&self.when, scope) {
                continue;
            }
            if out.len() >= SIGNALS {
                let message = format!("makes more than {SIGNALS} signals");
                return Err(Fault::new(pointer, message));
            }
            let place = if is_list {
                format!("{pointer}/{index}")
            } else {
                pointer.to_owned()
            };
            out.push(self.signal(scope, &place)?);
        }
        Ok(())
    }

    fn signal(&self, scope: Scope<'_>, place: &str) -> Result<Signal, Fault> {
        let attributes = self.attributes.iter().filter_map(|(name, place)| {
            let value = place.find(scope)?;
            Some((name.clone(), value.clone()))
        });
        let attributes = bounded(attributes.collect());
        if self.kind == As::Log {
            let text = self.line.render(scope, TEXT);
            return Ok(Signal::Line { text, attributes });
        }
        if let Some(missing) = self.identity.missing(scope) {
            let place = format!("{place}{}", missing.pointer());
            return Err(Fault::new(
                place,
                "there is nothing, and it names the incident",
            ));
        }
        let which = Which::new(
            &self.identity.render(scope, TEXT),
            self.starts_at(scope, place)?,
        );
        if !self.resolved_when.is_empty() && holds(&self.resolved_when, scope) {
            let reason = "the sender says that it is resolved".to_owned();
            return Ok(Signal::Resolved { which, reason });
        }
        let word = self
            .severity
            .as_ref()
            .and_then(|place| place.text(scope, 100));
        Ok(Signal::Firing {
            which,
            severity: self.severities.of(word.as_deref()),
            title: self.title.render(scope, TITLE),
            description: self.description.render(scope, TEXT),
            attributes,
        })
    }

    fn starts_at(&self, scope: Scope<'_>, place: &str) -> Result<Option<Timestamp>, Fault> {
        let Some(starts_at) = &self.starts_at else {
            return Ok(None);
        };
        let fault = || {
            let place = format!("{place}{}", starts_at.pointer());
            Fault::new(
                place,
                "is neither an RFC 3339 time nor a number of seconds or milliseconds",
            )
        };
        let moment = match starts_at.find(scope) {
            None => return Ok(None),
            Some(Value::String(text)) => Timestamp::parse(text).ok(),
            Some(Value::Number(number)) => number.as_f64().map(moment),
            Some(_) => None,
        };
        moment.map(Some).ok_or_else(fault)
    }
}

/// A Unix time in seconds, or in milliseconds if it would lie beyond the year 5138 otherwise.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond the range saturates"
)]
fn moment(number: f64) -> Timestamp {
    let millis = if number.abs() >= 1e11 {
        number
    } else {
        number * 1_000.0
    };
    Timestamp::from_millis(millis as i64)
}

/// All of them hold, each by one of its words.
fn holds(conditions: &[(Place, Vec<String>)], scope: Scope<'_>) -> bool {
    conditions.iter().all(|(place, words)| {
        let text = place.text(scope, 1_000);
        text.is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(&text)))
    })
}

fn conditions(
    faults: &mut Faults<'_>,
    key: &str,
    conditions: &BTreeMap<String, Vec<String>>,
) -> Vec<(Place, Vec<String>)> {
    let mut compiled = Vec::new();
    for (pointer, words) in conditions {
        if words.is_empty() {
            faults.add(key, format!("`{pointer}` has no values to compare with"));
        }
        let place = faults.keep(key, Place::parse(pointer));
        compiled.extend(place.map(|place| (place, words.clone())));
    }
    compiled
}

fn place(faults: &mut Faults<'_>, key: &str, pointer: Option<&str>) -> Option<Place> {
    faults.keep(key, Place::parse(pointer?))
}

fn attributes(
    faults: &mut Faults<'_>,
    attributes: &BTreeMap<String, String>,
) -> Vec<(String, Place)> {
    let mut compiled = Vec::new();
    for (name, pointer) in attributes {
        let place = faults.keep("attributes", Place::parse(pointer));
        compiled.extend(place.map(|place| (name.clone(), place)));
    }
    compiled
}
