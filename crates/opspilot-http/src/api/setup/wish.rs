//! What somebody wants to read and whom to tell, as a change of the configuration.

use opspilot_core::module::{Category, Factory};
use serde_json::{Map, Value, json};

use super::super::body::Fields;
use super::super::routes::{Form, Input};
use super::draft::{Draft, NotBlock};
use super::secrets::SecretKeys;

/// The module whose channels are added to.
const CHANNELS: &str = "notifier.channels";

/// The most channels of one request, and the most options of a source.
const MOST: usize = 20;

pub(super) const SOURCES: Input = Input::new(
    "sources",
    Form::Object,
    "The options to set, by the id of a connector. It is switched on unless `enabled` is false.",
);
pub(super) const NEW_CHANNELS: Input =
    Input::of::<Vec<Map<String, Value>>>("channels", "The channels to add to `notifier.channels`.");

/// A first configuration to begin with, where there is none.
const FIRST: &str = include_str!("../../../../../config/first.yaml");

/// What somebody wants.
#[derive(Debug, Default)]
pub(super) struct Wish {
    sources: Vec<(&'static str, Map<String, Value>)>,
    channels: Vec<Value>,
}

impl Wish {
    /// Reads `sources` and `channels`. What is wrong with them is noted in `fields`.
    pub(super) fn of(fields: &mut Fields, factories: &[Factory]) -> Self {
        let keys = SecretKeys::of(factories);
        let mut wish = Self::default();
        for (id, options) in fields.object("sources").unwrap_or_default() {
            match source(&id, options, factories, &keys) {
                Ok(source) => wish.sources.push(source),
                Err(fault) => fields.refuse("sources", fault),
            }
        }
        let channels = match fields.value("channels") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(channels)) if channels.len() <= MOST => channels,
            Some(_) => {
                fields.refuse(
                    "channels",
                    format!("write a list of at most {MOST} channels"),
                );
                Vec::new()
            }
        };
        for channel in channels {
            let fault = match &channel {
                Value::Object(options) => keys.fault(options),
                _ => Some("a channel is an object".to_owned()),
            };
            match fault {
                None => wish.channels.push(channel),
                Some(fault) => fields.refuse("channels", fault),
            }
        }
        wish
    }

    /// The modules that it is about.
    pub(super) fn modules(&self) -> Vec<&'static str> {
        let sources = self.sources.iter().map(|(id, _)| *id);
        let channels = (!self.channels.is_empty()).then_some(CHANNELS);
        sources.chain(channels).collect()
    }

    /// `text` as it is wanted; a first configuration where there is none.
    ///
    /// # Errors
    /// When the text is not written so that a program can change it.
    pub(super) fn written(&self, text: Option<&str>) -> Result<String, NotBlock> {
        let text = text.filter(|text| !text.trim().is_empty());
        if let (Some(text), true) = (text, self.modules().is_empty()) {
            return Ok(text.to_owned());
        }
        let mut draft = Draft::of(text.unwrap_or(FIRST));
        for (id, options) in &self.sources {
            let mut options = options.clone();
            options.entry("enabled").or_insert(Value::Bool(true));
            draft.set(id, &options)?;
        }
        if !self.channels.is_empty() {
            let on = Map::from_iter([("enabled".to_owned(), json!(true))]);
            draft.set(CHANNELS, &on)?;
        }
        for channel in &self.channels {
            draft.add(CHANNELS, "channels", channel)?;
        }
        Ok(draft.text())
    }
}

fn source(
    id: &str,
    options: Value,
    factories: &[Factory],
    keys: &SecretKeys,
) -> Result<(&'static str, Map<String, Value>), String> {
    let mut known = factories.iter().map(|factory| factory.manifest());
    let manifest = known
        .find(|manifest| manifest.id == id && manifest.category == Category::Connector)
        .ok_or("a source is a connector: `GET /setup` names them")?;
    let Value::Object(options) = options else {
        return Err(format!("the options of `{}` are an object", manifest.id));
    };
    let is_word =
        |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if options.len() > MOST || !options.keys().all(is_word) {
        return Err(format!("`{}` has no such options", manifest.id));
    }
    match keys.fault(&options) {
        Some(fault) => Err(format!("`{}`: {fault}", manifest.id)),
        None => Ok((manifest.id, options)),
    }
}
