//! The sections of the modules: which exist, which are on, and what each may say.

use std::collections::BTreeMap;
use std::fmt;

use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::decode::{HIDDEN_VALUE_REFUSED, decode};
use super::fault::{ConfigErrors, Fault, KeyPath, Origin, Report, Segment};
use super::nearest::{listed, suggestion};
use super::schema;
use super::tree::{Entry, Node, Value, kind};

/// Modules that a configuration may already speak of although this version does not have them.
/// A module that is built in is taken first, so the list may keep its name.
pub(crate) const NAMED_MODULES: [&str; 28] = [
    "connector.fileTail",
    "connector.metrics",
    "connector.healthCheck",
    "connector.syslog",
    "connector.journald",
    "connector.kubernetes",
    "connector.cloudwatch",
    "connector.webhook",
    "connector.otlp",
    "detector.regex",
    "detector.threshold",
    "detector.anomaly",
    "enricher.incidentStore",
    "enricher.aiSummary",
    "enricher.correlator",
    "enricher.dedup",
    "action.safe",
    "action.escalation",
    "action.runbook",
    "notifier.channels",
    "notifier.slack",
    "notifier.pagerduty",
    "notifier.teams",
    "notifier.email",
    "openclaw.tools",
    "ui.api",
    "ui.websocket",
    "ui.dashboard",
];

/// What the configuration needs to know of a module.
#[derive(Debug, Clone)]
pub struct ModuleSchema {
    /// The module's id, `detector.regex`.
    pub id: String,
    /// The JSON Schema of its options, without `enabled`.
    pub schema: Schema,
    /// Whether it runs when the file has no section for it.
    pub enabled_by_default: bool,
}

/// The modules that are built into this program.
#[derive(Debug, Clone, Default)]
pub struct KnownModules(Vec<ModuleSchema>);

impl FromIterator<ModuleSchema> for KnownModules {
    fn from_iter<I: IntoIterator<Item = ModuleSchema>>(modules: I) -> Self {
        Self(modules.into_iter().collect())
    }
}

impl KnownModules {
    /// All of them, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &ModuleSchema> {
        self.0.iter()
    }

    /// The module with an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&ModuleSchema> {
        self.0.iter().find(|module| module.id == id)
    }

    fn ids(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|module| module.id.as_str())
    }
}

/// The options of one module, with the place of each value.
#[derive(Clone)]
pub struct ModuleOptions {
    pub(super) id: String,
    pub(super) is_enabled: bool,
    pub(super) options: Node,
}

impl ModuleOptions {
    /// Options handed over by a program or a test. A value of another kind than an object is
    /// reported by [`parse`](Self::parse).
    pub fn from_json(id: impl Into<String>, options: serde_json::Value) -> Self {
        Self {
            id: id.into(),
            is_enabled: true,
            options: Node::from_json(options),
        }
    }

    /// The module's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the module is to run.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Makes the module's own options out of the section.
    ///
    /// # Errors
    /// The fault the type found, with file, line, column and key path.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigErrors> {
        Ok(decode(&self.options, &self.key_path())?)
    }

    /// A fault about one of the options, for checks that only the module can make (a pattern that
    /// does not compile, two keys that contradict each other). `key` is the way to the option
    /// inside the section; the place is that of the longest part of it that is written. The message
    /// is left out where it could repeat a secret.
    pub fn fault(&self, key: &KeyPath, message: impl Into<String>) -> Fault {
        let mut path = self.key_path();
        let mut node = &self.options;
        for segment in key.segments() {
            path.push(segment.clone());
            node = node.step(segment).unwrap_or(node);
        }
        let origin = node.origin.clone();
        if node.hidden {
            return Fault::new(origin, path, HIDDEN_VALUE_REFUSED);
        }
        Fault::new(origin, path, message)
    }

    /// Says whether both switch the module the same way with the same values.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.is_enabled == other.is_enabled && self.options.same(&other.options)
    }

    fn key_path(&self) -> KeyPath {
        KeyPath::of(["modules", &self.id])
    }
}

