//! Configuration: one YAML file, the environment, and every fault at once.
//!
//! [`load`] goes through the file in these steps, each in a file of its own:
//!
//! 1. `read` takes the bytes, bounded, and `yaml` makes a tree in which every value knows its line
//!    and column;
//! 2. `interpolate` fills in `${VAR}`, `${VAR:-default}` and `${file:/path}`;
//! 3. `overrides` puts the `OPSPILOT_*` variables in (their names: [`variables`]);
//! 4. `refusals` refuses what is not safe;
//! 5. `schema` holds each section against the JSON Schema of its struct, and reports everything
//!    that does not fit;
//! 6. `decode` makes the typed values, when asked, and still knows the place of what a type refuses.
//!
//! A step that finds a fault notes it and goes on, so that one run names all of them. In the section
//! of a module that is switched off or not built in, a fault is only a warning, except for what is
//! not safe.
//!
//! `edit` changes one rule in the text of a file and leaves the rest as it was written; `masked` shows a text without its
//! secrets, and `diff` what differs between two.
//!
//! Only this module reads the environment, in [`Environment::capture`].
//!
//! ```
//! use std::path::Path;
//! use opspilot_core::config::{Environment, KnownModules, load_text};
//!
//! let environment = Environment::from_iter([("OPSPILOT_SYSTEM_NAME", "Night shift")]);
//! let yaml = "logging:\n  level: debug\n";
//! let loaded = load_text(yaml, Path::new("a.yaml"), &environment, &KnownModules::default())?;
//! assert_eq!(loaded.config.system.name, "Night shift");
//!
//! let wrong = "logging:\n  levle: debug\n";
//! let errors = load_text(wrong, Path::new("a.yaml"), &environment, &KnownModules::default());
//! assert_eq!(
//!     errors.unwrap_err().to_string(),
//!     "a.yaml:2:3: logging.levle: unknown key; did you mean `level`?"
//! );
//! # Ok::<(), opspilot_core::config::ConfigErrors>(())
//! ```

mod auth;
mod decode;
mod diff;
mod document;
mod edit;
mod environment;
mod fault;
mod inline;
mod interpolate;
mod masked;
mod modules;
mod named_files;
mod nearest;
mod overrides;
mod read;
mod refusals;
mod schema;
mod secret;
mod sections;
mod shown;
mod span;
mod tree;
mod variables;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::schema_for;

pub use auth::{
    ApiKey, Auth, GroupRole, JwtAlgorithm, KeySet, Kind, OidcProvider, Role, SubjectClaim,
};
pub use diff::{DiffKind, DiffLine, diff};
pub use document::json_schema;
pub use edit::{EditError, Edited, RULE_LENGTH, RuleEdit, RuleFile};
pub use environment::Environment;
pub use fault::{ConfigErrors, Fault, KeyPath, Origin, Segment};
pub use masked::masked;
pub use modules::{KnownModules, ModuleOptions, ModuleSchema};
pub use secret::Secret;
pub use sections::{
    Audit, Durability, LogFormat, LogLevel, LogOutput, Logging, Stage, Storage, StorageEngine,
    StorageOptions, System,
};
pub use span::{SpanError, parse_span};
pub use variables::{Variable, variables};

use fault::Report;
pub(crate) use interpolate::files as secret_files;
pub(crate) use read::read as read_file;
use sections::Root;
use tree::{Node, Value};

/// A checked configuration.
#[derive(Clone)]
pub struct Config {
    /// What this installation is called.
    pub system: System,
    /// Where facts are kept.
    pub storage: Storage,
    /// What the program writes about itself.
    pub logging: Logging,
    /// Who may do what.
    pub auth: Auth,
    /// How long it is kept who did what.
    pub audit: Audit,
    /// Folder with plug-in executables.
    pub plugins_dir: Option<PathBuf>,
    modules: BTreeMap<String, ModuleOptions>,
    /// The root sections as they were written, to compare at a reload.
    root: Node,
}

/// A configuration, and what is doubtful in it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is worth a warning, in the order of the file.
    pub warnings: Vec<Fault>,
}

/// Reads a configuration file, with the variables of the environment on top.
///
/// # Errors
/// Every fault of the file and of the `OPSPILOT_*` variables, or the one reason why the file
/// cannot be read at all.
pub fn load(
    path: &Path,
    environment: &Environment,
    known: &KnownModules,
) -> Result<Loaded, ConfigErrors> {
    load_text(&read::read(path)?, path, environment, known)
}

