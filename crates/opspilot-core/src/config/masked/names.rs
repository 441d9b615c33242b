//! Which keys hold secrets, from the schemas of the root and of all modules: `writeOnly` marks a value.

use std::collections::{BTreeSet, HashSet};

use schemars::schema_for;
use serde_json::Value as Json;

use super::super::modules::KnownModules;
use super::super::schema::resolve;
use super::super::sections::Root;

/// The names of all keys that hold secrets, wherever they stand: a key of that name is hidden elsewhere too.
#[derive(Debug, Default)]
pub(super) struct SecretNames(BTreeSet<String>);

impl SecretNames {
    /// Those of the root sections and of all modules.
    pub(super) fn of(known: &KnownModules) -> Self {
        let mut names = Self::default();
        names.collect(schema_for!(Root).as_value());
        for module in known.iter() {
            names.collect(module.schema.as_value());
        }
        names
    }

    /// Adds those of a schema.
    pub(super) fn collect(&mut self, schema: &Json) {
        let mut walk = Walk {
            root: schema,
            seen: HashSet::new(),
            names: &mut self.0,
        };
        walk.schema(None, schema);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// A walk through a schema and what it refers to.
struct Walk<'s, 'n> {
    root: &'s Json,
    /// The references that were followed, each by the key that it belongs to: schemas may contain themselves.
    seen: HashSet<(Option<&'s str>, &'s str)>,
    names: &'n mut BTreeSet<String>,
}

impl<'s> Walk<'s, '_> {
    /// Looks at the schema of the values of `name`, those inside of lists and maps included.
    fn schema(&mut self, name: Option<&'s str>, schema: &'s Json) {
        match schema {
            Json::Object(keywords) => {
                let is_secret = keywords.get("writeOnly") == Some(&Json::Bool(true));
                if let (true, Some(name)) = (is_secret, name) {
                    self.names.insert(name.to_owned());
                }
                self.reference(name, schema);
                for (keyword, value) in keywords {
                    self.keyword(name, keyword, value);
                }
            }
            Json::Array(schemas) => schemas.iter().for_each(|one| self.schema(name, one)),
            _ => {}
        }
    }

    fn keyword(&mut self, name: Option<&'s str>, keyword: &str, value: &'s Json) {
        match (keyword, value) {
            ("properties", Json::Object(properties)) => {
                for (name, schema) in properties {
                    self.schema(Some(name), schema);
                }
            }
            // These are reached by reference, and know then whose they are.
            ("$defs" | "definitions", _) => {}
            _ => self.schema(name, value),
        }
    }

    fn reference(&mut self, name: Option<&'s str>, schema: &'s Json) {
        let target = schema.get("$ref").and_then(Json::as_str);
        let fresh = target.filter(|target| self.seen.insert((name, target)));
        if let Some(target) = fresh.and_then(|_| resolve(self.root, schema)) {
            self.schema(name, target);
        }
    }
}
