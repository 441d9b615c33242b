//! What is done, by whom.
//!
//! A deed is private to this crate. From outside it is reached through the type of action that it belongs to, whose only
//! way to perform it takes an approved action.

pub(crate) mod account;
pub(crate) mod command;
pub(crate) mod http;
pub(crate) mod kubernetes;
pub(crate) mod systemd;
pub(crate) mod web;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use opspilot_core::clock::Clock;
use opspilot_core::config::KeyPath;
use opspilot_core::incident::Incidents;
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::{ActionError, Effect, Outcome};

use super::catalogue::{Parameters, Template, Values};
use crate::process::Runner;

/// Something that can be done.
#[async_trait]
pub(crate) trait Deed: Send + Sync + fmt::Debug + 'static {
    /// Who does it.
    fn executor(&self) -> &'static str;

    /// The parameters that it uses.
    fn names(&self) -> BTreeSet<String>;

    /// What counts as done, where there is no post-condition.
    fn success(&self) -> &'static str;

    /// What would be done. Pure.
    ///
    /// # Errors
    /// Why these values cannot stand where they are used, one line each.
    fn plan(&self, values: &Values) -> Result<Planned, Vec<String>>;

    /// See [`opspilot_core::safety::catalogue::ActionType::observe`].
    async fn observe(&self, _: &Values, _: &World) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    /// See [`opspilot_core::safety::catalogue::ActionType::dry_run`].
    async fn dry_run(&self, _: &Values, _: &World) -> Result<Option<String>, ActionError> {
        Ok(None)
    }

    /// Does it.
    async fn perform(&self, values: &Values, world: &World) -> Outcome;
}

/// What a deed says of itself before it is done.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) target: String,
    pub(crate) effect: Effect,
    pub(crate) touches: Vec<String>,
    pub(crate) limits: Vec<String>,
}

/// What deeds act through.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) runner: Runner,
    pub(crate) systemctl: PathBuf,
    pub(crate) incidents: Incidents,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Where options stand, and what may be used there.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) path: KeyPath,
    pub(crate) parameters: &'a Parameters,
}

impl Site<'_> {
    /// A fault of the option `key`.
    pub(crate) fn fault(&self, key: &str, message: impl Into<String>) -> BuildError {
        BuildError::option(self.path.with_key(key), message)
    }

    /// The faults of the placeholders in the option at `path`.
    pub(crate) fn check(&self, template: &Template, path: &KeyPath) -> Vec<BuildError> {
        let known: BTreeSet<&str> = self.parameters.names().collect();
        let names = template.names();
        let unknown = names.difference(&known);
        unknown
            .map(|name| BuildError::option(path.clone(), format!("there is no parameter `{name}`")))
            .collect()
    }

    /// The option `key` as a template.
    pub(crate) fn template(&self, key: &str, text: &str) -> Result<Template, BuildError> {
        let template = Template::parse(text);
        let faults = self.check(&template, &self.path.with_key(key));
        BuildError::join(faults).map_or(Ok(template), Err)
    }
}

/// Names as a deed owns them.
pub(crate) fn owned<'a>(templates: impl IntoIterator<Item = &'a Template>) -> BTreeSet<String> {
    let names = templates.into_iter().flat_map(Template::names);
    names.map(str::to_owned).collect()
}

/// The outcome of a deed that was not done.
pub(crate) fn not_done(reason: impl Into<String>) -> Outcome {
    Outcome {
        succeeded: false,
        summary: reason.into(),
        output: String::new(),
        truncated: false,
    }
}