/// Reads a configuration from text. `path` names it in faults, and relative `${file:…}` paths
/// count from its folder.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    text: &str,
    path: &Path,
    environment: &Environment,
    known: &KnownModules,
) -> Result<Loaded, ConfigErrors> {
    let mut root = parse(text, path)?;
    let mut report = Report::default();
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    root.refuse_duplicates(&mut KeyPath::default(), &mut report);
    interpolate::interpolate(&mut root, environment, folder, &mut report);
    overrides::apply(&mut root, environment, known, &mut report);
    report.soften(|path| modules::is_unused(path, &root, known));
    refusals::check(&root, &mut report);
    let file = read::file_origin(path);
    let modules = modules::take(&mut root, &file, known, &mut report);
    let sections = check_root(&mut root, &mut report);
    let warnings = report.finish()?;
    let sections = sections?;
    Ok(Loaded {
        config: Config::new(sections, modules, root),
        warnings,
    })
}

fn parse(text: &str, path: &Path) -> Result<Node, Fault> {
    let name = path.display().to_string();
    let node = yaml::parse(text, &yaml::Source::File(name.into()))?;
    match &node.value {
        Value::Map(_) => Ok(node),
        Value::Null => Err(whole(path, "the file is empty")
            .help("run `opspilot-server init` to write a first configuration")),
        other => Err(whole(
            path,
            format!("the file holds {} at its root", tree::kind(other)),
        )
        .help("begin with sections such as `system:` and `modules:`")),
    }
}

fn whole(path: &Path, message: impl Into<String>) -> Fault {
    Fault::new(read::file_origin(path), KeyPath::default(), message)
}

/// Checks the sections of the root and makes them typed. What comes back counts only if the
/// report stays without faults.
fn check_root(root: &mut Node, report: &mut Report) -> Result<Root, Fault> {
    let before = report.faults.len();
    let schema = schema_for!(Root);
    schema::check(root, schema.as_value(), KeyPath::default(), report);
    let is_sound = report.faults.len() == before;
    let sections = decode::decode::<Root>(root, &KeyPath::default());
    if is_sound {
        match &sections {
            Ok(sections) => report.faults.extend(sections.contradictions(root)),
            Err(fault) if report.faults.is_empty() => report.fault(fault.clone()),
            Err(_) => {}
        }
    }
    sections
}

impl Config {
    fn new(sections: Root, modules: BTreeMap<String, ModuleOptions>, root: Node) -> Self {
        Self {
            system: sections.system,
            storage: sections.storage,
            logging: sections.logging,
            auth: sections.auth,
            audit: sections.audit,
            plugins_dir: sections.plugins_dir,
            modules,
            root,
        }
    }

    /// The modules that have a section or run without one, by id.
    pub fn modules(&self) -> impl Iterator<Item = &ModuleOptions> {
        self.modules.values()
    }

    /// The modules that are to run, by id.
    pub fn enabled_modules(&self) -> impl Iterator<Item = &ModuleOptions> {
        self.modules().filter(|module| module.is_enabled())
    }

    /// The options of one module.
    #[must_use]
    pub fn module(&self, id: &str) -> Option<&ModuleOptions> {
        self.modules.get(id)
    }

    /// The ids of the modules that `new` switches, adds, removes or gives other values than `old`.
    /// Where something is written, and in what order, does not count.
    #[must_use]
    pub fn changed_modules(old: &Self, new: &Self) -> Vec<String> {
        let mut ids: Vec<&String> = old.modules.keys().chain(new.modules.keys()).collect();
        ids.sort();
        ids.dedup();
        ids.retain(|id| match (old.module(id), new.module(id)) {
            (Some(old), Some(new)) => !old.same(new),
            _ => true,
        });
        ids.into_iter().cloned().collect()
    }

    /// The root sections (`storage`, `logging` …) that differ. They take effect at the next start.
    #[must_use]
    pub fn changed_sections(old: &Self, new: &Self) -> Vec<String> {
        let entries = old.root.entries().iter().chain(new.root.entries());
        let mut keys: Vec<&str> = entries.map(|entry| entry.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| match (old.root.get(key), new.root.get(key)) {
            (Some(old), Some(new)) => !old.same(new),
            _ => true,
        });
        keys.into_iter().map(str::to_owned).collect()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("system", &self.system)
            .field("storage", &self.storage)
            .field("logging", &self.logging)
            .field("auth", &self.auth)
            .field("audit", &self.audit)
            .field("plugins_dir", &self.plugins_dir)
            .field("modules", &self.modules)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
