//! Routes, compiled, and their tests.

use std::collections::HashSet;
use std::sync::Arc;

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use opspilot_net::{HeaderMap, HeaderName};
use serde_json::Value;

use super::auth::Guard;
use super::config::{BodyTest, Config, Expected, ExpectedKind, Format, RouteConfig};
use super::mapping::Mapping;
use super::severities::Severities;
use super::signal::{Fault, Reading, Signal};
use super::{alerts, github};

/// One path, and what is delivered there.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) id: Arc<str>,
    pub(super) path: String,
    pub(super) guard: Guard,
    pub(super) auto_resolve_ms: Option<u64>,
    pub(super) format: Format,
    delivery_id: Option<HeaderName>,
    severities: Severities,
    severity_label: String,
    mappings: Vec<Mapping>,
    tests: Vec<BodyTest>,
}

/// Compiles all routes, or names every fault.
pub(super) fn compile(config: &Config) -> Result<Vec<Arc<Route>>, BuildError> {
    let mut faults = Vec::new();
    let mut routes = Vec::new();
    let (mut ids, mut paths) = (HashSet::new(), HashSet::new());
    for (index, route) in config.routes.iter().enumerate() {
        let at = at(index);
        let fault =
            |key: &str, message: String| BuildError::option(at.clone().with_key(key), message);
        if !ids.insert(route.id.as_str()) {
            let message = format!(
                "another route is called `{}`: give each its own id",
                route.id
            );
            faults.push(fault("id", message));
        }
        if !paths.insert(route.path.as_str()) {
            let message = format!(
                "another route has the path `{}`: give each its own",
                route.path
            );
            faults.push(fault("path", message));
        }
        match Route::new(route, &at) {
            Ok(route) => routes.push(Arc::new(route)),
            Err(error) => faults.push(error),
        }
    }
    BuildError::join(faults).map_or(Ok(routes), Err)
}

fn at(index: usize) -> KeyPath {
    KeyPath::of(["routes"]).with_index(index)
}

impl Route {
    fn new(config: &RouteConfig, at: &KeyPath) -> Result<Self, BuildError> {
        let mut faults = Vec::new();
        let fault =
            |key: &str, message: &str| BuildError::option(at.clone().with_key(key), message);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if config.id.is_empty() || config.id.len() > 60 || !config.id.chars().all(is_plain) {
            let message = "must be 1 to 60 letters, digits, `-`, `_` or `.`";
            faults.push(fault("id", message));
        }
        let is_path = |c: char| is_plain(c) || matches!(c, '~' | '/');
        if !config.path.starts_with('/') || !config.path.chars().all(is_path) {
            let message = "must be `/` and letters, digits, `-`, `_`, `.`, `~` or `/`";
            faults.push(fault("path", message));
        }
        match (config.format, config.map.is_empty()) {
            (Format::Generic, true) => faults.push(fault("map", "the format `generic` needs it")),
            (Format::Generic, false) | (_, true) => {}
            (_, false) => faults.push(fault("map", "only the format `generic` has it")),
        }
        let guard = Guard::new(&config.auth, &at.clone().with_key("auth"));
        let mut mappings = Vec::new();
        for (index, map) in config.map.iter().enumerate() {
            let at = at.clone().with_key("map").with_index(index);
            match Mapping::new(map, &at) {
                Ok(mapping) => mappings.push(mapping),
                Err(error) => faults.push(error),
            }
        }
        let delivery_id = match (&config.delivery_id_header, config.format) {
            (Some(name), _) => match name.parse() {
                Ok(name) => Some(name),
                Err(_) => {
                    faults.push(fault("deliveryIdHeader", "is not the name of a header"));
                    None
                }
            },
            (None, Format::Github) => Some(HeaderName::from_static(github::DELIVERY)),
            (None, _) => None,
        };
        match (guard, BuildError::join(faults)) {
            (Ok(guard), None) => Ok(Self {
                id: config.id.as_str().into(),
                path: config.path.clone(),
                guard,
                auto_resolve_ms: config.auto_resolve_ms.filter(|millis| *millis > 0),
                format: config.format,
                delivery_id,
                severities: Severities::new(&config.severities, config.default_severity),
                severity_label: config.severity_label.clone(),
                mappings,
                tests: config.tests.clone(),
            }),
            (guard, faults) => {
                let all = guard.err().into_iter().chain(faults);
                Err(BuildError::join(all).unwrap_or_else(|| fault("id", "cannot be used")))
            }
        }
    }

