//! Makes batches of facts, each told once.

use std::collections::BTreeMap;
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Attributes, LogBatchBuilder, LogSource};
use serde_json::Value;

use super::facts::{Fact, Seen};
use super::kind::Kind;
use super::progress::{Changes, Watched};

/// How many facts of one version have a position of their own.
const PLACES: u64 = 1 << 8;

/// The most text of one batch, in bytes, before its last record.
const BATCH_BYTES: usize = 256 << 10;

/// How many facts are remembered of one object.
const REMEMBERED: usize = 64;

/// A batch that is not acknowledged by anybody yet.
#[derive(Debug)]
pub(super) struct Draft {
    /// `None` when there is nothing to say.
    pub(super) builder: Option<LogBatchBuilder>,
    /// The position behind it.
    pub(super) end: u64,
    /// Where the watch stands when it is done.
    pub(super) watched: Watched,
    /// What is known then.
    pub(super) changes: Changes,
}

/// Makes batches of facts.
#[derive(Debug)]
pub(super) struct Outlet {
    module: Arc<str>,
    name: Arc<str>,
    kind: Kind,
    source: Arc<LogSource>,
    pub(super) watched: Watched,
    told: BTreeMap<String, Vec<u64>>,
    number: u64,
}

impl Outlet {
    pub(super) fn new(
        module: &str,
        name: &str,
        kind: Kind,
        watched: Watched,
        told: BTreeMap<String, Vec<u64>>,
    ) -> Self {
        let (module, name): (Arc<str>, Arc<str>) = (module.into(), name.into());
        let source = source(&module, &name, &watched);
        Self {
            module,
            name,
            kind,
            source,
            watched,
            told,
            number: 0,
        }
    }

    /// The cluster's versions begin anew.
    pub(super) fn set_watched(&mut self, watched: Watched) {
        self.source = source(&self.module, &self.name, &watched);
        self.watched = watched;
    }

    /// True if something is known of the object.
    pub(super) fn knows(&self, uid: &str) -> bool {
        self.told.contains_key(uid)
    }

    /// Forgets the objects that are not in a list, and says which.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) -> Changes {
        let gone: Vec<String> = self
            .told
            .keys()
            .filter(|uid| !is_there(uid))
            .cloned()
            .collect();
        gone.into_iter()
            .map(|uid| {
                self.told.remove(&uid);
                (uid, None)
            })
            .collect()
    }

    /// Forgets an object.
    pub(super) fn forget(&mut self, uid: &str, changes: &mut Changes) {
        if self.told.remove(uid).is_some() {
            changes.insert(uid.to_owned(), None);
        }
    }

    /// The batches that tell what is new of `seen`, objects in the order of their versions. The last one brings the watch to
    /// `version`, and `changes` with it.
    pub(super) fn drafts(
        &mut self,
        seen: Vec<Seen>,
        version: u64,
        changes: Changes,
        now: Timestamp,
    ) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let mut open = Open::default();
        for Seen {
            uid,
            version,
            facts,
        } in seen
        {
            let new = self.news(&uid, facts, &mut open.changes);
            for (place, fact) in (0..PLACES).zip(new) {
                let position = version * PLACES + place;
                if open.is_full(position) {
                    drafts.push(self.close(
                        std::mem::take(&mut open),
                        version.saturating_sub(1),
                        now,
                    ));
                }
                open.add(position, fact);
            }
        }
        open.changes.extend(changes);
        drafts.push(self.close(open, version, now));
        drafts
    }

    /// What was not told of an object. An object of which nothing is to be told any more is forgotten.
    fn news(&mut self, uid: &str, facts: Vec<Fact>, changes: &mut Changes) -> Vec<Fact> {
        // Each version of an Event is news.
        if self.kind == Kind::Events {
            return facts;
        }
        if facts.is_empty() {
            self.forget(uid, changes);
            return facts;
        }
        let told = self.told.entry(uid.to_owned()).or_default();
        let mut new: Vec<Fact> = Vec::new();
        for fact in facts {
            if !told.contains(&fact.key) {
                told.push(fact.key);
                new.push(fact);
            }
        }
        let over = told.len().saturating_sub(REMEMBERED);
        told.drain(..over);
        if !new.is_empty() {
            changes.insert(uid.to_owned(), Some(told.clone()));
        }
        new
    }

    fn close(&mut self, open: Open, version: u64, now: Timestamp) -> Draft {
        self.watched.version = self.watched.version.max(version);
        let Open {
            base,
            text,
            records,
            attributes,
            changes,
        } = open;
        let count = records.len() as u64;
        let builder = (count > 0).then(|| {
            let place = (base, self.number + 1);
            let mut builder = LogBatchBuilder::new(Arc::clone(&self.source), text, place, now);
            for (range, offset) in records {
                builder.record(range, offset);
            }
            builder.facts(Arc::new(attributes))
        });
        self.number += count;
        Draft {
            builder,
            end: (self.watched.version + 1) * PLACES,
            watched: self.watched.clone(),
            changes,
        }
    }
}

fn source(module: &Arc<str>, name: &Arc<str>, watched: &Watched) -> Arc<LogSource> {
    let collector = ("collector".to_owned(), Value::from(&**module));
    Arc::new(LogSource {
        module: Arc::clone(module),
        name: Arc::clone(name),
        stream: format!("kubernetes:{}#{}", watched.watch, watched.epoch).into(),
        attributes: Attributes::from_iter([collector]),
    })
}

/// A batch that takes more facts.
#[derive(Debug, Default)]
struct Open {
    base: u64,
    text: Vec<u8>,
    records: Vec<(std::ops::Range<usize>, usize)>,
    attributes: Vec<Attributes>,
    changes: Changes,
}

impl Open {
    /// True if a fact at `position` has to go into the next batch.
    fn is_full(&self, position: u64) -> bool {
        !self.records.is_empty()
            && (self.text.len() >= BATCH_BYTES || u32::try_from(position - self.base).is_err())
    }

    fn add(&mut self, position: u64, fact: Fact) {
        if self.records.is_empty() {
            self.base = position;
        }
        let start = self.text.len();
        self.text.extend_from_slice(fact.line.as_bytes());
        let offset = usize::try_from(position - self.base).unwrap_or(usize::MAX);
        self.records.push((start..self.text.len(), offset));
        self.text.push(b'\n');
        self.attributes.push(fact.attributes);
    }
}
