//! The names of the environment variables that set keys.
//!
//! One rule: take the path of a key, write it in capitals, and put `_` where a new word or a new
//! key begins. `storage.options.dbPath` is `OPSPILOT_STORAGE_OPTIONS_DB_PATH`, and the key
//! `maxIncidentsPerMinute` of `detector.regex` is
//! `OPSPILOT_MODULES_DETECTOR_REGEX_MAX_INCIDENTS_PER_MINUTE`. When a variable is looked up, case
//! and `_` do not count, so `OPSPILOT_STORAGE_OPTIONS_DBPATH` and
//! `OPSPILOT_MODULES__DETECTOR_REGEX__MAX_INCIDENTS_PER_MINUTE` work as well.
//!
//! A list, or a section whose keys are free, is set as a whole, written as YAML on one line:
//! `OPSPILOT_AUTH_PUBLIC_PATHS='[/api/health, /api/livez]'`.

use schemars::schema_for;
use serde::Serialize;
use serde_json::Value as Json;

use super::environment::PREFIX;
use super::fault::KeyPath;
use super::modules::{KnownModules, ModuleSchema};
use super::nearest::plain;
use super::schema::{list, resolve, types};
use super::sections::Root;

/// Sections deeper than this are set as a whole.
const MAX_DEPTH: usize = 8;

/// An environment variable that OpsPilot reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name as documented.
    pub name: String,
    /// The key it sets, as a path; empty if it sets none.
    pub key: String,
    /// What it is for.
    pub description: String,
}

/// The variables that do not follow the rule: what [`Special`] does, name after the prefix, key,
/// purpose.
pub(crate) const SPECIALS: [(Special, &str, &[&str], &str); 7] = [
    (
        Special::Ignored,
        "CONFIG",
        &[],
        "Path of the configuration file, where the command line names none.",
    ),
    (
        Special::Ignored,
        "LOG",
        &[],
        "Filter for the program's own messages, in place of `logging.level`.",
    ),
    (
        Special::IfAbsent,
        "JWT_SECRET",
        &["auth", "jwtSecret"],
        "The key that signs tokens, where the file sets none.",
    ),
    (
        Special::AdminKey,
        "API_KEY",
        &["auth", "apiKeys"],
        "Adds an admin key with the label `env-api-key`, for a person; commands that ask a running server show it.",
    ),
    (
        Special::IfAbsent,
        "EMAIL_CLIENT_ID",
        &["modules", "notifier.email", "oauth", "clientId"],
        "OAuth client of the e-mail notifier, where the file sets none.",
    ),
    (
        Special::IfAbsent,
        "EMAIL_CLIENT_SECRET",
        &["modules", "notifier.email", "oauth", "clientSecret"],
        "OAuth client secret of the e-mail notifier, where the file sets none.",
    ),
    (
        Special::IfAbsent,
        "EMAIL_REFRESH_TOKEN",
        &["modules", "notifier.email", "oauth", "refreshToken"],
        "OAuth refresh token of the e-mail notifier, where the file sets none.",
    ),
];

/// What a variable outside the rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// Read elsewhere.
    Ignored,
    /// Sets its key if the file does not.
    IfAbsent,
    /// Adds an API key.
    AdminKey,
}

/// Every variable that OpsPilot reads, for the reference: first those outside the rule, then one
/// for each key of the root and of the known modules.
#[must_use]
pub fn variables(known: &KnownModules) -> Vec<Variable> {
    let special = |(_, name, key, description): &(Special, &str, &[&str], &str)| Variable {
        name: format!("{PREFIX}{name}"),
        key: KeyPath::of(key.iter().copied()).to_string(),
        description: (*description).to_owned(),
    };
    let mut variables: Vec<Variable> = SPECIALS.iter().map(special).collect();
    variables.extend(declared(known).into_iter().map(|declared| Variable {
        key: KeyPath::of(declared.path.iter().map(String::as_str)).to_string(),
        name: declared.name,
        description: declared.description,
    }));
    variables
}

