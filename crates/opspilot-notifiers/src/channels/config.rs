//! The options, and what is wrong with them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use opspilot_core::config::{KeyPath, Secret};
use opspilot_core::event::CORE_EVENTS;
use opspilot_core::incident::Severity;
use opspilot_core::module::BuildError;
use schemars::JsonSchema;
use serde::Deserialize;

use super::webhook::Target;
use super::{Kind, Ready};
use crate::driver::Filter;

/// The options of `notifier.channels`.
///
/// ```yaml
/// modules:
///   notifier.channels:
///     channels:
///       - { id: console, type: console, events: [incident.created] }
///       - { id: log, type: file, path: /var/log/opspilot/incidents.jsonl, events: [incident.created] }
///     rateLimitPerMinute: 60
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The channels, each with an id of its own.
    #[schemars(length(min = 1))]
    pub channels: Vec<Channel>,
    /// How many notifications a channel delivers in any minute; what exceeds it is told of in one summary as soon as the
    /// limit allows. 0 is no limit.
    #[serde(default = "per_minute")]
    pub rate_limit_per_minute: u32,
}

/// One channel, by its `type`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Channel {
    /// Lines on the standard output.
    Console(Console),
    /// Lines of JSON in a file.
    File(File),
    /// HTTP requests.
    Webhook(Webhook),
}

/// A channel that prints a line for each event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Console {
    /// Its id, unique among the channels; it names the channel's place in the journal.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The wire types to tell of.
    #[schemars(length(min = 1))]
    pub events: Vec<String>,
    /// The mildest `incident.created` to tell of; all by default. Other events are not filtered.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// False switches the channel off.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// When lines are coloured.
    #[serde(default)]
    pub colour: Colour,
    /// Takes the place of the module's `rateLimitPerMinute`.
    #[serde(default)]
    pub rate_limit_per_minute: Option<u32>,
}

/// When the console is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Colour {
    /// When the standard output is a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A channel that appends a line of JSON for each event: its wire form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// Its id, unique among the channels; it names the channel's place in the journal.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The wire types to tell of.
    #[schemars(length(min = 1))]
    pub events: Vec<String>,
    /// The mildest `incident.created` to tell of; all by default. Other events are not filtered.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// False switches the channel off.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The file; it and its folders are made when they are missing. When it is moved away, a new one is made.
    pub path: PathBuf,
    /// Takes the place of the module's `rateLimitPerMinute`.
    #[serde(default)]
    pub rate_limit_per_minute: Option<u32>,
}

/// A channel that sends a request for each event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Its id, unique among the channels; it names the channel's place in the journal.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The wire types to tell of.
    #[schemars(length(min = 1))]
    pub events: Vec<String>,
    /// The mildest `incident.created` to tell of; all by default. Other events are not filtered.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// False switches the channel off.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where to send: an `http` or `https` URL. It counts as a secret and is shown without its path.
    pub webhook_url: Secret,
    /// How to send.
    #[serde(default)]
    pub webhook_method: Method,
    /// Further headers; their values count as secrets.
    #[serde(default)]
    pub webhook_headers: BTreeMap<String, Secret>,
    /// Takes the place of the module's `rateLimitPerMinute`.
    #[serde(default)]
    pub rate_limit_per_minute: Option<u32>,
}

/// The method of a webhook's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
}

const fn per_minute() -> u32 {
    60
}

const fn yes() -> bool {
    true
}

/// What every type of channel has.
struct Common {
    id: String,
    events: Vec<String>,
    min_severity: Option<Severity>,
    per_minute: Option<u32>,
}

/// The channels that are switched on.
pub(super) fn check(config: Config) -> Result<Vec<Ready>, BuildError> {
    let (mut ready, mut faults) = (Vec::new(), Vec::new());
    let mut ids = std::collections::BTreeSet::new();
    for (index, channel) in config.channels.into_iter().enumerate() {
        let path = KeyPath::of(["channels"]).with_index(index);
        if !ids.insert(channel.id().to_owned()) {
            let message = format!("another channel is called `{}`", channel.id());
            faults.push(BuildError::option(path.with_key("id"), message));
        }
        let is_enabled = channel.is_enabled();
        match channel.check(&path, config.rate_limit_per_minute) {
            Ok(channel) if is_enabled => ready.push(channel),
            Ok(_) => {}
            Err(error) => faults.push(error),
        }
    }
    match BuildError::join(faults) {
        Some(error) => Err(error),
        None => Ok(ready),
    }
}

