//! Everything that is wrong with a request, told at once.

use serde_json::{Value, json};

use super::problem::{Code, Problem};

/// The most faults that are told.
const TOLD: usize = 20;

/// The longest name from a request that is repeated in an answer, in characters.
const NAME_LENGTH: usize = 64;

/// Faults of one request, each with the name of what is wrong.
#[derive(Debug)]
pub(super) struct Faults {
    /// What the names name: `parameter` or `field`.
    kind: &'static str,
    found: Vec<(String, String)>,
    untold: usize,
}

impl Faults {
    /// No fault yet.
    pub(super) const fn new(kind: &'static str) -> Self {
        Self {
            kind,
            found: Vec::new(),
            untold: 0,
        }
    }

    /// Adds a fault.
    pub(super) fn add(&mut self, name: &str, message: impl Into<String>) {
        if self.found.len() < TOLD {
            self.found.push((shown(name), message.into()));
        } else {
            self.untold += 1;
        }
    }

    /// The problem that tells of all faults; none when there are none.
    ///
    /// # Errors
    /// The problem.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.found.is_empty() {
            return Ok(());
        }
        let told = self
            .found
            .iter()
            .map(|(name, message)| format!("{} `{name}`: {message}", self.kind));
        let mut detail = told.collect::<Vec<_>>().join("; ");
        if self.untold > 0 {
            detail = format!("{detail}; and {} more", self.untold);
        }
        let entry =
            |(name, message): (String, String)| json!({ self.kind: name, "message": message });
        let errors: Vec<Value> = self.found.into_iter().map(entry).collect();
        Err(Problem::of(Code::INVALID_REQUEST)
            .detail(detail)
            .with("errors", errors.into()))
    }
}

/// `name` from a request, short enough to repeat.
fn shown(name: &str) -> String {
    match name.char_indices().nth(NAME_LENGTH) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}
