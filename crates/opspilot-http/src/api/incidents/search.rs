//! Looking for incidents by what no index holds: words in their texts, their module, their assignee.
//!
//! Incidents are read newest first, within bounds of number and time. A search that reached one says so, and its cursor
//! goes on where it stopped: whoever follows cursors to the end has seen everything.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::incident::{Incident, IncidentFilter};
use opspilot_core::storage::Cursor;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::super::params::Params;
use super::super::problem::Problem;
use super::super::state::State;

/// How many incidents one request looks at.
const MOST: usize = 5_000;

/// How long one request looks.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many are read at once.
const PAGE: usize = 200;

/// The longest text to look for, in characters, and how many words it may have.
pub(super) const TEXT_LENGTH: usize = 200;
const WORDS: usize = 8;

/// What stands for nobody among assignees.
const NOBODY: &str = "-";

/// What to look for. An incident must be all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// In lower case; each must be in the title, the description or the matched line.
    words: Vec<String>,
    module: Option<String>,
    assignee: Option<String>,
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) incidents: Vec<Incident>,
    pub(super) next: Option<Cursor>,
    pub(super) searched: Searched,
}

/// How far a search went.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Search")]
pub(super) struct Searched {
    /// How many incidents were looked at for this page.
    examined: usize,
    /// False if the search stopped before the page was full and before the last incident: `nextCursor` goes on.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
}

impl Search {
    /// Reads `q`, `module` and `assignee`; `None` if nothing of that is given.
    pub(super) fn of(params: &mut Params) -> Option<Self> {
        let text = params.text("q").unwrap_or_default();
        let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
        if text.chars().count() > TEXT_LENGTH || words.len() > WORDS {
            let help = format!("write at most {WORDS} words of {TEXT_LENGTH} characters together");
            params.refuse("q", help);
        }
        let search = Self {
            words,
            module: params.text("module"),
            assignee: params.text("assignee"),
        };
        (search != Self::default()).then_some(search)
    }

    /// One page of what is looked for among the incidents that `filter` selects.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(super) async fn run(
        self,
        state: &State,
        filter: &IncidentFilter,
        (mut cursor, limit): (Option<Cursor>, usize),
    ) -> Result<Found, Problem> {
        let _turn = state.turn().await;
        let (search, end) = (Arc::new(self), Instant::now() + PATIENCE);
        let (mut incidents, mut examined) = (Vec::new(), 0);
        let stopped = loop {
            let (page, next) = state.cx.incidents.list(filter, cursor, PAGE).await?;
            let room = limit - incidents.len();
            let search = Arc::clone(&search);
            let look = state.cx.tasks.blocking(move || search.sift(page, room));
            let sifted = look.await;
            let sifted = sifted.map_err(|error| Problem::internal(error.to_string()))?;
            examined += sifted.examined;
            incidents.extend(sifted.found);
            cursor = sifted.stopped_at.or(next);
            if cursor.is_none() || incidents.len() >= limit {
                break None;
            }
            if examined >= MOST {
                break Some("as many incidents as one request may look at were looked at");
            }
            if Instant::now() >= end {
                break Some("it took too long");
            }
        };
        Ok(Found {
            incidents,
            next: cursor,
            searched: Searched {
                examined,
                complete: stopped.is_none(),
                stopped,
            },
        })
    }

    /// The first `room` incidents of a page that are what is looked for.
    fn sift(&self, page: Vec<Incident>, room: usize) -> Sifted {
        let mut sifted = Sifted::default();
        let last = page.len().saturating_sub(1);
        for (place, incident) in page.into_iter().enumerate() {
            sifted.examined += 1;
            if !self.is_met_by(&incident) {
                continue;
            }
            let cursor = incident.cursor();
            sifted.found.push(incident);
            if sifted.found.len() >= room {
                sifted.stopped_at = (place < last).then_some(cursor);
                break;
            }
        }
        sifted
    }

    fn is_met_by(&self, incident: &Incident) -> bool {
        let is_module = |module: &String| *module == incident.detected_by;
        let is_assignee = |wanted: &String| match &incident.assignee {
            Some(assignee) => assignee == wanted,
            None => wanted == NOBODY,
        };
        self.module.as_ref().is_none_or(is_module)
            && self.assignee.as_ref().is_none_or(is_assignee)
            && self.has_words(incident)
    }

    fn has_words(&self, incident: &Incident) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let line = incident.context.get("matchedLine").and_then(Value::as_str);
        let texts = [
            incident.title.as_str(),
            &incident.description,
            line.unwrap_or(""),
        ];
        let texts = texts.map(str::to_lowercase);
        let is_there = |word: &String| texts.iter().any(|text| text.contains(word.as_str()));
        self.words.iter().all(is_there)
    }
}

/// What is left of a page.
#[derive(Debug, Default)]
struct Sifted {
    found: Vec<Incident>,
    examined: usize,
    /// Where to go on, if the page has more.
    stopped_at: Option<Cursor>,
}
