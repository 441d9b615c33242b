//! Numbers events, and knows which were seen; without input and output.

use std::collections::{HashMap, HashSet, VecDeque};

use opspilot_core::storage::{CollectionSpec, Record};
use serde::{Deserialize, Serialize};

/// The most events that are remembered as seen. Beyond it, less is read again than `lateMs` asks for.
const MOST_SEEN: usize = 500_000;

/// How far a group is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    /// The version of this form.
    pub(super) format: u32,
    /// The stream.
    pub(super) stream: String,
    /// Reading starts at this time, in milliseconds since 1970: what is older is complete.
    pub(super) from: i64,
    /// The number of the next event that is new.
    pub(super) next: u64,
    /// All that led from events with lower numbers is stored.
    pub(super) done: u64,
}

impl Record for Place {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "places",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.stream.clone()
    }
}

/// Events that were numbered together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    /// The stream.
    pub(super) stream: String,
    /// The number of the first event; the others follow.
    pub(super) first: u64,
    /// Time and identity of each.
    pub(super) events: Vec<(i64, u64)>,
}

impl Record for Page {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "pages",
        indexes: &[],
    };

    fn key(&self) -> String {
        format!("{}|{:020}", self.stream, self.first)
    }
}

impl Page {
    fn newest(&self) -> i64 {
        let times = self.events.iter().map(|(time, _)| *time);
        times.max().unwrap_or(i64::MIN)
    }

    /// The first and the last time.
    pub(super) fn times(&self) -> (i64, i64) {
        let times = self.events.iter().map(|(time, _)| *time);
        (times.min().unwrap_or_default(), self.newest())
    }

    /// The number of each event.
    pub(super) fn numbers(&self) -> HashMap<u64, u64> {
        let ids = self.events.iter().map(|(_, id)| *id);
        ids.zip(self.first..).collect()
    }
}

/// What the ledger has to know of an event.
pub(super) trait Dated {
    /// Its own time, in milliseconds since 1970.
    fn time(&self) -> i64;
    /// Its identity.
    fn id(&self) -> u64;
}

/// Numbers the events of one group.
#[derive(Debug)]
pub(super) struct Ledger {
    place: Place,
    pages: VecDeque<Page>,
    seen: HashSet<u64>,
}

impl Ledger {
    /// What is stored of a group. `pages` are in the order of their numbers.
    pub(super) fn restored(place: Place, pages: Vec<Page>) -> Self {
        let seen = pages.iter().flat_map(|page| &page.events);
        let seen = seen.map(|(_, id)| *id).collect();
        Self {
            place,
            pages: pages.into(),
            seen,
        }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// The page that was begun and not finished.
    pub(super) fn pending(&self) -> Option<&Page> {
        let is_open = self.place.done < self.place.next;
        // Invariant: one page is under way at a time, the last one.
        self.pages.back().filter(|_| is_open)
    }

    /// Numbers those of `events` that were not seen, and returns them with their numbers. The page has to be stored with
    /// the place before they are sent.
    pub(super) fn assign<E: Dated>(&mut self, mut events: Vec<E>) -> Vec<(u64, E)> {
        debug_assert!(self.pending().is_none(), "one page is under way at a time");
        events.retain(|event| self.seen.insert(event.id()));
        if events.is_empty() {
            return Vec::new();
        }
        // Stable: events of one time stay in the order in which the service tells them.
        events.sort_by_key(Dated::time);
        let page = Page {
            stream: self.place.stream.clone(),
            first: self.place.next,
            events: events
                .iter()
                .map(|event| (event.time(), event.id()))
                .collect(),
        };
        self.place.next += page.events.len() as u64;
        let numbered = (page.first..).zip(events).collect();
        self.pages.push_back(page);
        numbered
    }

    /// Those of `events` that belong to the pending page.
    pub(super) fn find<E: Dated>(&self, events: Vec<E>) -> Vec<(u64, E)> {
        let numbers = self.pending().map(Page::numbers).unwrap_or_default();
        let found = events.into_iter();
        found
            .filter_map(|event| Some((*numbers.get(&event.id())?, event)))
            .collect()
    }

    /// All that the pending page led to is stored.
    pub(super) const fn settle(&mut self) {
        self.place.done = self.place.next;
    }

    /// Everything before `complete` was read, and of what is visible everything before `reached`. Returns pages that need
    /// not be remembered any more; they have to be forgotten with the place that says so.
    pub(super) fn advance(&mut self, complete: i64, reached: i64) -> Vec<Page> {
        let mut from = self.place.from.max(complete.min(reached));
        let mut known: usize = self.pages.iter().map(|page| page.events.len()).sum();
        for page in &self.pages {
            if known <= MOST_SEEN {
                break;
            }
            known -= page.events.len();
            from = from.max(page.newest().saturating_add(1).min(reached));
        }
        self.place.from = from;
        let is_open = self.place.done < self.place.next;
        let last = self.pages.len().saturating_sub(1);
        let mut forgotten = Vec::new();
        let mut kept = VecDeque::new();
        for (index, page) in std::mem::take(&mut self.pages).into_iter().enumerate() {
            if page.newest() >= from || (is_open && index == last) {
                kept.push_back(page);
            } else {
                forgotten.push(page);
            }
        }
        self.pages = kept;
        for (_, id) in forgotten.iter().flat_map(|page| &page.events) {
            self.seen.remove(id);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests;