impl fmt::Debug for ModuleOptions {
    /// Leaves the values out: some may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleOptions")
            .field("id", &self.id)
            .field("is_enabled", &self.is_enabled)
            .finish_non_exhaustive()
    }
}

/// Takes `modules` out of the tree and checks every section. `file` is the place to name for
/// modules that run without a section.
pub(crate) fn take(
    root: &mut Node,
    file: &Origin,
    known: &KnownModules,
    report: &mut Report,
) -> BTreeMap<String, ModuleOptions> {
    let mut modules = BTreeMap::new();
    let mut later = Vec::new();
    let sections = root.remove("modules");
    let place = sections
        .as_ref()
        .map_or_else(|| file.clone(), |entry| entry.origin.clone());
    for entry in sections_of(sections, report) {
        if let Some(module) = known.get(&entry.key) {
            modules.insert(module.id.clone(), section(module, entry.node, report));
        } else if NAMED_MODULES.contains(&entry.key.as_str()) {
            later.push(entry.key);
        } else {
            report.fault(unknown_module(&entry, known));
        }
    }
    if !later.is_empty() {
        report.warn(later_modules(place, &later));
    }
    for module in known.iter().filter(|module| module.enabled_by_default) {
        if !modules.contains_key(&module.id) {
            let options = section(module, Node::empty_map(file.clone()), report);
            modules.insert(module.id.clone(), options);
        }
    }
    modules
}

/// Says whether the file switches a module off.
pub(crate) fn is_switched_off(root: &Node, id: &str) -> bool {
    let enabled = root.at(["modules", id, "enabled"]);
    enabled.is_some_and(Node::is_false)
}

/// Says whether a key is in the section of a module that will not run: switched off, or not built
/// in.
pub(crate) fn is_unused(path: &KeyPath, root: &Node, known: &KnownModules) -> bool {
    let [Segment::Key(first), Segment::Key(id), ..] = path.segments() else {
        return false;
    };
    let is_named = NAMED_MODULES.contains(&id.as_ref());
    let is_built_in = known.get(id).is_some();
    &**first == "modules" && (is_switched_off(root, id) || (is_named && !is_built_in))
}

fn sections_of(sections: Option<Entry>, report: &mut Report) -> Vec<Entry> {
    let Some(Entry { node, .. }) = sections else {
        return Vec::new();
    };
    match node.value {
        Value::Map(entries) => entries,
        Value::Null | Value::Invalid => Vec::new(),
        other => {
            let message = format!("expected a section with module ids, found {}", kind(&other));
            report.fault(Fault::new(node.origin, KeyPath::of(["modules"]), message));
            Vec::new()
        }
    }
}

/// Checks one section. What is wrong in a section that is switched off is only a warning.
fn section(module: &ModuleSchema, mut options: Node, report: &mut Report) -> ModuleOptions {
    let path = KeyPath::of(["modules", &module.id]);
    let mut found = Report::default();
    let is_enabled = match options.remove("enabled") {
        None => true,
        Some(mut entry) => {
            let path = path.with_key("enabled");
            schema::check(
                &mut entry.node,
                &json!({ "type": "boolean" }),
                path,
                &mut found,
            );
            !matches!(entry.node.value, Value::Bool(false))
        }
    };
    schema::check(&mut options, module.schema.as_value(), path, &mut found);
    report.warnings.append(&mut found.warnings);
    if is_enabled {
        report.faults.append(&mut found.faults);
    } else {
        report.warnings.append(&mut found.faults);
    }
    ModuleOptions {
        id: module.id.clone(),
        is_enabled,
        options,
    }
}

fn unknown_module(entry: &Entry, known: &KnownModules) -> Fault {
    let ids = known.ids().chain(NAMED_MODULES);
    let near = suggestion(&entry.key, "the modules are", ids);
    let path = KeyPath::of(["modules", &entry.key]);
    Fault::new(entry.origin.clone(), path, "no module has this id").help(near)
}

fn later_modules(place: Origin, ids: &[String]) -> Fault {
    let message = format!(
        "this version does not have these modules yet, their sections are ignored: {}",
        listed(ids.iter().map(String::as_str))
    );
    Fault::new(place, KeyPath::of(["modules"]), message)
}
