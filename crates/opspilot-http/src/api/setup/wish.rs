//! What somebody wants to read and whom to tell, as a change of the configuration.

use opspilot_core::module::{Category, Factory};
use serde_json::{Map, Value, json};

use super::super::body::Fields;
use super::super::problem::{Code, Problem};
use super::super::routes::{Form, Input};
use super::draft::{Draft, NotBlock};
use super::offered::{self, Files, MOST_CHANNELS, Refusal};

/// The module whose channels are added to.
const CHANNELS: &str = "notifier.channels";

pub(super) const SOURCES: Input = Input::new(
    "sources",
    Form::Of(offered::sources),
    "The options to set, by the id of a connector: those of the dashboard's form, and no others. It is switched on unless `enabled` is false.",
);
pub(super) const NEW_CHANNELS: Input = Input::new(
    "channels",
    Form::Of(offered::channels),
    "The channels to add to `notifier.channels`.",
);

/// A first configuration to begin with, where there is none.
const FIRST: &str = include_str!("../../../../../config/first.yaml");

/// What somebody wants.
#[derive(Debug, Default)]
pub(super) struct Wish {
    sources: Vec<(&'static str, Map<String, Value>)>,
    channels: Vec<Value>,
    files: Files,
}

impl Wish {
    /// Reads `sources` and `channels`. What is wrong with them is noted in `fields`.
    ///
    /// # Errors
    /// With the first thing that is not set from here.
    pub(super) fn of(fields: &mut Fields, factories: &[Factory]) -> Result<Self, Problem> {
        let mut wish = Self::default();
        for (id, options) in fields.object("sources").unwrap_or_default() {
            let taken = wish.take_source(&id, options, factories);
            note(fields, "sources", taken)?;
        }
        let channels = match fields.value("channels") {
            None => Vec::new(),
            Some(Value::Array(channels)) if channels.len() <= MOST_CHANNELS => channels,
            Some(_) => {
                let message = format!("write a list of at most {MOST_CHANNELS} channels");
                fields.refuse("channels", message);
                Vec::new()
            }
        };
        for channel in channels {
            let taken = offered::check_channel(&channel, &mut wish.files);
            note(fields, "channels", taken)?;
            wish.channels.push(channel);
        }
        Ok(wish)
    }

    fn take_source(
        &mut self,
        id: &str,
        options: Value,
        factories: &[Factory],
    ) -> Result<(), Refusal> {
        let mut known = factories.iter().map(|factory| factory.manifest());
        let manifest =
            known.find(|manifest| manifest.id == id && manifest.category == Category::Connector);
        let Some(manifest) = manifest else {
            let message = "a source is a connector: `GET /setup` names them";
            return Err(Refusal::Wrong(message.to_owned()));
        };
        let Value::Object(options) = options else {
            let message = format!("the options of `{}` are an object", manifest.id);
            return Err(Refusal::Wrong(message));
        };
        offered::check_source(manifest.id, &options, &mut self.files)?;
        self.sources.push((manifest.id, options));
        Ok(())
    }

    /// The files that it is about.
    pub(super) const fn files(&self) -> &Files {
        &self.files
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

/// Notes what is wrong.
///
/// # Errors
/// With what is not set from here.
fn note(
    fields: &mut Fields,
    field: &'static str,
    taken: Result<(), Refusal>,
) -> Result<(), Problem> {
    match taken {
        Ok(()) => Ok(()),
        Err(Refusal::ByHand(detail)) => Err(Problem::of(Code::BY_HAND).detail(detail)),
        Err(Refusal::Wrong(message)) => {
            fields.refuse(field, message);
            Ok(())
        }
    }
}