    /// Reads a body; `event` is what `X-GitHub-Event` says.
    pub(super) fn read(&self, event: Option<&str>, body: &Value) -> Result<Reading, Fault> {
        match self.format {
            Format::Alertmanager | Format::Grafana => {
                alerts::read(body, &self.severities, &self.severity_label)
            }
            Format::Github => {
                let missing = || Fault::new("", "comes without the header `X-GitHub-Event`");
                github::read(event.ok_or_else(missing)?, body, &self.severities)
            }
            Format::Generic => {
                let mut reading = Reading::default();
                for mapping in &self.mappings {
                    mapping.read(body, &mut reading.signals)?;
                }
                Ok(reading)
            }
        }
    }

    /// What names a delivery, if it can come twice: its id, or its signature.
    pub(super) fn once(&self, headers: &HeaderMap) -> Option<Vec<u8>> {
        let id = self.delivery_id.as_ref().and_then(|name| headers.get(name));
        let id = id.map(|id| [b"id ", id.as_bytes()].concat());
        id.or_else(|| Some([b"signature ", self.guard.once(headers)?].concat()))
    }

    /// The tests that fail; `index` is the route's place.
    pub(super) fn failures(&self, index: usize) -> Vec<BuildError> {
        let tests = self.tests.iter().enumerate();
        let failures = tests.filter_map(|(number, test)| {
            let path = at(index).with_key("tests").with_index(number);
            Some(BuildError::option(path, self.failure(test)?))
        });
        failures.collect()
    }

    fn failure(&self, test: &BodyTest) -> Option<String> {
        let body = match &test.body {
            Value::String(text) => match serde_json::from_str(text) {
                Ok(body) => body,
                Err(error) => return Some(format!("the body is not JSON: {error}")),
            },
            body => body.clone(),
        };
        let reading = match self.read(test.event.as_deref(), &body) {
            Ok(reading) => reading,
            Err(fault) => return Some(format!("the body is refused: {fault}")),
        };
        let (made, wanted) = (reading.signals.len(), test.expect.len());
        let pairs = reading.signals.iter().zip(&test.expect).enumerate();
        let mut wrong = pairs.filter_map(|(index, (signal, expected))| {
            let difference = difference(signal, expected)?;
            Some(format!("signal {index}: {difference}"))
        });
        wrong.next().or_else(|| {
            (made != wanted).then(|| format!("makes {made} signals, and {wanted} are expected"))
        })
    }
}

fn difference(signal: &Signal, expected: &Expected) -> Option<String> {
    let (kind, title, severity, identity, line) = match signal {
        Signal::Firing {
            which,
            severity,
            title,
            ..
        } => (
            ExpectedKind::Incident,
            Some(title),
            Some(*severity),
            Some(&which.identity),
            None,
        ),
        Signal::Resolved { which, .. } => {
            let identity = Some(&which.identity);
            (ExpectedKind::Resolved, None, None, identity, None)
        }
        Signal::Line { text, .. } => (ExpectedKind::Log, None, None, None, Some(text)),
    };
    if kind != expected.kind {
        return Some(format!("is {kind:?}, and {:?} is expected", expected.kind).to_lowercase());
    }
    if expected.severity.is_some() && severity != expected.severity {
        let name = |severity: Option<opspilot_core::incident::Severity>| {
            severity.map_or("none", opspilot_core::incident::Severity::as_str)
        };
        let (made, wanted) = (name(severity), name(expected.severity));
        return Some(format!("the severity is {made}, and {wanted} is expected"));
    }
    let texts = [
        ("title", title, &expected.title),
        ("identity", identity, &expected.identity),
        ("line", line, &expected.line),
    ];
    let mut wrong = texts.into_iter().filter_map(|(name, made, wanted)| {
        let wanted = wanted.as_ref()?;
        let made = made.map_or("", String::as_str);
        (made != wanted).then(|| format!("the {name} is `{made}`, and `{wanted}` is expected"))
    });
    wrong.next()
}