/// A variable that follows the rule.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// The name after the prefix without `_` and in lower case: what a look-up compares.
    pub(crate) plain: String,
    pub(crate) path: Vec<String>,
    pub(crate) form: Form,
    description: String,
}

/// How the text of a variable is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Text,
    /// As a number or truth value, where the key wants one.
    Single,
    /// As YAML.
    Yaml,
}

/// The variables that follow the rule.
pub(crate) fn declared(known: &KnownModules) -> Vec<Declared> {
    let mut found = Vec::new();
    let root = schema_for!(Root);
    let mut walk = Walk {
        root: root.as_value(),
        found: &mut found,
    };
    walk.keys_of(root.as_value(), &mut Vec::new());
    found.retain(|declared| declared.path.first().is_none_or(|key| key != "modules"));
    for module in known.iter() {
        of_module(module, &mut found);
    }
    found
}

fn of_module(module: &ModuleSchema, found: &mut Vec<Declared>) {
    let mut path = vec![
        "modules".to_owned(),
        module.id.clone(),
        "enabled".to_owned(),
    ];
    let description = format!("Switches `{}` on or off.", module.id);
    found.push(Declared::new(path.clone(), Form::Single, description));
    path.pop();
    let root = module.schema.as_value();
    Walk { root, found }.keys_of(root, &mut path);
}

struct Walk<'s, 'f> {
    root: &'s Json,
    found: &'f mut Vec<Declared>,
}

impl<'s> Walk<'s, '_> {
    fn keys_of(&mut self, schema: &'s Json, path: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Json::as_object);
        for (key, property) in properties.into_iter().flatten() {
            path.push(key.clone());
            self.key(property, path);
            path.pop();
        }
    }

    fn key(&mut self, property: &'s Json, path: &mut Vec<String>) {
        let schema = self.target(property);
        if schema.get("properties").is_some() && path.len() < MAX_DEPTH {
            return self.keys_of(schema, path);
        }
        let text = [property, schema]
            .into_iter()
            .find_map(|s| s.get("description")?.as_str());
        let description = text.unwrap_or_default().replace('\n', " ");
        let declared = Declared::new(path.clone(), form(schema), description);
        self.found.push(declared);
    }

    /// Follows a reference, and looks through an optional value.
    fn target(&self, schema: &'s Json) -> &'s Json {
        if let Some(target) = resolve(self.root, schema) {
            return self.target(target);
        }
        let is_real = |choice: &&Json| choice.get("type").and_then(Json::as_str) != Some("null");
        let mut choices = list(schema, "anyOf").iter().filter(is_real);
        match (choices.next(), choices.next()) {
            (Some(only), None) => self.target(only),
            _ => schema,
        }
    }
}

fn form(schema: &Json) -> Form {
    let types = types(schema);
    let choices = list(schema, "oneOf").iter().chain(list(schema, "anyOf"));
    let has_yaml = |types: &[&str]| types.contains(&"array") || types.contains(&"object");
    if has_yaml(&types)
        || choices
            .into_iter()
            .any(|choice| has_yaml(&self::types(choice)))
    {
        return Form::Yaml;
    }
    if types.contains(&"string") {
        return Form::Text;
    }
    Form::Single
}

impl Declared {
    fn new(path: Vec<String>, form: Form, description: String) -> Self {
        let words: Vec<String> = path.iter().map(|key| capitals(key)).collect();
        Self {
            name: format!("{PREFIX}{}", words.join("_")),
            plain: plain(&words.concat()),
            path,
            form,
            description,
        }
    }
}

/// `maxFileSize` as `MAX_FILE_SIZE`, `detector.regex` as `DETECTOR_REGEX`.
fn capitals(key: &str) -> String {
    let mut capitals = String::with_capacity(key.len() + 4);
    let mut was_small = false;
    for c in key.chars() {
        if !c.is_alphanumeric() {
            capitals.push('_');
            was_small = false;
            continue;
        }
        if c.is_uppercase() && was_small {
            capitals.push('_');
        }
        was_small = !c.is_uppercase();
        capitals.extend(c.to_uppercase());
    }
    capitals
}
