//! Which entries are wanted. What the journal's own index can select is left to it, the rest is looked at here.

use std::fmt::Write as _;

use globset::{Glob, GlobSet, GlobSetBuilder};
use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;

use super::config::Config;
use super::entry::Entry;

/// The priority of an entry that has none.
pub(super) const DEFAULT_PRIORITY: u8 = 6;

/// What belongs to a unit's name; a name without is that of a service.
const KINDS: &[&str] = &[
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// Which entries are wanted.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// `FIELD=value`, for the journal's index.
    pub(super) matches: Vec<String>,
    /// Units by name, for the journal's index.
    pub(super) units: Vec<String>,
    /// Units by name and glob: the index knows only the units that there are when it is asked.
    globs: Option<GlobSet>,
    /// The wanted priorities, one bit each; `None` where the index selects them.
    priorities: Option<u8>,
    /// The whole of it as text: positions of another filter say nothing about gaps in this one.
    pub(super) text: String,
}

impl Filter {
    pub(super) fn parse(config: &Config) -> Result<Self, BuildError> {
        let mut faults = Vec::new();
        let mut fault = |key: &'static str, index: usize, message: String| {
            faults.push(BuildError::option(
                KeyPath::of([key]).with_index(index),
                message,
            ));
        };
        let mut wanted = 0_u8;
        for (index, priority) in config.priorities.iter().enumerate() {
            match 1_u8.checked_shl((*priority).into()) {
                Some(bit) => wanted |= bit,
                None => fault(
                    "priorities",
                    index,
                    format!("is {priority}, must be 0 to 7"),
                ),
            }
        }
        for (index, text) in config.matches.iter().enumerate() {
            match text.split_once('=') {
                Some(("PRIORITY", _)) => fault(
                    "matches",
                    index,
                    "use `priorities` for the priority".to_owned(),
                ),
                Some((field, _)) if is_field(field) => {}
                _ => fault(
                    "matches",
                    index,
                    format!("`{text}` is not of the form `FIELD=value`"),
                ),
            }
        }
        let mut globs = GlobSetBuilder::new();
        let mut names = Vec::new();
        for (index, text) in config.units.iter().enumerate() {
            if text.is_empty() || text.starts_with('-') || text.contains(char::is_whitespace) {
                fault(
                    "units",
                    index,
                    format!("`{text}` is not the name of a unit"),
                );
                continue;
            }
            let name = whole_name(text);
            match Glob::new(&name) {
                Ok(glob) => {
                    globs.add(glob);
                }
                Err(error) => fault("units", index, format!("`{text}` is not a glob: {error}")),
            }
            names.push(name);
        }
        let globs = globs
            .build()
            .map_err(|error| fault("units", 0, format!("cannot be used: {error}")));
        // What `--unit` of the program means is more than one match.
        let has_globs = config.units.iter().any(|text| is_glob(text))
            || (config.is_native() && !config.units.is_empty());
        match (BuildError::join(faults), globs) {
            (None, Ok(globs)) => Ok(Self::new(config, wanted, names, has_globs.then_some(globs))),
            (Some(fault), _) => Err(fault),
            (None, Err(())) => Err(BuildError::option(KeyPath::of(["units"]), "cannot be used")),
        }
    }

    fn new(config: &Config, wanted: u8, names: Vec<String>, globs: Option<GlobSet>) -> Self {
        let mut text = format!("{wanted:08b}");
        for part in config.units.iter().chain(&config.matches) {
            // Writing into a string cannot fail.
            write!(text, " {part}").ok();
        }
        let mut matches = config.matches.clone();
        let wants_all = matches!(wanted, 0 | 0xff);
        // The index does not find an entry without a priority.
        let is_indexed = !wants_all && wanted & (1 << DEFAULT_PRIORITY) == 0;
        if is_indexed {
            let chosen = (0..8_u8).filter(|priority| wanted & (1 << priority) != 0);
            matches.extend(chosen.map(|priority| format!("PRIORITY={priority}")));
        }
        Self {
            matches,
            units: if globs.is_some() { Vec::new() } else { names },
            globs,
            priorities: (!wants_all && !is_indexed).then_some(wanted),
            text,
        }
    }

    /// True if the index hands over every entry, so that their numbers leave out none.
    pub(super) const fn reads_all(&self) -> bool {
        self.matches.is_empty() && self.units.is_empty()
    }

    /// True if `entry` is wanted.
    pub(super) fn wants(&self, entry: &Entry<'_>) -> bool {
        let has_priority = |wanted: u8| {
            let priority = entry.priority().unwrap_or(DEFAULT_PRIORITY);
            wanted & (1 << (priority & 7)) != 0
        };
        self.priorities.is_none_or(has_priority)
            && self
                .globs
                .as_ref()
                .is_none_or(|globs| entry.is_of_unit(|unit| globs.is_match(unit)))
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn whole_name(text: &str) -> String {
    if is_glob(text) || KINDS.iter().any(|kind| text.ends_with(kind)) {
        return text.to_owned();
    }
    format!("{text}.service")
}

fn is_field(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