impl Channel {
    fn id(&self) -> &str {
        match self {
            Self::Console(Console { id, .. })
            | Self::File(File { id, .. })
            | Self::Webhook(Webhook { id, .. }) => id,
        }
    }

    fn is_enabled(&self) -> bool {
        match self {
            Self::Console(Console { enabled, .. })
            | Self::File(File { enabled, .. })
            | Self::Webhook(Webhook { enabled, .. }) => *enabled,
        }
    }

    fn check(self, path: &KeyPath, per_minute: u32) -> Result<Ready, BuildError> {
        let (common, kind) = self.split(path);
        let kinds = common.kinds(path);
        let faults = [kind.as_ref().err(), kinds.as_ref().err()];
        if let Some(error) = BuildError::join(faults.into_iter().flatten().cloned()) {
            return Err(error);
        }
        let filter = Filter {
            kinds: kinds?,
            min_severity: common.min_severity,
        };
        let per_minute = common.per_minute.unwrap_or(per_minute);
        Ok(Ready {
            id: common.id,
            filter,
            per_minute: usize::try_from(per_minute).unwrap_or(usize::MAX),
            kind: kind?,
        })
    }

    fn split(self, path: &KeyPath) -> (Common, Result<Kind, BuildError>) {
        match self {
            Self::Console(console) => {
                let kind = Ok(Kind::Console(console.colour));
                let Console {
                    id,
                    events,
                    min_severity,
                    rate_limit_per_minute: per_minute,
                    ..
                } = console;
                (
                    Common {
                        id,
                        events,
                        min_severity,
                        per_minute,
                    },
                    kind,
                )
            }
            Self::File(file) => {
                let kind = file_kind(file.path, path);
                let File {
                    id,
                    events,
                    min_severity,
                    rate_limit_per_minute: per_minute,
                    ..
                } = file;
                (
                    Common {
                        id,
                        events,
                        min_severity,
                        per_minute,
                    },
                    kind,
                )
            }
            Self::Webhook(webhook) => {
                let kind =
                    Target::parse(&webhook, path).map(|target| Kind::Webhook(Box::new(target)));
                let Webhook {
                    id,
                    events,
                    min_severity,
                    rate_limit_per_minute: per_minute,
                    ..
                } = webhook;
                (
                    Common {
                        id,
                        events,
                        min_severity,
                        per_minute,
                    },
                    kind,
                )
            }
        }
    }
}

fn file_kind(file: PathBuf, path: &KeyPath) -> Result<Kind, BuildError> {
    if file.as_os_str().is_empty() {
        let message = "names no file: write the path of a file to append to";
        return Err(BuildError::option(path.with_key("path"), message));
    }
    Ok(Kind::File(file))
}

impl Common {
    /// The events by the names that the program uses.
    fn kinds(&self, path: &KeyPath) -> Result<Vec<&'static str>, BuildError> {
        let (mut kinds, mut faults) = (Vec::new(), Vec::new());
        for (index, name) in self.events.iter().enumerate() {
            match known_events().find(|known| known == name) {
                Some(known) => kinds.push(known),
                None => {
                    let path = path.with_key("events").with_index(index);
                    faults.push(BuildError::option(path, unknown_event(name)));
                }
            }
        }
        match BuildError::join(faults) {
            Some(error) => Err(error),
            None => Ok(kinds),
        }
    }
}

fn known_events() -> impl Iterator<Item = &'static str> {
    CORE_EVENTS.iter().map(|kind| kind.name)
}

fn unknown_event(name: &str) -> String {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, name);
    match known_events()
        .min_by_key(distance)
        .filter(|known| distance(known) <= 5)
    {
        Some(nearest) => format!("`{name}` is not an event: did you mean `{nearest}`?"),
        None => format!("`{name}` is not an event; `opspilot-server schema` lists them"),
    }
}
